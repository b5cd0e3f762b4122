package storetest

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

func dmarcReport(reporter, id string, day model.Day, seen ...model.Seen) model.Report {
	return model.Report{Domain: 3, Kind: model.ReportDMARC, Reporter: reporter, ID: id, Day: day, At: now, Seen: seen}
}

func (b *bench) addReport(r model.Report, want bool) {
	b.t.Helper()
	if added, err := b.AddReport(b.ctx, r); err != nil || added != want {
		b.t.Fatalf("report %s of %s: added %v, %v", r.ID, r.Reporter, added, err)
	}
}

func testReports(t *testing.T, b *bench) {
	const day = model.Day(20_000)
	good := model.Seen{
		Source: netip.MustParseAddr("192.0.2.1"), From: "school.example", SPF: true, DKIM: true, Disposition: "none", Envelope: "bounce.school.example", SPFResult: "pass",
		Signer: "school.example", Selector: "s1", DKIMResult: "pass", Count: 90,
	}
	bad := model.Seen{Source: netip.MustParseAddr("2001:db8::7"), From: "school.example", Disposition: "reject", Envelope: "spam.example", SPFResult: "pass", Count: 7}
	forwarded := model.Seen{Source: netip.MustParseAddr("198.51.100.9"), From: "school.example", Disposition: "quarantine", Forwarded: true, Count: 3}
	rest := model.Seen{From: "school.example", Disposition: "none", Count: 2}
	b.addReport(dmarcReport("google.com", "1", day, good, bad), true)
	b.addReport(dmarcReport("google.com", "1", day, good, bad), false)
	b.addReport(dmarcReport("google.com", "2", day, good), true) // the same again is added up
	b.addReport(dmarcReport("yahoo.com", "1", day, bad, forwarded), true)
	b.addReport(dmarcReport("yahoo.com", "2", day+1, rest), true)
	other := dmarcReport("google.com", "1", day, good)
	other.Domain = 4
	b.addReport(other, true)

	days, err := b.SeenDays(b.ctx, 3, day, day+1)
	b.ok(err)
	same(t, "days", days, []model.SeenDay{
		{Day: day, Reporters: 2, Messages: 197, Passing: 180, Refused: 14, Suspected: 3},
		{Day: day + 1, Reporters: 1, Messages: 2},
	})
	sources, err := b.SeenSources(b.ctx, 3, day, day+1, 10)
	b.ok(err)
	sum := func(w model.Seen, n int64) model.Seen { w.Count = n; return w }
	same(t, "sources", sources, []model.Seen{sum(good, 180), sum(bad, 14), forwarded, rest})
	if few, err := b.SeenSources(b.ctx, 3, day, day+1, 2); err != nil || len(few) != 2 {
		t.Errorf("%d sources of 2, %v", len(few), err)
	}
	failing, err := b.FailingSources(b.ctx, 3, day, day, 10)
	b.ok(err)
	same(t, "failing", failing, []store.SeenOn{
		{Day: day, Seen: model.Seen{Source: bad.Source, Count: 14}}, {Day: day, Seen: model.Seen{Source: forwarded.Source, Forwarded: true, Count: 3}},
	})
	reporters, err := b.Reporters(b.ctx, 3, day, day+1, 10)
	b.ok(err)
	same(t, "reporters", reporters, []store.Reporter{
		{Name: "google.com", Kind: model.ReportDMARC, Reports: 2, Messages: 187}, {Name: "yahoo.com", Kind: model.ReportDMARC, Reports: 2, Messages: 12},
	})
	for since, want := range map[time.Time]string{now: "4 6", now.Add(time.Second): "0 0"} {
		n, lines, err := b.CountReports(b.ctx, 3, since)
		if got := fmt.Sprint(n, lines); err != nil || got != want {
			t.Errorf("since %v: %s, %v; want %s", since, got, err, want)
		}
	}
	if none, err := b.SeenDays(b.ctx, 3, day+2, day+9); err != nil || len(none) != 0 {
		t.Errorf("later: %v, %v", none, err)
	}
}

func testTLSReports(t *testing.T, b *bench) {
	const day = model.Day(20_000)
	r := model.Report{
		Domain: 3, Kind: model.ReportTLS, Reporter: "google.com", ID: "1", Day: day, At: now,
		Sessions: []model.Sessions{{Policy: "sts", Count: 100}, {Policy: "sts", Failure: "certificate-expired", Count: 4}},
	}
	b.addReport(r, true)
	b.addReport(r, false)
	r.ID, r.Day = "2", day+1
	b.addReport(r, true)
	got, err := b.SeenTLS(b.ctx, 3, day, day+1, 3)
	b.ok(err)
	same(t, "TLS", got, []model.SeenTLS{
		{Day: day + 1, Reporter: "google.com", Sessions: r.Sessions[0]},
		{Day: day + 1, Reporter: "google.com", Sessions: r.Sessions[1]},
		{Day: day, Reporter: "google.com", Sessions: r.Sessions[0]},
	})
	if days, err := b.SeenDays(b.ctx, 3, day, day+1); err != nil || len(days) != 0 {
		t.Errorf("sessions are no messages: %v, %v", days, err)
	}
}

func testSent(t *testing.T, b *bench) {
	first := []model.SentDay{{Day: 20_000, Delivered: 5, Aligned: true}, {Day: 20_001}}
	b.ok(b.AddSentDays(b.ctx, 3, first))
	b.ok(b.AddSentDays(b.ctx, 3, []model.SentDay{{Day: 20_000, Delivered: 9}, {Day: 20_002, Delivered: 1}}))
	b.ok(b.AddSentDays(b.ctx, 4, []model.SentDay{{Day: 20_000, Delivered: 8}}))
	got, err := b.SentDays(b.ctx, 3, 20_000, 20_002)
	b.ok(err)
	same(t, "sent", got, append(first, model.SentDay{Day: 20_002, Delivered: 1}))
}

func testStage(t *testing.T, b *bench) {
	s, err := b.Stage(b.ctx, 3)
	b.ok(err)
	same(t, "nothing yet", s, model.Stage{Domain: 3})
	ev := b.event(model.EventReport, 0, 0, "")
	s.Looked, s.Policy, s.Since, s.Proposed, s.ProposedAt = 20_000, "none", 19_990, "quarantine", now
	b.ok(b.SetStage(b.ctx, s, 0, &ev))
	got, err := b.Stage(b.ctx, 3)
	b.ok(err)
	got.ProposedAt = got.ProposedAt.UTC()
	same(t, "stage", got, s)
	again := b.event(model.EventReport, 0, 0, "")
	b.kind(b.SetStage(b.ctx, s, 0, &again), store.Conflict)
	if evs := b.events(store.EventFilter{Domain: 3}); len(evs) != 1 {
		t.Errorf("%d events", len(evs))
	}
	s.Looked++
	b.ok(b.SetStage(b.ctx, s, 20_000, nil))
}

func testPurgeReports(t *testing.T, b *bench) {
	seen := model.Seen{Source: netip.MustParseAddr("192.0.2.1"), From: "school.example", Count: 1}
	for i := range 6 {
		b.addReport(dmarcReport("google.com", fmt.Sprint(i), model.Day(20_000+i), seen), true)
		b.ok(b.AddSentDays(b.ctx, 3, []model.SentDay{{Day: model.Day(20_000 + i), Delivered: 1}}))
	}
	total := 0
	for range 10 {
		n, err := b.PurgeReports(b.ctx, 20_004, 2)
		b.ok(err)
		if n > 6 {
			t.Errorf("%d rows in a step of 2 a table", n)
		}
		if total += n; n == 0 {
			break
		}
	}
	days, err := b.SeenDays(b.ctx, 3, 0, 30_000)
	b.ok(err)
	sent, err := b.SentDays(b.ctx, 3, 0, 30_000)
	b.ok(err)
	if total != 12 || len(days) != 2 || len(sent) != 2 || days[0].Day != 20_004 {
		t.Errorf("deleted %d, left %v and %v", total, days, sent)
	}
}
