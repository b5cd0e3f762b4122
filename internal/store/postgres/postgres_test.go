package postgres

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/store"
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

// open makes a database of its own for each store.
func opener() storetest.Open {
	var count atomic.Int64
	return func(t testing.TB) store.Store {
		t.Helper()
		ctx := context.Background()
		admin, err := pgx.Connect(ctx, os.Getenv(urlVariable))
		if err != nil {
			t.Fatal(err)
		}
		defer admin.Close(ctx)
		name := fmt.Sprintf("test_%s_%d", strings.ToLower(t.Name()[4:8]), count.Add(1))
		if _, err := admin.Exec(ctx, `CREATE DATABASE "`+name+`"`); err != nil {
			t.Fatal(err)
		}
		s, err := Open(ctx, strings.Replace(os.Getenv(urlVariable), "/postgres?", "/"+name+"?", 1), clock.System{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
}

func TestConformance(t *testing.T) { storetest.Run(t, opener()) }
