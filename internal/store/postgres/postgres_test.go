package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/store"
	"github.com/budkavle/budkavle/internal/store/sqlstore"
	"github.com/budkavle/budkavle/internal/store/storetest"
	"github.com/budkavle/budkavle/internal/store/storetest/pgtest"
)

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "postgres-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	cluster, err := pgtest.StartCluster(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer cluster.Stop()
	if err := os.Setenv(urlVariable, cluster.URL); err != nil {
		return 1
	}
	return m.Run()
}

// urlVariable hands the server's URL from TestMain to the tests without a package variable.
const urlVariable = "POSTGRES_TEST_URL"

// opener gives each store a schema of its own.
func opener() storetest.Open {
	var count atomic.Int64
	return func(t testing.TB) store.Store {
		t.Helper()
		s, err := Open(context.Background(), newSchema(t, fmt.Sprintf("test_%d", count.Add(1))), clock.System{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
}

// newSchema makes an empty schema and returns the URL whose connections see it alone.
func newSchema(t testing.TB, name string) string {
	t.Helper()
	ctx := context.Background()
	admin, err := pgx.Connect(ctx, os.Getenv(urlVariable))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(ctx)
	if _, err := admin.Exec(ctx, `DROP SCHEMA IF EXISTS `+name+` CASCADE; CREATE SCHEMA `+name); err != nil { // go test -count runs it again
		t.Fatal(err)
	}
	return os.Getenv(urlVariable) + "&search_path=" + name
}

func TestConformance(t *testing.T) { storetest.Run(t, 2, opener()) }

func TestMigrations(t *testing.T) {
	db, err := sql.Open("pgx", newSchema(t, "migrations"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	storetest.RunMigrations(t, func(files fs.FS) error {
		return sqlstore.Migrate(context.Background(), db, goose.DialectPostgres, files)
	}, func(column string) bool {
		_, err := db.Exec(`SELECT ` + column + ` FROM t`)
		return err == nil
	})
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	url := newSchema(t, "newer")
	s, err := Open(t.Context(), url, clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)`); err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]store.Kind{
		url: store.Newer, "postgres://postgres@127.0.0.1:1/x?sslmode=disable": store.Unavailable, "postgres://u:secret@h:port/x": store.Internal,
	} {
		s, err := Open(t.Context(), url, clock.System{})
		if s != nil || !store.Is(err, want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %s", url, err, want)
		}
	}
}

func BenchmarkAccept(b *testing.B) { storetest.BenchmarkAccept(b, opener()) }
