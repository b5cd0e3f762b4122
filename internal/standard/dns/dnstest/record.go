package dnstest

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"

	mdns "github.com/miekg/dns"

	"github.com/budkavle/budkavle/internal/standard/dns"
)

// Add takes a record as a zone file has it: `school.example. MX 10 mx.school.example.`
func (f *Fake) Add(record string) error {
	rr, err := mdns.NewRR(record)
	if err != nil || rr == nil {
		return fmt.Errorf("record %q: %w", record, err)
	}
	owner := name(rr.Header().Name)
	switch r := rr.(type) {
	case *mdns.MX:
		f.MX = with(f.MX, owner, dns.MX{Preference: r.Preference, Host: name(r.Mx)})
	case *mdns.A:
		addr, _ := netip.AddrFromSlice(r.A)
		f.A = with(f.A, owner, addr.Unmap())
	case *mdns.AAAA:
		addr, _ := netip.AddrFromSlice(r.AAAA)
		f.AAAA = with(f.AAAA, owner, addr)
	case *mdns.TXT:
		for i, s := range r.Txt {
			r.Txt[i] = strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(s)
		}
		f.Strings = with(f.Strings, owner, r.Txt)
	case *mdns.CNAME:
		if f.CNAME == nil {
			f.CNAME = map[string]string{}
		}
		f.CNAME[owner] = name(r.Target)
	case *mdns.NS:
		f.NS = with(f.NS, owner, name(r.Ns))
	case *mdns.SOA:
		f.SOA = with(f.SOA, owner, dns.SOA{Server: name(r.Ns), Serial: r.Serial})
	case *mdns.TLSA:
		data, err := hex.DecodeString(r.Certificate)
		if err != nil {
			return fmt.Errorf("record %q: %w", record, err)
		}
		f.TLSA = with(f.TLSA, owner, dns.TLSA{Usage: r.Usage, Selector: r.Selector, Matching: r.MatchingType, Data: data})
	default:
		return fmt.Errorf("record %q: a Fake has none of that type", record)
	}
	return nil
}

func with[T any](records map[string][]T, owner string, one T) map[string][]T {
	if records == nil {
		records = map[string][]T{}
	}
	records[owner] = append(records[owner], one)
	return records
}

func name(s string) string { return strings.ToLower(strings.TrimSuffix(s, ".")) }
