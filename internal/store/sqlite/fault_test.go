package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/pressly/goose/v3"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
	"github.com/budkavle/budkavle/internal/store/sqlstore"
	"github.com/budkavle/budkavle/internal/store/storetest"
)

// opened is a store with the connection that writes, to make it fail.
func opened(t testing.TB, path string) (*sqlstore.Store, func(pragma string)) {
	t.Helper()
	e := newEngine()
	if err := e.open(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	s := sqlstore.New(e, clock.System{})
	t.Cleanup(func() { s.Close() })
	return s, func(pragma string) {
		t.Helper()
		if _, err := e.conn.ExecContext(t.Context(), "PRAGMA "+pragma); err != nil {
			t.Fatal(err)
		}
	}
}

func submission(ids *ident.Source, size int) store.Submission {
	id := ids.Next()
	return store.Submission{
		Message: model.Message{ID: id}, Raw: bytes.Repeat([]byte("x"), size),
		Recipients: []model.Recipient{{RecipientKey: model.RecipientKey{Message: id}, Lane: model.Lane{Domain: "a.example", Account: 1}, Address: "x@a.example"}},
	}
}

// TestFullAndRecovered fills the store under concurrent callers: who was told of success finds the message, who was not
// does not, and when there is room again everything goes on by itself.
func TestFullAndRecovered(t *testing.T) {
	s, pragma := opened(t, filepath.Join(t.TempDir(), "budkavle.db"))
	ids := ident.NewSource(clock.System{}, 1)
	pragma("max_page_count = 300") // of 4 KiB
	taken, refused := 0, 0
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				sub := submission(ids, 20_000)
				err := s.Accept(t.Context(), []store.Submission{sub}, nil)
				body, missing := s.Body(t.Context(), sub.Message.ID)
				mu.Lock()
				switch {
				case err == nil && bytes.Equal(body, sub.Raw):
					taken++
				case store.Is(err, store.Full) && store.Passing(err) && store.Is(missing, store.NotFound):
					refused++
				default:
					t.Errorf("Accept %v, Body %v", err, missing)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if taken < 10 || refused < 10 {
		t.Errorf("%d taken and %d refused", taken, refused)
	}
	// What is there can still be claimed and settled: no page more is needed for that.
	got, err := s.Claim(t.Context(), []store.Claim{{Lane: model.Lane{Domain: "a.example", Account: 1}, Limit: 1}}, 7, clock.System{}.Now(), clock.System{}.Now())
	if err != nil || len(got[0].Recipients) != 1 {
		t.Errorf("Claim in a full store: %v, %v", got, err)
	}
	pragma("max_page_count = 100000")
	sub := submission(ids, 20_000)
	if err := s.Accept(t.Context(), []store.Submission{sub}, nil); err != nil {
		t.Errorf("not recovered: %v", err)
	}
}

func TestReadOnlyAndRecovered(t *testing.T) {
	s, pragma := opened(t, filepath.Join(t.TempDir(), "budkavle.db"))
	ids := ident.NewSource(clock.System{}, 1)
	sub := submission(ids, 10)
	pragma("query_only = 1")
	if err := s.Accept(t.Context(), []store.Submission{sub}, nil); !store.Is(err, store.Full) {
		t.Errorf("Accept: %v", err)
	}
	if err := s.Ping(t.Context()); !store.Is(err, store.Full) {
		t.Errorf("Ping: %v", err)
	}
	if _, err := s.Message(t.Context(), sub.Message.ID); !store.Is(err, store.NotFound) {
		t.Errorf("reading goes on: %v", err)
	}
	pragma("query_only = 0")
	if err := errors.Join(s.Ping(t.Context()), s.Accept(t.Context(), []store.Submission{sub}, nil)); err != nil {
		t.Errorf("not recovered: %v", err)
	}
}

// TestAnotherProcessWrites has two programs on one file, as the command line beside a node.
func TestAnotherProcessWrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "budkavle.db")
	var wg sync.WaitGroup
	for node := range 2 {
		s, _ := opened(t, path)
		ids := ident.NewSource(clock.System{}, node)
		wg.Go(func() {
			for range 50 {
				if err := s.Accept(t.Context(), []store.Submission{submission(ids, 10)}, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestABodyIsStoredOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "budkavle.db")
	s, _ := opened(t, path)
	sub := submission(ident.NewSource(clock.System{}, 1), 1<<20)
	for n := 1; n < 500; n++ {
		r := sub.Recipients[0]
		r.N = n
		sub.Recipients = append(sub.Recipients, r)
	}
	if err := errors.Join(s.Accept(t.Context(), []store.Submission{sub}, nil), s.Close()); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Size() > 2<<20 {
		t.Errorf("1 MiB to 500 recipients takes %d octets, %v", info.Size(), err)
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	no := filepath.Join(dir, "none")
	if err := os.WriteFile(no, []byte("this is not a database, and long enough to be looked at: "+fmt.Sprint(make([]byte, 200))), 0o600); err != nil {
		t.Fatal(err)
	}
	newer := filepath.Join(dir, "newer.db")
	s, _ := opened(t, newer)
	s.Close()
	db, err := sql.Open("sqlite", newer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)`); err != nil {
		t.Fatal(err)
	}
	db.Close()
	for path, want := range map[string]store.Kind{newer: store.Newer, no: store.Internal, filepath.Join(no, "x.db"): store.Unavailable, dir: store.Unavailable} {
		s, err := Open(t.Context(), path, clock.System{})
		if s != nil || !store.Is(err, want) {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
}

func TestMigrations(t *testing.T) {
	db, err := sql.Open("sqlite", dsn(filepath.Join(t.TempDir(), "x.db"), false))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	storetest.RunMigrations(t, func(files fs.FS) error {
		return sqlstore.Migrate(context.Background(), db, goose.DialectSQLite3, files)
	}, func(column string) bool {
		_, err := db.Exec(`SELECT ` + column + ` FROM t`)
		return err == nil
	})
}
