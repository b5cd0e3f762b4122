package reputation

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/standard/dns/dnstest"
)

// world reads DNS from lines of type, name and value. FAULT fails a name; LISTS gives zones their test entries.
func world(t *testing.T, text string) *dnstest.Fake {
	t.Helper()
	f := &dnstest.Fake{
		A: map[string][]netip.Addr{}, AAAA: map[string][]netip.Addr{}, TXT: map[string][]string{},
		PTR: map[netip.Addr][]string{}, Faults: map[string]dns.Kind{},
	}
	for line := range strings.Lines(text) {
		kind, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		name, value, _ := strings.Cut(rest, " ")
		switch kind {
		case "":
		case "A":
			f.A[name] = append(f.A[name], netip.MustParseAddr(value))
		case "AAAA":
			f.AAAA[name] = append(f.AAAA[name], netip.MustParseAddr(value))
		case "TXT":
			f.TXT[name] = append(f.TXT[name], value)
		case "PTR":
			addr := netip.MustParseAddr(name)
			f.PTR[addr] = append(f.PTR[addr], value)
		case "FAULT":
			f.Faults[name] = dns.Kind(value)
		case "LISTS":
			for _, zone := range strings.Fields(rest) {
				f.A["2.0.0.127."+zone] = []netip.Addr{netip.MustParseAddr("127.0.0.2")}
			}
		default:
			t.Fatalf("line %q", line)
		}
	}
	return f
}

// zones names lists as the configuration does.
func zones(t *testing.T, kind Kind, entries ...string) []List {
	t.Helper()
	var lists []List
	for _, e := range entries {
		zone, key, _ := strings.Cut(e, "=")
		l, err := Known().List(zone, key, kind)
		if err != nil {
			t.Fatal(err)
		}
		lists = append(lists, l)
	}
	return lists
}
