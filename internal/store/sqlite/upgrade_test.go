package sqlite

import (
	"context"
	"database/sql"
	"io/fs"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
	"github.com/budkavle/budkavle/internal/store/sqlstore"
)

// TestDomainsOfTheFirstVersion: what the first version of the schema kept goes on as it was, and is due for a check.
func TestDomainsOfTheFirstVersion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "budkavle.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	text, err := fs.ReadFile(schema, "schema/0001_foundation.sql")
	if err != nil {
		t.Fatal(err)
	}
	first := fstest.MapFS{"0001_foundation.sql": {Data: text}}
	if err := sqlstore.Migrate(context.Background(), db, goose.DialectSQLite3, first); err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{
		`INSERT INTO account VALUES (1, 'school', 'active', '', 0, 0, 1, 1000000)`,
		`INSERT INTO domain VALUES (7, 'school.example', 1, 'live', '', 'known', 2000000, 3000000)`,
		`INSERT INTO signing_key VALUES (7, 'bk202611r', 'rsa', 'active', X'01', X'02', 4000000)`,
	} {
		if _, err := db.Exec(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	st, err := Open(t.Context(), path, clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	a, err := st.Account(t.Context(), "school")
	if err != nil || a.Contact != "" || a.State != model.AccountActive {
		t.Errorf("account %+v, %v", a, err)
	}
	keys, err := st.SigningKeys(t.Context(), 7)
	if err != nil || len(keys) != 1 || keys[0].State != model.KeyActive || !keys[0].ChangedAt.Equal(time.Unix(4, 0)) || !keys[0].SeenAt.IsZero() {
		t.Errorf("keys %+v, %v", keys, err)
	}
	list, err := st.ClaimDomains(t.Context(), time.Unix(5, 0), time.Unix(6, 0), 10)
	if err != nil || len(list) != 1 {
		t.Fatalf("due %+v, %v", list, err)
	}
	d := list[0]
	if d.Name != "school.example" || d.State != model.DomainLive || d.Waiver != "known" || d.Setup != model.SetupTXT || d.Token != "" || d.Lacks != nil || !d.OwnedAt.IsZero() {
		t.Errorf("domain %+v", d)
	}
	d.Token = "t"
	if err := st.ChangeDomain(t.Context(), store.DomainChange{Domain: d, From: d.State}); err != nil {
		t.Error(err)
	}
}
