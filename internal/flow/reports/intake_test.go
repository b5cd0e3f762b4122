package reports

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"flag"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/engine/stage"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dmarc"
	"github.com/budkavle/budkavle/internal/standard/report"
	"github.com/budkavle/budkavle/internal/standard/tlsrpt"
	"github.com/budkavle/budkavle/internal/store"
)

var update = flag.Bool("update", false, "write the golden files")

// mailed is a mail with a gzip of the text attached.
func mailed(t testing.TB, text string) []byte {
	t.Helper()
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	encoded := base64.StdEncoding.EncodeToString(z.Bytes())
	var b strings.Builder
	b.WriteString("From: noreply@receiver.example\r\nContent-Type: application/gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	for len(encoded) > 76 {
		b.WriteString(encoded[:76] + "\r\n")
		encoded = encoded[76:]
	}
	return []byte(b.String() + encoded + "\r\n")
}

func xmlReport(domain, id string, at time.Time) string {
	return fmt.Sprintf(`<?xml version="1.0"?><feedback><report_metadata><org_name>Receiver.example</org_name><report_id>%s</report_id>
<date_range><begin>%d</begin><end>%d</end></date_range></report_metadata><policy_published><domain>%s</domain><p>none</p></policy_published>
<record><row><source_ip>192.0.2.10</source_ip><count>12</count><policy_evaluated><disposition>none</disposition><dkim>pass</dkim><spf>pass</spf></policy_evaluated></row>
<identifiers><header_from>school.example</header_from></identifiers></record></feedback>`, id, at.Unix(), at.Unix()+86399, domain)
}

var client = netip.MustParseAddr("203.0.113.1")

func TestReceive(t *testing.T) {
	inTime(t, func(t *testing.T, b *bench) {
		yesterday := (b.today() - 1).Begin()
		for _, tt := range []struct {
			name, text, outcome string
		}{
			{"a report", xmlReport("school.example", "1", yesterday), "dmarc kept"},
			{"the same again", xmlReport("school.example", "1", yesterday), "dmarc again"},
			{"of a name below", xmlReport("news.school.example", "2", yesterday), "dmarc kept"},
			{"of somebody else's domain, about ours", xmlReport("example", "3", yesterday), "dmarc kept"},
			{"of no domain of ours", strings.ReplaceAll(xmlReport("other.example", "4", yesterday), "school.example", "shop.example"), "dmarc refused"},
			{"of long ago", xmlReport("school.example", "5", yesterday.AddDate(-2, 0, 0)), "dmarc refused"},
			{"of days to come", xmlReport("school.example", "6", yesterday.AddDate(0, 0, 3)), "dmarc refused"},
			{"a bomb", xmlReport("school.example", "7", yesterday) + strings.Repeat(" ", 8<<20), "mail refused"},
			{"no report", "hello", "mail refused"},
		} {
			before := b.counted[tt.outcome]
			if err := b.Receive(t.Context(), client, mailed(t, tt.text)); err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			if b.counted[tt.outcome] != before+1 {
				t.Errorf("%s: want %s, have %v", tt.name, tt.outcome, b.counted)
			}
		}
		days, err := b.store.SeenDays(t.Context(), b.domain.ID, 0, b.today())
		b.ok(err)
		if len(days) != 1 || days[0].Messages != 36 || days[0].Passing != 36 {
			t.Errorf("%+v", days)
		}
		if got := b.events(); strings.Count(got, "refused") != 1 || !strings.Contains(got, "from 203.0.113.1: it is about other.example, which is no sender domain here") {
			t.Errorf("events within a minute:\n%s", got)
		}
		time.Sleep(toldEvery)
		b.ok(b.Receive(t.Context(), client, []byte("hello")))
		if got := b.events(); strings.Count(got, "refused") != 2 {
			t.Errorf("events after a minute:\n%s", got)
		}
	})
}

// TestReceiveKeepsMailOfAFault: what cannot be stored is the peer's to keep.
func TestReceiveKeepsMailOfAFault(t *testing.T) {
	inTime(t, func(t *testing.T, b *bench) {
		b.ok(b.store.Close())
		if err := b.Receive(t.Context(), client, mailed(t, xmlReport("school.example", "1", time.Now()))); err == nil {
			t.Error("taken, and not stored")
		}
	})
}

func TestBounds(t *testing.T) {
	inTime(t, func(t *testing.T, b *bench) {
		var rows []dmarc.Row
		for i := range maxLines + 300 {
			r := row(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), int64(1000-i))
			if i%2 == 1 {
				r.Disposition = "reject"
			}
			rows = append(rows, r)
		}
		kept := b.reported(b.today()-1, rows...)
		if len(kept) != 1 || kept[0].Lines != maxLines+2 {
			t.Errorf("%+v", kept)
		}
		days, err := b.store.SeenDays(t.Context(), b.domain.ID, 0, b.today())
		b.ok(err)
		var all int64
		for _, r := range rows {
			all += r.Count
		}
		if days[0].Messages != all {
			t.Errorf("%d messages, want %d: nothing is lost", days[0].Messages, all)
		}
	})
}

// full is a store that has so much of a day already.
type full struct {
	store.Store
	reports, lines int
}

func (f full) CountReports(context.Context, model.DomainID, time.Time) (reports, lines int, err error) {
	return f.reports, f.lines, nil
}

func TestBoundsOfADay(t *testing.T) {
	inTime(t, func(t *testing.T, b *bench) {
		rows := []dmarc.Row{row(ours, 100), row(stranger, 5), row(known, 4)}
		b.Service.Store = full{b.store, maxDayReports - 1, maxDayLines - 2}
		if kept := b.reported(b.today()-1, rows...); kept[0].Lines != 2 {
			t.Errorf("%d lines beyond what a day has room for", kept[0].Lines)
		}
		days, err := b.store.SeenDays(t.Context(), b.domain.ID, 0, b.today())
		b.ok(err)
		if days[0].Messages != 109 || days[0].Passing != 100 {
			t.Errorf("%+v: nothing is lost", days)
		}
		b.Service.Store = full{b.store, maxDayReports, 0}
		b.ok(b.Receive(t.Context(), client, mailed(t, xmlReport("school.example", "1", time.Now()))))
		if b.counted["dmarc refused"] != 1 {
			t.Errorf("one more: %v", b.counted)
		}
	})
}

func TestTLSReport(t *testing.T) {
	inTime(t, func(t *testing.T, b *bench) {
		at := (b.today() - 1).Begin()
		p := tlsrpt.Policy{Policy: tlsrpt.Applied{Type: "sts", Domain: "school.example"}, Summary: tlsrpt.Summary{Successful: 90, Failed: 10}, Failures: []tlsrpt.Failure{
			{Type: "certificate-expired", Sessions: 4}, {Type: "starttls-not-supported", Sessions: 3}, {Type: "certificate-expired", Sessions: 1},
		}}
		other := p
		other.Policy.Domain = "other.example"
		r := report.Report{Kind: report.TLS, TLS: &tlsrpt.Report{Organisation: "Big", ID: "1", Range: tlsrpt.Range{Start: at, End: at.Add(day)}, Policies: []tlsrpt.Policy{other, p}}}
		_, err := b.Keep(t.Context(), r)
		b.ok(err)
		o, err := b.Overview(t.Context(), b.domain, 30)
		b.ok(err)
		var got []string
		for _, s := range o.TLS {
			got = append(got, fmt.Sprint(s.Reporter, s.Policy, s.Failure, s.Count))
		}
		if want := "bigsts90 bigstscertificate-expired5 bigstsstarttls-not-supported3 bigstsunspecified2"; strings.Join(got, " ") != want {
			t.Errorf("%v", got)
		}
	})
}

func TestOverview(t *testing.T) {
	inTime(t, func(t *testing.T, b *bench) {
		forwarded := row(netip.MustParseAddr("203.0.113.7"), 5)
		forwarded.Reasons = []dmarc.Reason{{Type: "mailing_list"}}
		broken := row(netip.MustParseAddr("203.0.113.8"), 2)
		broken.Signatures = []dmarc.Signature{{Domain: "list.example", Selector: "x", Result: "pass"}, {Domain: "school.example", Selector: "s1", Result: "fail"}}
		broken.Senders = nil
		theirs := row(known, 4)
		theirs.DKIM, theirs.Signatures = "pass", []dmarc.Signature{{Domain: "school.example", Selector: "k1", Result: "pass"}}
		b.reported(b.today()-1, row(ours, 100), row(known, 40), row(stranger, 9), forwarded, broken, theirs)
		o, err := b.Overview(t.Context(), b.domain, 30)
		b.ok(err)
		var got []string
		for _, s := range o.Senders {
			got = append(got, fmt.Sprint(s.Source, " ", s.Kind, s.Names, " ", s.Messages, "/", s.Passing))
			for _, w := range s.Why {
				got = append(got, "  "+w.String())
			}
		}
		golden(t, "overview.txt", strings.Join(got, "\n")+"\n")
		if o.Messages != 160 || o.Passing != 104 || !o.Complete {
			t.Errorf("%+v", o)
		}

		list, err := b.Sources(t.Context(), b.domain)
		b.ok(err)
		if len(list) != 3 || list[0].Address != known || list[0].Messages != 44 {
			t.Errorf("for the guide: %+v", list)
		}
		if list := b.SeenOf(t.Context(), "other.example"); list != nil {
			t.Errorf("of another domain: %v", list)
		}
	})
}

// TestOursWithoutAddresses: where the system chooses the address, ours is the one that passes by both with our key.
func TestOursWithoutAddresses(t *testing.T) {
	inTime(t, func(t *testing.T, b *bench) {
		n, err := b.naming(t.Context(), &b.domain, fold([]dmarc.Row{row(ours, 1)}, "school.example"))
		b.ok(err)
		n2 := &model.Seen{Source: ours}
		if n.kind(n2) != stage.Ours {
			t.Error("not ours")
		}
	})
}
