package spf_test

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"github.com/budkavle/budkavle/internal/standard/spf"
)

// TestEditLetsInOneAndChangesNobodyElse: after an edit the new server passes, and everybody else gets the verdict he had.
func TestEditLetsInOneAndChangesNobodyElse(t *testing.T) {
	terms := []string{
		"ip4:198.51.100.0/24", "-ip4:203.0.113.0/24", "?ip4:203.0.113.9", "-ip4:203.0.113.9", "ip4:203.0.113.9", "+ip4:203.0.113.8/31", "ip6:2001:db8::/32",
		"a:host.example", "?a:host.example", "mx:mail.example", "include:other.example", "?include:other.example", "redirect=other.example", "exp=why.example",
		"-all", "~all", "?ALL", "note=x", "ptr:nobody.example",
	}
	server := netip.MustParseAddr("203.0.113.9")
	others := []netip.Addr{netip.MustParseAddr("203.0.113.8"), netip.MustParseAddr("203.0.113.77"), netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("192.0.2.9"), netip.MustParseAddr("2001:db8::1")}
	edited := 0
	rapid.Check(t, func(t *rapid.T) {
		z := emptyZone()
		z["A"]["host.example"], z["MX"]["mail.example"] = []string{"192.0.2.9"}, []string{"10 host.example"}
		z["TXT"]["other.example"] = []string{"v=spf1 ip4:192.0.2.0/28 -all"}
		record := "v=spf1"
		for range rapid.IntRange(0, 6).Draw(t, "length") {
			record += rapid.SampledFrom([]string{" ", " ", "   "}).Draw(t, "space") + rapid.SampledFrom(terms).Draw(t, "term")
		}
		if _, err := spf.Parse(record); err != nil {
			return // a modifier came twice
		}
		e, err := spf.Edit([]string{record}, spf.Want{Domain: "school.example", Terms: []string{"ip4:" + server.String()}})
		if err != nil {
			t.Fatal(err)
		}
		check := func(record string, ip netip.Addr) spf.Verdict {
			z["TXT"]["school.example"] = []string{record}
			return spf.Check(t.Context(), z.fake(), spf.Query{IP: ip, Sender: "school.example"}).Verdict
		}
		if got := check(e.Record, server); got != spf.Pass && got != spf.PermError {
			t.Errorf("%q became %q, and the server gets %s", record, e.Record, got)
		}
		for _, ip := range others {
			if was, is := check(record, ip), check(e.Record, ip); was != is {
				t.Errorf("%q became %q: %s had %s, and has %s", record, e.Record, ip, was, is)
			}
		}
		edited++
	})
	if edited < 20 {
		t.Errorf("only %d records were edited", edited)
	}
}
