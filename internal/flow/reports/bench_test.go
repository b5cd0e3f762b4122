package reports

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dmarc"
	"github.com/budkavle/budkavle/internal/standard/dns/dnstest"
	"github.com/budkavle/budkavle/internal/standard/report"
	"github.com/budkavle/budkavle/internal/store"
	"github.com/budkavle/budkavle/internal/store/sqlite"
)

// loaded is a service with one domain, of which so many days are reported with so many lines each.
func loaded(b *testing.B, days, lines int) (*Service, model.Domain, store.Store) {
	b.Helper()
	st, err := sqlite.Open(context.Background(), filepath.Join(b.TempDir(), "budkavle.db"), clock.System{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { st.Close() })
	ids := ident.NewSource(clock.System{}, 1)
	s := New(Config{
		Store: st, Resolver: &dnstest.Fake{TXT: map[string][]string{"_dmarc.school.example": {"v=DMARC1; p=none"}}}, Clock: clock.System{}, IDs: ids,
		Addresses: func(context.Context) ([]netip.Addr, error) { return []netip.Addr{ours}, nil }, Log: slog.New(slog.DiscardHandler), Days: 14, Age: 400 * 24 * time.Hour,
	})
	d, err := st.AddDomain(b.Context(), model.Domain{Name: "school.example", Account: 1, State: model.DomainLive, Setup: model.SetupTXT}, nil,
		model.Event{ID: ids.Next(), Kind: model.EventDomain, At: time.Now()})
	if err != nil {
		b.Fatal(err)
	}
	for day := range days {
		keep(b, s, s.today()-model.Day(day), day, lines)
	}
	return s, d, st
}

func keep(b *testing.B, s *Service, day model.Day, id, lines int) {
	b.Helper()
	a := &dmarc.Aggregate{Organisation: "receiver.example", ID: fmt.Sprint(id), Begin: day.Begin(), End: day.Begin()}
	a.Published.Domain = "school.example"
	for i := range lines {
		a.Rows = append(a.Rows, row(netip.AddrFrom4([4]byte{10, byte(i % 7), byte(i >> 8), byte(i)}), int64(i+1)))
	}
	if _, err := s.Keep(b.Context(), report.Report{Kind: report.DMARC, DMARC: a}); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkKeep keeps reports of 500 lines, the most that are kept of one.
func BenchmarkKeep(b *testing.B) {
	s, _, st := loaded(b, 0, 0)
	s.Store = full{st, 0, 0} // no bound of the day
	i := 0
	for b.Loop() {
		keep(b, s, s.today(), i, maxLines)
		i++
	}
}

// BenchmarkStanding decides on 42 days of 500 lines each, which all fail.
func BenchmarkStanding(b *testing.B) {
	s, d, _ := loaded(b, 42, maxLines)
	for b.Loop() {
		if _, err := s.Standing(b.Context(), d); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLook is the same in the daily round, where a day too few is reported.
func BenchmarkLook(b *testing.B) {
	s, d, _ := loaded(b, 13, maxLines)
	for b.Loop() {
		if _, err := s.standing(b.Context(), &d, model.Stage{}, false); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCountDay counts a day of 100,000 deliveries, which is done once for each day.
func BenchmarkCountDay(b *testing.B) {
	s, d, st := loaded(b, 0, 0)
	yesterday := s.today() - 1
	first := ident.First(yesterday.Begin())
	for i := range 100 {
		evs := make([]model.Event, 1000)
		for j := range evs {
			evs[j] = model.Event{ID: first + ident.ID(i*1000+j), Kind: model.EventDelivered, At: yesterday.Begin(), Account: 1, Domain: d.ID, Recipient: "a@b.example"}
		}
		if err := st.NoteEvents(b.Context(), evs); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if err := s.count(b.Context(), &d, yesterday, yesterday); err != nil {
			b.Fatal(err)
		}
	}
}
