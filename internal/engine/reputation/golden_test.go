package reputation

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/budkavle/budkavle/internal/base/finding"
)

var update = flag.Bool("update", false, "write the golden files anew")

const good = `
PTR 198.51.100.7 mx1.school.example
A mx1.school.example 198.51.100.7
`

var addressCases = []struct {
	name, ip, helo, spf string
	lists               []string
	dns                 string
}{
	{"all is well", "198.51.100.7", "mx1.school.example", "school.example", []string{"zen.spamhaus.org"}, good + `
		TXT school.example v=spf1 ip4:198.51.100.0/24 -all
		LISTS zen.spamhaus.org`},
	{"all is well with IPv6, and a list for IPv4 is not asked", "2001:db8::7", "mx1.school.example", "school.example", []string{"zen.spamhaus.org", "bl.spamcop.net"}, `
		PTR 2001:db8::7 mx1.school.example
		AAAA mx1.school.example 2001:db8::7
		TXT school.example v=spf1 ip6:2001:db8::/32 -all
		LISTS zen.spamhaus.org`},

	// the name
	{"no PTR", "198.51.100.7", "mx1.school.example", "", nil, `A mx1.school.example 198.51.100.7`},
	{"no PTR and no EHLO name known", "198.51.100.7", "", "", nil, ``},
	{"PTR: server fails", "198.51.100.7", "", "", nil, `FAULT 7.100.51.198.in-addr.arpa server failure`},
	{"PTR: no answer in time", "198.51.100.7", "", "", nil, `FAULT 7.100.51.198.in-addr.arpa timeout`},
	{"PTR name without an address", "198.51.100.7", "", "", nil, `PTR 198.51.100.7 mx1.school.example`},
	{"PTR name with another address", "198.51.100.7", "", "", nil, `
		PTR 198.51.100.7 mx1.school.example
		A mx1.school.example 198.51.100.8`},
	{"PTR name with IPv4 only, asked of IPv6", "2001:db8::7", "", "", nil, `
		PTR 2001:db8::7 mx1.school.example
		A mx1.school.example 198.51.100.7`},
	{"PTR name: server fails", "198.51.100.7", "", "", nil, `
		PTR 198.51.100.7 mx1.school.example
		FAULT mx1.school.example server failure`},
	{"several PTR, one leads back", "198.51.100.7", "", "", nil, `
		PTR 198.51.100.7 old.school.example
		PTR 198.51.100.7 mx1.school.example
		A mx1.school.example 198.51.100.7`},
	{"several PTR, one cannot be told", "198.51.100.7", "", "", nil, `
		PTR 198.51.100.7 old.school.example
		PTR 198.51.100.7 mx1.school.example
		FAULT mx1.school.example timeout`},
	{"generic PTR with the address", "198.51.100.7", "", "", nil, `
		PTR 198.51.100.7 host-198-51-100-7.provider.example
		A host-198-51-100-7.provider.example 198.51.100.7`},
	{"generic PTR with a word", "198.51.100.7", "mx1.school.example", "", nil, `
		PTR 198.51.100.7 c17.dynamic.provider.example
		A c17.dynamic.provider.example 198.51.100.7
		A mx1.school.example 198.51.100.7`},

	// EHLO
	{"EHLO name without an address", "198.51.100.7", "mail.school.example", "", nil, good},
	{"EHLO name with another address", "198.51.100.7", "mail.school.example", "", nil, good + `A mail.school.example 203.0.113.5`},
	{"EHLO name is not the PTR name", "198.51.100.7", "mail.school.example", "", nil, good + `A mail.school.example 198.51.100.7`},
	{"EHLO name: server fails", "198.51.100.7", "mail.school.example", "", nil, good + `FAULT mail.school.example server failure`},

	// SPF
	{"not in SPF", "198.51.100.7", "", "school.example", nil, good + `TXT school.example v=spf1 ip4:203.0.113.0/24 -all`},
	{"softly not in SPF", "198.51.100.7", "", "school.example", nil, good + `TXT school.example v=spf1 ip4:203.0.113.0/24 ~all`},
	{"no SPF", "198.51.100.7", "", "school.example", nil, good},
	{"wrong SPF", "198.51.100.7", "", "school.example", nil, good + `TXT school.example v=spf1 ipv4:198.51.100.7 -all`},
	{"SPF: server fails", "198.51.100.7", "", "school.example", nil, good + `FAULT school.example server failure`},

	// listings
	{"ZEN: SBL and DROP, with the list's words", "198.51.100.7", "", "", []string{"zen.spamhaus.org"}, good + `
		A 7.100.51.198.zen.spamhaus.org 127.0.0.2
		A 7.100.51.198.zen.spamhaus.org 127.0.0.9
		TXT 7.100.51.198.zen.spamhaus.org https://check.spamhaus.org/sbl/query/SBL1`},
	{"ZEN: CSS", "198.51.100.7", "", "", []string{"zen.spamhaus.org"}, good + `A 7.100.51.198.zen.spamhaus.org 127.0.0.3`},
	{"ZEN: XBL", "198.51.100.7", "", "", []string{"zen.spamhaus.org"}, good + `
		A 7.100.51.198.zen.spamhaus.org 127.0.0.4
		A 7.100.51.198.zen.spamhaus.org 127.0.0.7`},
	{"ZEN: PBL of the provider", "198.51.100.7", "", "", []string{"zen.spamhaus.org"}, good + `A 7.100.51.198.zen.spamhaus.org 127.0.0.10`},
	{"ZEN: PBL of Spamhaus", "198.51.100.7", "", "", []string{"zen.spamhaus.org"}, good + `A 7.100.51.198.zen.spamhaus.org 127.0.0.11`},
	{"ZEN: a code that is not described", "198.51.100.7", "", "", []string{"zen.spamhaus.org"}, good + `A 7.100.51.198.zen.spamhaus.org 127.0.0.77`},
	{"ZEN with IPv6", "2001:db8::7", "", "", []string{"zen.spamhaus.org"}, `
		PTR 2001:db8::7 mx1.school.example
		AAAA mx1.school.example 2001:db8::7
		A 7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.zen.spamhaus.org 127.0.0.3`},
	{"ZEN under a key, which is not shown", "198.51.100.7", "", "", []string{"zen.dq.spamhaus.net=S3CRET"}, good + `
		A 7.100.51.198.s3cret.zen.dq.spamhaus.net 127.0.0.2
		TXT 7.100.51.198.s3cret.zen.dq.spamhaus.net see 7.100.51.198.s3cret.zen.dq.spamhaus.net`},
	{"every other list of addresses", "198.51.100.7", "", "", []string{
		"bl.spamcop.net", "b.barracudacentral.org", "psbl.surriel.com", "bl.mailspike.net", "dnsbl-1.uceprotect.net", "dnsbl-2.uceprotect.net", "dnsbl-3.uceprotect.net",
	}, good + `
		A 7.100.51.198.bl.spamcop.net 127.0.0.2
		A 7.100.51.198.b.barracudacentral.org 127.0.0.2
		A 7.100.51.198.psbl.surriel.com 127.0.0.2
		A 7.100.51.198.bl.mailspike.net 127.0.0.10
		A 7.100.51.198.dnsbl-1.uceprotect.net 127.0.0.2
		A 7.100.51.198.dnsbl-2.uceprotect.net 127.0.0.2
		A 7.100.51.198.dnsbl-3.uceprotect.net 127.0.0.2`},
	{"a list that the table does not know", "198.51.100.7", "", "", []string{"bl.own.example"}, good + `A 7.100.51.198.bl.own.example 127.0.0.55`},

	// what is no listing
	{"refused: the zone is misspelt", "198.51.100.7", "", "", []string{"zen.spamhaus.org"}, good + `A 7.100.51.198.zen.spamhaus.org 127.255.255.252`},
	{"refused: public resolver", "198.51.100.7", "", "", []string{"zen.spamhaus.org"}, good + `A 7.100.51.198.zen.spamhaus.org 127.255.255.254`},
	{"refused: too many questions", "198.51.100.7", "", "", []string{"zen.spamhaus.org"}, good + `A 7.100.51.198.zen.spamhaus.org 127.255.255.255`},
	{"refused: a code nobody has described, by a list the table does not know", "198.51.100.7", "", "", []string{"bl.own.example"}, good + `A 7.100.51.198.bl.own.example 127.255.255.1`},
	{"refused beside a listing", "198.51.100.7", "", "", []string{"zen.spamhaus.org"}, good + `
		A 7.100.51.198.zen.spamhaus.org 127.0.0.2
		A 7.100.51.198.zen.spamhaus.org 127.255.255.254`},
	{"refused for the test entry only", "198.51.100.7", "", "", []string{"zen.spamhaus.org"}, good + `A 2.0.0.127.zen.spamhaus.org 127.255.255.254`},
	{"no answer in time", "198.51.100.7", "", "", []string{"zen.spamhaus.org"}, good + `FAULT 7.100.51.198.zen.spamhaus.org timeout`},
	{"server fails, under a key", "198.51.100.7", "", "", []string{"zen.dq.spamhaus.net=S3CRET"}, good + `FAULT 7.100.51.198.s3cret.zen.dq.spamhaus.net server failure`},
	{"server fails for the test entry", "198.51.100.7", "", "", []string{"zen.spamhaus.org"}, good + `FAULT 2.0.0.127.zen.spamhaus.org server failure`},
	{"a list that lists everything", "198.51.100.7", "", "", []string{"psbl.surriel.com"}, good + `
		A 7.100.51.198.psbl.surriel.com 127.0.0.2
		A 1.0.0.127.psbl.surriel.com 127.0.0.2`},
	{"a list that lists nothing", "198.51.100.7", "", "", []string{"bl.spamcop.net"}, good},
	{"a list whose zone was parked", "198.51.100.7", "", "", []string{"bl.spamcop.net"}, good + `A 7.100.51.198.bl.spamcop.net 192.0.2.80`},
	{"private address: names are checked, lists are not", "10.1.2.3", "", "", []string{"zen.spamhaus.org"}, `PTR 10.1.2.3 mx1.school.example
		A mx1.school.example 10.1.2.3`},
	{"loopback", "::1", "", "", []string{"zen.spamhaus.org"}, ``},
}

var domainCases = []struct {
	name, domain string
	lists        []string
	dns          string
}{
	{"not listed, asked with and without host name", "mail.school.example", []string{"dbl.spamhaus.org", "multi.surbl.org", "multi.uribl.com"}, `LISTS multi.uribl.com`},
	{"DBL: spam", "school.example", []string{"dbl.spamhaus.org"}, `A school.example.dbl.spamhaus.org 127.0.1.2`},
	{"DBL: abused", "school.example", []string{"dbl.spamhaus.org"}, `A school.example.dbl.spamhaus.org 127.0.1.102`},
	{"DBL: a host name is asked about as it is", "www.school.example", []string{"dbl.spamhaus.org"}, `A www.school.example.dbl.spamhaus.org 127.0.1.102`},
	{"DBL: asked about an address", "school.example", []string{"dbl.spamhaus.org"}, `A school.example.dbl.spamhaus.org 127.0.1.255`},
	{"DBL: public resolver", "school.example", []string{"dbl.spamhaus.org"}, `A school.example.dbl.spamhaus.org 127.255.255.254`},
	{"SURBL: two bits", "www.school.example", []string{"multi.surbl.org"}, `A school.example.multi.surbl.org 127.0.0.80`},
	{"SURBL: refused", "school.example", []string{"multi.surbl.org"}, `A school.example.multi.surbl.org 127.0.0.1`},
	{"URIBL: black", "school.example", []string{"multi.uribl.com"}, `A school.example.multi.uribl.com 127.0.0.2`},
	{"URIBL: grey, which few heed", "school.example", []string{"multi.uribl.com"}, `A school.example.multi.uribl.com 127.0.0.4`},
	{"URIBL: refused", "school.example", []string{"multi.uribl.com"}, `A school.example.multi.uribl.com 127.0.0.1`},
	{"international name", "räksmörgås.example", []string{"dbl.spamhaus.org"}, `A xn--rksmrgs-5wao1o.example.dbl.spamhaus.org 127.0.1.4`},
	{"a list that lists everything", "school.example", []string{"dbl.spamhaus.org"}, `
		A school.example.dbl.spamhaus.org 127.0.1.2
		A invalid.dbl.spamhaus.org 127.0.1.2`},
	{"server fails", "school.example", []string{"dbl.spamhaus.org"}, `FAULT school.example.dbl.spamhaus.org server failure`},
	{"not a domain", "school", []string{"dbl.spamhaus.org"}, ``},
	{"an address", "[192.0.2.1]", []string{"dbl.spamhaus.org"}, ``},
}

func TestEveryCaseSaysWhatToDo(t *testing.T) {
	var b strings.Builder
	for _, tt := range addressCases {
		r := Check(t.Context(), world(t, tt.dns), Query{IP: netip.MustParseAddr(tt.ip), Helo: tt.helo, SPF: tt.spf, Lists: zones(t, Addresses, tt.lists...)})
		tell(&b, tt.name, r.Lists, r.Findings, r.Faulty())
	}
	for _, tt := range domainCases {
		r, err := CheckDomain(t.Context(), world(t, tt.dns), tt.domain, zones(t, Domains, tt.lists...))
		tell(&b, "domain: "+tt.name, r.Lists, r.Findings, (&Report{Findings: r.Findings}).Faulty())
		if err != nil {
			fmt.Fprintf(&b, "  %v\n", err)
		}
	}
	if strings.Contains(strings.ToLower(b.String()), "s3cret") {
		t.Error("a key is shown")
	}
	const path = "testdata/cases.golden"
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(b.String(), "\n")); d != "" {
		t.Errorf("changed (-update writes it anew):\n%s", d)
	}
}

func tell(b *strings.Builder, name string, lists []Listing, findings []finding.Finding, faulty bool) {
	verdict := "no fault"
	if faulty {
		verdict = "faulty"
	}
	fmt.Fprintf(b, "== %s: %s\n", name, verdict)
	for _, l := range lists {
		fmt.Fprintf(b, "  %s: %s %v %s\n", l.Zone, l.State, l.Answers, l.Why)
	}
	for _, f := range findings {
		fmt.Fprintf(b, "  %s %s %s\n    found:    %s\n    expected: %s\n    change:   %s\n", f.Severity, f.Code, f.Name, f.Found, f.Expected, f.Change)
	}
}
