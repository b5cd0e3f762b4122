package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/engine/stage"
	"github.com/budkavle/budkavle/internal/flow/reports"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dmarc"
	"github.com/budkavle/budkavle/internal/store"
)

// inBoth is a page as it is printed in English and in Swedish.
func inBoth(t *testing.T, page func(a *app) error) string {
	t.Helper()
	var b strings.Builder
	for _, lang := range []string{"en", "sv"} {
		var out bytes.Buffer
		if err := page(&app{Streams: Streams{Out: &out, Err: &out}, words: wordsFor(lang)}); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "--- %s\n%s", lang, out.String())
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "reports", name)
	if *updateFlag {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := gocmp.Diff(string(want), got); d != "" {
		t.Errorf("%s: run with -update if it is right (-want +got):\n%s", name, d)
	}
}

const reportedDay = model.Day(20_770) // 2026-11-13

func TestReportPage(t *testing.T) {
	why := func(list ...wording.Text) []wording.Text { return list }
	o := reports.Overview{
		Domain: "school.example", First: reportedDay - 29, Last: reportedDay, Messages: 2349, Passing: 2100, Complete: true,
		Days: []model.SeenDay{
			{Day: reportedDay - 3, Reporters: 2, Messages: 1100, Passing: 1000, Refused: 90, Suspected: 10},
			{Day: reportedDay - 2, Reporters: 3, Messages: 1200, Passing: 1100},
			{Day: reportedDay - 1, Reporters: 1, Messages: 49},
		},
		Senders: []reports.Sender{
			{Source: netip.MustParseAddr("192.0.2.10"), Kind: stage.Ours, Messages: 2100, Passing: 2100, SPF: 2000, DKIM: 2100},
			{Source: netip.MustParseAddr("198.51.100.20"), Kind: stage.Known, Names: []string{"Mailchimp"}, Messages: 120, Why: why(
				wording.Say("SPF passes for %s, which does not stand for %s", "mail20.mcsv.net", "school.example"), wording.Say("it is not signed"))},
			{Source: netip.MustParseAddr("2001:db8::66"), Kind: stage.Stranger, Messages: 90, Refused: 90, Why: why(
				wording.Say("the return path is of %s, which does not stand for %s", "spam.example\x1b[31m", "school.example"))},
			{Source: netip.MustParseAddr("203.0.113.7"), Kind: stage.Forwarder, Names: []string{"Google Workspace"}, Messages: 20, Suspected: 10, Why: why(
				wording.Say("the receiver says that it came by a forwarder or a mailing list"))},
			{Kind: stage.Stranger, Messages: 19},
		},
		Reporters: []store.Reporter{{Name: "google.com", Kind: model.ReportDMARC, Reports: 3, Messages: 2300}, {Name: "yahoo.com", Kind: model.ReportDMARC, Reports: 1, Messages: 49}, {Name: "google.com", Kind: model.ReportTLS, Reports: 1}},
		TLS: []model.SeenTLS{
			{Day: reportedDay, Reporter: "google.com", Sessions: model.Sessions{Policy: "sts", Count: 990}},
			{Day: reportedDay, Reporter: "google.com", Sessions: model.Sessions{Policy: "sts", Failure: "certificate-expired", Count: 7}},
			{Day: reportedDay - 1, Reporter: "google.com", Sessions: model.Sessions{Policy: "sts", Failure: "certificate-expired", Count: 3}},
		},
	}
	golden(t, "overview.golden", inBoth(t, func(a *app) error { return a.tellReports(&o, 4) }))
	empty := reports.Overview{Domain: "school.example", First: reportedDay - 29, Last: reportedDay}
	golden(t, "nothing.golden", inBoth(t, func(a *app) error { return a.tellReports(&empty, 0) }))
}

// standing makes the page of a domain whose record is so, with as many days of passing mail.
func standing(record string, days int, failing ...stage.Failing) reports.Standing {
	r, _ := dmarc.Parse(record)
	e := stage.Evidence{Record: r, Policy: cmp.Or(r.Subdomains, r.Policy), Failing: failing} // only what stands above has sp here
	for i := range days {
		d := stage.Day{Day: reportedDay - model.Day(days-1-i), Sent: int64(10 * i), Aligned: i != 2, Reporters: 1, Messages: 100, Passing: 100}
		for _, f := range failing {
			if f.Day == d.Day {
				d.Messages += f.Count
			}
		}
		e.Days = append(e.Days, d)
	}
	s := reports.Standing{Domain: "school.example", At: "school.example", Record: record, Explained: dmarc.Explain(r), Reports: len(r.Aggregate) > 0, Verdict: stage.Decide(e, 14), Days: e.Days}
	if s.Verdict.Next != s.Verdict.Policy {
		s.Next = dmarc.Change(r, s.Verdict.Next, "dmarc@bounce.operator.example")
		s.Zone = `_dmarc.school.example. IN TXT "` + s.Next + `"`
	}
	return s
}

func TestDMARCPage(t *testing.T) {
	fails := func(k stage.Kind, addr, name string, ago int, n int64) stage.Failing {
		return stage.Failing{Day: reportedDay - model.Day(ago), Source: netip.MustParseAddr(addr), Kind: k, Name: name, Count: n}
	}
	stranger, known := fails(stage.Stranger, "203.0.113.66", "", 1, 60), fails(stage.Known, "198.51.100.20", "Mailchimp", 2, 9)
	const none = "v=DMARC1; p=none; adkim=s; rua=mailto:dmarc@bounce.operator.example; x=kept"
	above := standing("v=DMARC1; p=reject; sp=none; rua=mailto:d@example", 3)
	above.At = "example"
	advised := standing(none, 0)
	advised.Advice = []reports.Advice{{
		Text: wording.Say("np=reject is safe at every stage: it has mail refused only that claims to be from names below %s which do not exist in DNS, and nobody sends from those", "school.example"),
		Zone: `_dmarc.school.example. IN TXT "v=DMARC1; p=none; np=reject"`,
	}}
	for name, s := range map[string]reports.Standing{
		"due":     standing(none, 16, stranger),
		"waiting": standing(none, 5, stranger, known),
		"back":    standing("v=DMARC1; p=reject; rua=mailto:dmarc@bounce.operator.example", 4, fails(stage.Ours, "192.0.2.10", "", 0, 80)),
		"last":    standing("v=DMARC1; p=reject", 14),
		"testing": standing("v=DMARC1; p=reject; t=y; pct=0; rua=mailto:dmarc@bounce.operator.example", 14),
		"above":   above,
		"advised": advised,
		"none": {
			Domain: "school.example", Verdict: stage.Decide(stage.Evidence{}, 14), Zone: `_dmarc.school.example. IN TXT "v=DMARC1; p=none; rua=mailto:dmarc@bounce.operator.example"`,
		},
		"unread": {Domain: "school.example", Unread: wording.Say("the DMARC record of %s could not be looked up: %s", "school.example", "SERVFAIL")},
	} {
		t.Run(name, func(t *testing.T) {
			golden(t, name+".golden", inBoth(t, func(a *app) error { return a.tellStanding(&s) }))
		})
	}
}

// TestReportsByHand keeps a report, and has it change what is said of the domain.
func TestReportsByHand(t *testing.T) {
	c := newCustoms(t)
	c.run(exitDone, "account add school")
	c.run(exitDone, "domain add school.example --account school --waive test")
	c.publish(`_dmarc.school.example. IN TXT "v=DMARC1; p=none; rua=mailto:dmarc@bounce.operator.example"`, `servers.mcsv.net. IN TXT "v=spf1 ip4:198.51.100.0/24 -all"`,
		`spf.mandrillapp.com. IN TXT "v=spf1 ip4:198.51.100.0/24 -all"`, `school.example. IN TXT "v=spf1 ip4:192.0.2.1 -all"`)
	if got := c.run(exitDone, "domain reports school.example"); !strings.Contains(got, "There are no reports.") {
		t.Errorf("before:\n%s", got)
	}
	yesterday := time.Now().AddDate(0, 0, -1)
	file := filepath.Join(t.TempDir(), "report.xml")
	text := fmt.Sprintf(`<feedback><report_metadata><org_name>receiver.example</org_name><report_id>7</report_id><date_range><begin>%d</begin><end>%d</end></date_range></report_metadata>
<policy_published><domain>school.example</domain><p>none</p></policy_published><record><row><source_ip>198.51.100.20</source_ip><count>12</count><policy_evaluated><disposition>none</disposition>
<dkim>fail</dkim><spf>fail</spf></policy_evaluated></row><identifiers><header_from>school.example</header_from></identifiers></record></feedback>`, yesterday.Unix(), yesterday.Unix())
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := c.run(exitDone, "report read --store "+file); !strings.Contains(got, "Kept for school.example, ") || strings.Contains(got, "already") {
		t.Errorf("kept:\n%s", got)
	}
	if got := c.run(exitDone, "--json report read --store "+file); !strings.Contains(got, `"new":false`) {
		t.Errorf("again: %s", got)
	}
	var o struct {
		Messages, Passing int64
		Senders           []struct{ Kind stage.Kind }
	}
	if err := json.Unmarshal([]byte(c.run(exitDone, "--json domain reports school.example --days 3")), &o); err != nil {
		t.Fatal(err)
	}
	if o.Messages != 12 || o.Passing != 0 || len(o.Senders) != 1 || o.Senders[0].Kind != stage.Known {
		t.Errorf("%+v", o)
	}
	if got := c.run(exitDone, "domain dmarc school.example"); !strings.Contains(got, "Days with reports that count: 1 of 14") || !strings.Contains(got, "Mailchimp") {
		t.Errorf("dmarc:\n%s", got)
	}
	if got := c.run(exitDone, "spf build --domain school.example --seen-reports --all soft --dns "+c.lab.DNSAddr()); !strings.Contains(got, "198.51.100.20, seen with 12 messages, sends for the domain and does not pass") {
		t.Errorf("guide:\n%s", got)
	}
	if got := c.run(exitDone, "domain verify school.example"); !strings.Contains(got, "missing-sender") {
		t.Errorf("verify:\n%s", got)
	}
	if got := c.run(exitFailed, "domain check school.example --reports --no-mailboxes --list dbl.example"); !strings.Contains(got, "missing-sender") {
		t.Errorf("check:\n%s", got)
	}
	for _, line := range []string{"domain reports school.example --days 0", "domain reports school.example --rows=-1"} {
		c.run(exitUsage, line)
	}
	c.run(exitFailed, "domain dmarc other.example")
}
