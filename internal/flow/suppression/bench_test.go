package suppression

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
	"github.com/budkavle/budkavle/internal/store/sqlite"
)

var entriesFlag = flag.Int("entries", 10_000, "entries that are on the lists in BenchmarkLists")

const (
	imported = 50_000    // rows that BenchmarkLists reads in besides
	exported = 1_000_000 // rows after which it ends its export
)

// fill puts entries on the list of a store by SQL, in their order: it is not what is measured.
func fill(b *testing.B, path string, domain model.DomainID) {
	b.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	const step = 1_000_000
	for from := 0; from < *entriesFlag; from += step {
		_, err := db.ExecContext(b.Context(), `WITH RECURSIVE n(i) AS (SELECT ? UNION ALL SELECT i+1 FROM n WHERE i+1 < ?)
			INSERT INTO suppression SELECT 1, ?, 'bounce', a, '', a, '550', '550 5.1.1 The email account that you tried to reach does not exist', 'smtp', 1, 1793611800000000
			FROM (SELECT printf('u%09d@d%d.example', i, i % 50000) AS a FROM n)`, from, min(from+step, *entriesFlag), int64(domain))
		if err != nil {
			b.Fatal(err)
		}
	}
}

// addressOf is the i-th address that fill makes.
func addressOf(i int) string { return fmt.Sprintf("u%09d@d%d.example", i, i%50_000) }

// rowsOf is a file of as many rows. Their addresses are in no order, as those of real lists are not.
type rowsOf struct {
	rows, n int
	buf     []byte
}

func (r *rowsOf) Read(p []byte) (int, error) {
	if len(r.buf) == 0 {
		if r.n == r.rows {
			return 0, io.EOF
		}
		if r.n == 0 {
			r.buf = append(r.buf, "address,code,error,created_at\n"...)
		}
		for range min(1000, r.rows-r.n) {
			r.buf = fmt.Appendf(r.buf, "u%09d.x@d%d.example,550,550 5.1.1 The email account that you tried to reach does not exist,\"Mon, 02 Nov 2026 09:30:00 UTC\"\n", rand.IntN(1e9), r.n)
			r.n++
		}
	}
	n := copy(p, r.buf)
	r.buf = r.buf[n:]
	return n, nil
}

// BenchmarkLists imports, looks up, turns pages and exports; docs/suppression.md has the command and what it gave.
func BenchmarkLists(b *testing.B) {
	path := filepath.Join(b.TempDir(), "budkavle.db")
	st, err := sqlite.Open(context.Background(), path, clock.System{})
	if err != nil {
		b.Fatal(err)
	}
	w := newWorld(b, st)
	fill(b, path, w.school.ID)
	for name, keys := range map[string]int{"one address": 1, "1000 addresses": 1000} {
		for _, listed := range []int{0, 100} {
			b.Run(fmt.Sprintf("look-up/%s/%d%% listed", name, listed), func(b *testing.B) { lookUp(b, w, keys, listed) })
		}
	}
	b.Run("page", func(b *testing.B) {
		for b.Loop() {
			page, err := w.Page(b.Context(), Query{Domain: &w.school, Kind: model.SuppressBounce, After: addressOf(rand.IntN(*entriesFlag - 100)), Limit: 100})
			if err != nil || len(page) < 99 {
				b.Fatalf("%d, %v", len(page), err)
			}
		}
	})
	began := time.Now()
	done, err := w.Import(b.Context(), &rowsOf{rows: imported}, ImportOptions{List: List{1, w.school.ID}, Refused: func(r Refused) error { return r.Why }})
	if err != nil || done.Listed != imported {
		b.Fatalf("%+v, %v", done, err)
	}
	fmt.Fprintf(os.Stderr, "import %.0f rows/s\n", float64(done.Rows)/time.Since(began).Seconds())
	began = time.Now()
	out, n := NewCSV(io.Discard), 0
	enough := errors.New("enough")
	err = w.Each(b.Context(), store.SuppressionFilter{Account: 1}, func(_ model.Suppression, r Record) error {
		if n++; n == exported {
			return enough
		}
		return out.Write(r)
	})
	if err != nil && err != enough {
		b.Fatal(err)
	}
	fmt.Fprintf(os.Stderr, "export %.0f rows/s; memory at most %d MiB; store %d MiB\n", float64(n)/time.Since(began).Seconds(), peak(b), sizeOf(path))
}

func lookUp(b *testing.B, w *world, keys, listed int) {
	list := make([]string, keys)
	var took []time.Duration
	for b.Loop() {
		for i := range list {
			list[i] = addressOf(rand.IntN(*entriesFlag))
			if rand.IntN(100) >= listed {
				list[i] = "x" + list[i]
			}
		}
		began := time.Now()
		found, err := w.store.Suppressed(b.Context(), 1, list)
		if took = append(took, time.Since(began)); err != nil || listed == 100 && len(found) == 0 || listed == 0 && len(found) > 0 {
			b.Fatalf("%d found, %v", len(found), err)
		}
	}
	slices.Sort(took) // the median: other programs disturb few of them
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/float64(keys), "median-ns/address")
}

// peak is the most memory that the process had, in MiB.
func peak(b *testing.B) int {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(string(m[1])) // digits
	return n >> 10
}

// sizeOf is that of a file, in MiB; 0 for none.
func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size() >> 20
}
