package reputation

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/base/config"
)

// TestTable reads the built-in table as whoever changes it might get it wrong.
func TestTable(t *testing.T) {
	table := Known()
	if _, err := time.Parse(time.DateOnly, table.Dated); err != nil {
		t.Errorf("dated: %v", err)
	}
	zones, swedish := map[string]bool{}, map[string]string{}
	for _, l := range table.Lists {
		for _, zone := range append([]string{l.Zone}, l.Also...) {
			if _, _, err := config.ParseBlocklist(zone); err != nil || zones[zone] || zone != strings.ToLower(zone) {
				t.Errorf("zone %q: %v, or twice", zone, err)
			}
			zones[zone] = true
		}
		if l.Name == "" || l.Kind != Addresses && l.Kind != Domains || len(l.Codes) == 0 || !weighs(l.Weight) {
			t.Errorf("%s lacks name, kind, weight or codes", l.Zone)
		}
		if !strings.HasPrefix(l.Source, "http") || !strings.HasPrefix(l.Removal, "http") {
			t.Errorf("%s lacks source or removal", l.Zone)
		}
	}
	each := func(where string, c Code) {
		if c.Means == "" || c.MeansSV == "" || (c.Change == "") != (c.ChangeSV == "") || c.Refusal && c.Change == "" {
			t.Errorf("%s %v: a text is missing in one language", where, c)
		}
		if (c.Bit == 0) == (len(c.Answers) == 0) || c.Bit&(c.Bit-1) != 0 || c.Weight != "" && !weighs(c.Weight) {
			t.Errorf("%s %v: wants answers or one bit, and a weight", where, c)
		}
		for english, sv := range map[string]string{c.Means: c.MeansSV, c.Change: c.ChangeSV} {
			if old, ok := swedish[english]; ok && old != sv || strings.Contains(english, "%") {
				t.Errorf("%s: %q is %q and %q, or holds %%", where, english, old, sv)
			}
			swedish[english] = sv
		}
	}
	for _, c := range table.Refusals {
		each("refusal", c)
	}
	for _, l := range table.Lists {
		for _, c := range l.Codes {
			each(l.Zone, c)
		}
	}
	for text, sv := range Swedish() {
		if text == "" || sv == "" {
			t.Errorf("Swedish of %q: %q", text, sv)
		}
	}
}

func weighs(w Weight) bool { return w == High || w == Medium || w == Low }

func TestDefaultListsAreKnown(t *testing.T) {
	known := map[string]Kind{}
	for _, l := range Known().Lists {
		known[l.Zone] = l.Kind
	}
	for kind, list := range map[Kind][]string{Addresses: config.Default().Reputation.Blocklists, Domains: config.Default().Reputation.DomainBlocklists} {
		for _, zone := range list {
			if known[zone] != kind {
				t.Errorf("%s is not known as %s", zone, kind)
			}
		}
	}
}

func TestListOfAZone(t *testing.T) {
	tests := []struct {
		zone, key       string
		kind            Kind
		question, shown string // of the entry "x"
		err             string
	}{
		{"zen.spamhaus.org", "", Addresses, "x.zen.spamhaus.org", "zen.spamhaus.org", ""},
		{"ZEN.spamhaus.org.", "", Addresses, "x.zen.spamhaus.org", "zen.spamhaus.org", ""},
		{"zen.dq.spamhaus.net", "K3y", Addresses, "x.k3y.zen.dq.spamhaus.net", "zen.dq.spamhaus.net", ""},
		{"k3y.zen.dq.spamhaus.net", "", Addresses, "x.k3y.zen.dq.spamhaus.net", "zen.dq.spamhaus.net", ""},
		{"bl.own.example", "k", Addresses, "x.k.bl.own.example", "bl.own.example", ""},
		{"bl.own.example", "", Domains, "x.bl.own.example", "bl.own.example", ""},
		{"dbl.spamhaus.org", "", Addresses, "", "", "dbl.spamhaus.org lists domains, not addresses; name it under domain_blocklists"},
		{"bl.spamcop.net", "", Domains, "", "", "bl.spamcop.net lists addresses, not domains; name it under blocklists"},
	}
	for _, tt := range tests {
		l, err := Known().List(tt.zone, tt.key, tt.kind)
		if fmt.Sprint(err) != tt.err && (err != nil || tt.err != "") {
			t.Errorf("%s: error %v, want %q", tt.zone, err, tt.err)
		}
		if err == nil && (l.question("x") != tt.question || l.Zone != tt.shown) {
			t.Errorf("%s: asks %s and shows %s", tt.zone, l.question("x"), l.Zone)
		}
		for _, shown := range []string{fmt.Sprint(l), fmt.Sprintf("%+v %#v %v", l, l, &l), l.shown("x")} {
			if strings.Contains(shown, "k3y") {
				t.Errorf("%s shows its key: %s", tt.zone, shown)
			}
		}
	}
}

func TestReversed(t *testing.T) {
	for addr, want := range map[string]string{
		"198.51.100.7": "7.100.51.198", "::ffff:198.51.100.7": "7.100.51.198", "fe80::1%eth0": "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.e.f",
		"2001:db8::7": "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2",
	} {
		if got := reversed(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
	if got := reversed(netip.Addr{}); got != "" {
		t.Errorf("no address: %q", got)
	}
}

func TestGenericNames(t *testing.T) {
	tests := []struct {
		name, addr string
		want       string
	}{
		{"mx1.school.example", "198.51.100.7", ""},
		{"mail-100.school.example", "198.51.100.7", ""},
		{"mx-7-100.school.example", "198.51.100.7", ""}, // two octets may be chance
		{"7.100.51.198.provider.example", "198.51.100.7", "contains the address"},
		{"ip198-51-100-7.provider.example", "198.51.100.7", "contains the address"},
		{"host-100-51-198.provider.example", "198.51.100.7", "contains the address"},
		{"h198051100007.provider.example", "198.51.100.7", "contains the address"},
		{"c6336407.provider.example", "198.51.100.7", "contains the address"},
		{"u17.pool.provider.example", "198.51.100.7", `contains "pool"`},
		{"cpe-17.dsl.provider.example", "198.51.100.7", `contains "dsl"`},
		{"dynamite.provider.example", "198.51.100.7", ""},
		{"mail.pool.example", "198.51.100.7", ""}, // whose name is that
		{"example", "198.51.100.7", ""},
		{"", "198.51.100.7", ""},
		{"mx1.school.example", "2001:db8::7", ""},
		{"a0000.b0-0-0-0.school.example", "2001:db8::7", ""}, // zeros
		{"2001-db8-0-0-1a2b-3c4d-5e6f-7081.provider.example", "2001:db8::1a2b:3c4d:5e6f:7081", "contains the address"},
		{"7081.5e6f.3c4d.1a2b.provider.example", "2001:db8::1a2b:3c4d:5e6f:7081", "contains the address"},
		{"h1a2b3c4d5e6f7081.provider.example", "2001:db8::1a2b:3c4d:5e6f:7081", "contains the address"},
		{"1.8.0.7.f.6.e.5.d.4.c.3.b.2.a.1.provider.example", "2001:db8::1a2b:3c4d:5e6f:7081", "contains the address"},
	}
	for _, tt := range tests {
		got := generic(tt.name, netip.MustParseAddr(tt.addr)).String()
		if !strings.Contains(got, tt.want) || tt.want == "" && got != "" {
			t.Errorf("%s of %s: %q, want %q", tt.name, tt.addr, got, tt.want)
		}
	}
}
