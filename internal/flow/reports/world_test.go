package reports

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dmarc"
	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/standard/dns/dnstest"
	"github.com/budkavle/budkavle/internal/standard/report"
	"github.com/budkavle/budkavle/internal/store"
	"github.com/budkavle/budkavle/internal/store/sqlite"
	"github.com/budkavle/budkavle/internal/store/sqlite/sqlitetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Addresses of the world of these tests.
var (
	ours     = netip.MustParseAddr("192.0.2.10")
	known    = netip.MustParseAddr("198.51.100.20") // in the record of Mailchimp
	stranger = netip.MustParseAddr("203.0.113.66")
)

// letters keeps what owners are written.
type letters struct {
	mu   sync.Mutex
	list []string // subject and text
}

func (l *letters) Tell(_ context.Context, a model.Account, domain, subject, text string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, "To: "+a.Contact+"\nSubject: "+subject+"\n\n"+text)
	return nil
}

// bench is a service on a store, in virtual time.
type bench struct {
	*Service
	t       testing.TB
	store   store.Store
	dns     *dnstest.Fake
	letters *letters
	domain  model.Domain
	counted map[string]int
	number  int
}

// inTime gives the test a bench with the live domain school.example, whose account has a contact, on the day 2026-11-24.
func inTime(t *testing.T, f func(t *testing.T, b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC))) // identifiers begin in 2024
		st, err := sqlite.Open(context.Background(), sqlitetest.File(t), clock.System{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { st.Close() })
		b := &bench{t: t, store: st, letters: &letters{}, counted: map[string]int{}, dns: &dnstest.Fake{TXT: map[string][]string{
			"_dmarc.school.example": {"v=DMARC1; p=none; rua=mailto:dmarc@bounce.operator.example"},
			"servers.mcsv.net":      {"v=spf1 ip4:198.51.100.0/24 -all"},
			"school.example":        {"v=spf1 ip4:192.0.2.10 -all"},
		}}}
		ids := ident.NewSource(clock.System{}, 1)
		var mu sync.Mutex
		b.Service = New(Config{
			Store: st, Resolver: b.dns, Addresses: func(context.Context) ([]netip.Addr, error) { return []netip.Addr{ours}, nil }, Clock: clock.System{}, IDs: ids,
			Log: slog.New(slog.DiscardHandler), Notifier: b.letters, ReportTo: "dmarc@bounce.operator.example", Days: 14, Age: 400 * 24 * time.Hour,
			Observe: func(kind, outcome string) {
				mu.Lock()
				defer mu.Unlock()
				b.counted[kind+" "+outcome]++
			},
		})
		a, err := st.AddAccount(t.Context(), model.Account{Name: "school", State: model.AccountActive, Weight: 1, Contact: "it@school.example"})
		b.ok(err)
		key := model.SigningKey{Selector: "s1", Algorithm: model.AlgorithmRSA, State: model.KeyActive, Public: []byte{1}, Sealed: []byte{2}, CreatedAt: time.Now()}
		b.domain, err = st.AddDomain(t.Context(), model.Domain{
			Name: "school.example", Account: a.ID, State: model.DomainLive, Setup: model.SetupTXT, CreatedAt: time.Now(), ChangedAt: time.Now(),
		}, []model.SigningKey{key}, model.Event{ID: ids.Next(), Kind: model.EventDomain, At: time.Now()})
		b.ok(err)
		f(t, b)
	})
}

func (b *bench) ok(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// row is a row of a report: mail of ours that passes, or what somebody else sent in its name.
func row(addr netip.Addr, n int64) dmarc.Row {
	r := dmarc.Row{Source: addr, Count: n, Disposition: "none", DKIM: "fail", SPF: "fail", From: "school.example", Senders: []dmarc.Sender{{Domain: "spam.example", Result: "pass"}}}
	if addr == ours {
		r.DKIM, r.SPF = "pass", "pass"
		r.Senders[0].Domain = "bounce.school.example"
		r.Signatures = []dmarc.Signature{{Domain: "school.example", Selector: "s1", Result: "pass"}}
	}
	return r
}

// reported has a receiver report of a day.
func (b *bench) reported(day model.Day, rows ...dmarc.Row) []Kept {
	b.t.Helper()
	b.number++
	a := &dmarc.Aggregate{Organisation: "Receiver.example", ID: fmt.Sprint(b.number), Begin: day.Begin(), End: (day + 1).Begin().Add(-time.Second), Rows: rows}
	a.Published.Domain = "school.example"
	kept, err := b.Keep(b.t.Context(), report.Report{Kind: report.DMARC, DMARC: a})
	b.ok(err)
	return kept
}

// delivered records the event of a delivery on a day.
func (b *bench) delivered(day model.Day) {
	b.t.Helper()
	at := day.Begin().Add(12 * time.Hour)
	b.ok(b.store.NoteEvents(b.t.Context(), []model.Event{{
		ID: ident.First(at) + ident.ID(b.number), Kind: model.EventDelivered, At: at, Account: b.domain.Account, Domain: b.domain.ID, Recipient: "a@b.example",
	}}))
	b.number++
}

// wellFor puts down days of passing mail, the last one yesterday.
func (b *bench) wellFor(days int) {
	b.t.Helper()
	for i := range days {
		day := b.today() - 1 - model.Day(i)
		b.delivered(day)
		b.reported(day, row(ours, 100))
	}
}

func (b *bench) publish(record string) { b.dns.TXT["_dmarc.school.example"] = []string{record} }

// events are those about reports, as "class: reason".
func (b *bench) events() string {
	b.t.Helper()
	evs, err := b.store.ListEvents(b.t.Context(), store.EventFilter{Kinds: []model.EventKind{model.EventReport}, Ascending: true, Limit: 100})
	b.ok(err)
	var list []string
	for _, e := range evs {
		list = append(list, e.Data.Class+": "+e.Data.Reason)
	}
	return strings.Join(list, "\n")
}

// watch runs the watch for a time.
func (b *bench) watch(d time.Duration) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = b.Watch(ctx) })
	time.Sleep(d)
	cancel()
	wg.Wait()
}

var _ dns.Resolver = (*dnstest.Fake)(nil)
