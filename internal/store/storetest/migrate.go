package storetest

import (
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/budkavle/budkavle/internal/store"
)

// RunMigrations proves that a schema goes forward and never back: migrate brings one empty database to the newest of the
// files, and tableHas reports whether its table t has the column.
func RunMigrations(t *testing.T, migrate func(fs.FS) error, tableHas func(column string) bool) {
	files := func(versions ...string) fs.FS {
		all := fstest.MapFS{}
		for _, v := range versions {
			text := map[string]string{
				"0001": "CREATE TABLE t (a BIGINT);", "0002": "ALTER TABLE t ADD COLUMN b BIGINT;",
				"0003": "ALTER TABLE t ADD COLUMN c BIGINT; this is no SQL;",
			}[v]
			all[v+"_x.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + text + "\n")}
		}
		return all
	}
	for _, step := range []struct {
		versions []string
		kind     store.Kind // "": it succeeds
		b        bool       // is the second version's column there afterwards?
	}{
		{[]string{"0001"}, "", false},
		{[]string{"0001"}, "", false},
		{[]string{"0001", "0002"}, "", true},
		{[]string{"0001"}, store.Newer, true},
		{[]string{"0001", "0002"}, "", true},
	} {
		err := migrate(files(step.versions...))
		if step.kind == "" && err != nil || step.kind != "" && !store.Is(err, step.kind) {
			t.Fatalf("to %v: %v", step.versions, err)
		}
		if !tableHas("a") || tableHas("b") != step.b {
			t.Errorf("after %v: column b is there: %v", step.versions, tableHas("b"))
		}
	}
	if err := migrate(files("0001", "0002", "0003")); err == nil || tableHas("c") {
		t.Errorf("a step that fails leaves half of it: %v, %v", err, tableHas("c"))
	}
	if err := migrate(files("0001", "0002")); err != nil {
		t.Errorf("after a step that failed: %v", err)
	}
}
