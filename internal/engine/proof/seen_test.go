package proof

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/standard/dns/dnstest"
	"github.com/budkavle/budkavle/internal/standard/spf"
)

// seen are the sources that reports tell of.
type seen []string

func (s seen) SeenOf(context.Context, string) []spf.Source {
	var list []spf.Source
	for i, a := range s {
		list = append(list, spf.Source{Address: netip.MustParseAddr(a), Messages: 10 - i})
	}
	return list
}

// TestMissingSenders: a known sender that reports have seen, and that the record leaves out, is warned of; a stranger is not,
// nor is anybody while there is no record to be left out of.
func TestMissingSenders(t *testing.T) {
	r := &dnstest.Fake{TXT: map[string][]string{
		"school.example":             {"v=spf1 ip4:192.0.2.25 include:_spf.google.com -all"},
		"_spf.google.com":            {"v=spf1 ip4:198.51.100.0/25 -all"},
		"spf.protection.outlook.com": {"v=spf1 ip4:198.51.100.128/25 -all"},
		"bare.example":               {"some text"},
		"_dmarc.school.example":      {"v=DMARC1; p=none"},
		"_dmarc.bare.example":        {"v=DMARC1; p=none"},
	}}
	c := New(Config{Resolver: r, Clock: clock.System{}, Seen: seen{"198.51.100.1", "198.51.100.200", "203.0.113.9"}})
	var got []string
	for _, f := range c.Domain(t.Context(), Expected{Domain: "school.example", Sources: []netip.Addr{netip.MustParseAddr("192.0.2.25")}}).Findings {
		if f.Code == "missing-sender" {
			got = append(got, string(f.Severity)+" "+f.Found.String()+": "+f.Change.String())
		}
	}
	want := "warning 198.51.100.200, seen with 9 messages, sends for the domain and does not pass: fail: " +
		"it is a server of Microsoft 365; add include:spf.protection.outlook.com if they send for you"
	if len(got) != 1 || got[0] != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
	for _, f := range c.Domain(t.Context(), Expected{Domain: "bare.example"}).Findings {
		if f.Code == "missing-sender" {
			t.Errorf("without a record: %s", f.Found)
		}
	}
}
