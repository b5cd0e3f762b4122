package suppression

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
	"github.com/budkavle/budkavle/internal/store/sqlite"
)

var (
	entriesFlag = flag.Int("entries", 10_000, "entries on the lists in BenchmarkLists")
	storeFlag   = flag.String("store", "sqlite", "store of BenchmarkLists: sqlite or postgres")
)

// rowsOf is a file of as many rows, whose addresses are in no order, as those of real lists are not.
type rowsOf struct {
	rows, n int
	buf     []byte
}

// addressOf is the i-th address: i is mixed so that neighbours in the file lie far apart on the list.
func addressOf(i int) string {
	x := uint64(i)*0x9e3779b97f4a7c15 ^ 0x5bd1e995
	return fmt.Sprintf("u%013x@d%d.example", x>>12, x%50_000)
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
			r.buf = append(r.buf, addressOf(r.n)...)
			r.buf = append(r.buf, ",550,550 5.1.1 The email account that you tried to reach does not exist,\"Mon, 02 Nov 2026 09:30:00 UTC\"\n"...)
			r.n++
		}
	}
	n := copy(p, r.buf)
	r.buf = r.buf[n:]
	return n, nil
}

// BenchmarkLists imports, looks up, turns pages and exports; docs/suppression.md has the command and what it gave.
func BenchmarkLists(b *testing.B) {
	w, path := benchWorld(b)
	began := time.Now()
	last := began
	done, err := w.Import(b.Context(), &rowsOf{rows: *entriesFlag}, ImportOptions{
		List: List{1, w.school.ID}, Refused: func(r Refused) error { return r.Why },
		Progress: func(d Imported) {
			if time.Since(last) > 20*time.Second {
				last = time.Now()
				fmt.Fprintf(os.Stderr, "%d rows, %.0f a second\n", d.Rows, float64(d.Rows)/time.Since(began).Seconds())
			}
		},
	})
	if err != nil || done.Listed != *entriesFlag {
		b.Fatalf("%+v, %v", done, err)
	}
	fmt.Fprintf(os.Stderr, "import %.0f rows/s; memory at most %d MiB; store %d MiB\n", float64(done.Rows)/time.Since(began).Seconds(), peak(b), sizeOf(path))
	for name, keys := range map[string]int{"one address": 1, "1000 addresses": 1000} {
		for _, listed := range []int{0, 100} {
			b.Run(fmt.Sprintf("look-up/%s/%d%% listed", name, listed), func(b *testing.B) { lookUp(b, w, keys, listed) })
		}
	}
	b.Run("page", func(b *testing.B) {
		for b.Loop() {
			page, err := w.Page(b.Context(), Query{Domain: &w.school, Kind: model.SuppressBounce, After: addressOf(rand.IntN(*entriesFlag)), Limit: 100})
			if err != nil || *entriesFlag > 1e6 && len(page) < 100 {
				b.Fatalf("%d, %v", len(page), err)
			}
		}
	})
	began = time.Now()
	out, n := NewCSV(io.Discard), 0
	err = w.Each(b.Context(), store.SuppressionFilter{Account: 1}, func(_ model.Suppression, r Record) error { n++; return out.Write(r) })
	if err != nil || n != *entriesFlag {
		b.Fatalf("exported %d, %v", n, err)
	}
	fmt.Fprintf(os.Stderr, "export %.0f rows/s; memory at most %d MiB\n", float64(n)/time.Since(began).Seconds(), peak(b))
}

func benchWorld(b *testing.B) (w *world, path string) {
	b.Helper()
	if *storeFlag == "postgres" {
		return onPostgres(b), ""
	}
	path = filepath.Join(b.TempDir(), "budkavle.db")
	st, err := sqlite.Open(context.Background(), path, clock.System{})
	if err != nil {
		b.Fatal(err)
	}
	return newWorld(b, st), path
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
	var sum time.Duration
	for _, d := range took {
		sum += d
	}
	b.ReportMetric(float64(sum.Nanoseconds())/float64(len(took)*keys), "ns/address")
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
