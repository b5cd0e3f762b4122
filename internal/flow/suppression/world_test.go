package suppression

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
	"github.com/budkavle/budkavle/internal/store/postgres"
	"github.com/budkavle/budkavle/internal/store/sqlite"
	"github.com/budkavle/budkavle/internal/store/sqlite/sqlitetest"
	"github.com/budkavle/budkavle/internal/store/storetest/pgtest"
)

func TestMain(m *testing.M) { os.Exit(withPostgres(m)) }

// urlVariable hands the server's URL from TestMain to the tests without a package variable.
const urlVariable = "SUPPRESSION_TEST_URL"

func withPostgres(m *testing.M) int {
	dir, err := os.MkdirTemp("", "suppression-test")
	if err == nil {
		defer os.RemoveAll(dir)
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
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

// world is a Service over a store with the accounts 1, of school.example and other.example, and 2, of shop.example.
type world struct {
	*Service
	store store.Store
	t     testing.TB
	ctx   context.Context
	now   time.Time

	school, other, shop model.Domain
}

func onSQLite(t testing.TB) *world {
	t.Helper()
	st, err := sqlite.Open(t.Context(), sqlitetest.File(t), clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	return newWorld(t, st)
}

// onPostgres is for one test of the package: its store is the server's only one.
func onPostgres(t testing.TB) *world {
	t.Helper()
	st, err := postgres.Open(t.Context(), os.Getenv(urlVariable), clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	return newWorld(t, st)
}

func newWorld(t testing.TB, st store.Store) *world {
	t.Helper()
	t.Cleanup(func() { st.Close() })
	w := &world{store: st, t: t, ctx: context.Background(), now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)}
	ids := ident.NewSource(clock.System{}, 1)
	w.Service = New(Config{Store: st, Clock: hand{now: w.now}, IDs: ids, Log: slog.New(slog.DiscardHandler)})
	for _, d := range []struct {
		name    string
		account model.AccountID
		into    *model.Domain
	}{{"school.example", 1, &w.school}, {"other.example", 1, &w.other}, {"shop.example", 2, &w.shop}} {
		var err error
		*d.into, err = st.AddDomain(w.ctx, model.Domain{Name: d.name, Account: d.account, State: model.DomainLive}, nil, model.Event{ID: ids.Next(), Kind: model.EventDomain})
		w.ok(err)
	}
	return w
}

// hand is a clock that stands.
type hand struct {
	clock.System
	now time.Time
}

func (h hand) Now() time.Time { return h.now }

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// entry makes an entry of account 1.
func (w *world) entry(domain model.DomainID, kind model.SuppressionKind, address, tag string) model.Suppression {
	w.t.Helper()
	e, err := w.Entry(List{1, domain}, Record{Kind: string(kind), Address: address, Tag: tag, Source: "smtp"})
	w.ok(err)
	return e
}

// add lists entries and says how many were.
func (w *world) add(list ...model.Suppression) int {
	w.t.Helper()
	n, err := w.Add(w.ctx, list)
	w.ok(err)
	return n
}

// all are the entries of an account.
func (w *world) all(account model.AccountID) []model.Suppression {
	w.t.Helper()
	list, err := w.store.ListSuppressions(w.ctx, store.SuppressionFilter{Account: account}, model.Suppression{}, false, 100_000)
	w.ok(err)
	return list
}

// lines are the entries of account 1, each as "domain kind address tag ×count".
func (w *world) lines() string {
	w.t.Helper()
	names := map[model.DomainID]string{0: "*", w.school.ID: "school", w.other.ID: "other"}
	var b strings.Builder
	for _, e := range w.all(1) {
		fmt.Fprintf(&b, "%s %s %s %s×%d\n", names[e.Domain], e.Kind, e.Address, e.Tag, e.Count)
	}
	return b.String()
}

// events are those of account 1 but of its domains.
func (w *world) events() []model.Event {
	w.t.Helper()
	evs, err := w.store.ListEvents(w.ctx, store.EventFilter{Account: 1, Ascending: true, Kinds: []model.EventKind{model.EventReturned}, Limit: 100})
	w.ok(err)
	return evs
}

// export writes account 1's lists.
func (w *world) export(to func(*bytes.Buffer) Writer) []byte {
	w.t.Helper()
	var b bytes.Buffer
	out := to(&b)
	w.ok(w.Each(w.ctx, store.SuppressionFilter{Account: 1}, func(_ model.Suppression, r Record) error { return out.Write(r) }))
	w.ok(out.Flush())
	return b.Bytes()
}

// imported reads a text into account 1's lists; refused are "row: why".
func (w *world) imported(text string, o ImportOptions) (done Imported, refused []string) {
	w.t.Helper()
	o.Account = 1
	o.Refused = func(r Refused) error {
		refused = append(refused, fmt.Sprintf("%d: %v", r.Row, r.Why))
		return nil
	}
	done, err := w.Import(w.ctx, strings.NewReader(text), o)
	w.ok(err)
	return done, refused
}
