package lab

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/budkavle/budkavle/internal/base/wording"
)

const (
	maxRecords = 100_000 // of a lab: about 400 octets each with their names, 40 MB
	maxOfName  = 1_000   // more than an answer of 64 KiB has room for
)

// parseRecords reads the notation of a BIND zone file. It includes no files, and takes no address outside loopback.
func parseRecords(text string, ttl time.Duration) ([]mdns.RR, error) {
	if text == "" {
		return nil, nil
	}
	parser := mdns.NewZoneParser(strings.NewReader(text), ".", "")
	parser.SetDefaultTTL(uint32(ttl / time.Second))
	var list []mdns.RR
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		if len(list) >= maxRecords { // $GENERATE can ask for any number
			return nil, wording.Errorf("over %d records", maxRecords)
		}
		if err := onLoopback(rr); err != nil {
			return nil, err
		}
		list = append(list, rr)
	}
	return list, parser.Err()
}

func onLoopback(rr mdns.RR) error {
	var ip net.IP
	switch rr := rr.(type) {
	case *mdns.A:
		ip = rr.A
	case *mdns.AAAA:
		ip = rr.AAAA
	default:
		return nil
	}
	if a, ok := netip.AddrFromSlice(ip); !ok || !a.Unmap().IsLoopback() {
		return wording.Errorf("%s has address %s, which is not loopback; the lab leads nowhere outside this machine", rr.Header().Name, ip)
	}
	return nil
}

// tree is a set of records, and the names that exist by them.
type tree struct {
	records map[string][]mdns.RR // by name with closing dot, lower case
	exists  map[string]bool      // those names, and all above them (RFC 8020)
	count   int
}

func newTree() *tree {
	return &tree{records: map[string][]mdns.RR{}, exists: map[string]bool{}}
}

// add takes records in; all of them, or none and an error. One that is there already is not there twice (RFC 2181 5).
func (t *tree) add(list []mdns.RR) error {
	fresh, count := map[string][]mdns.RR{}, t.count
	for _, rr := range list {
		name := fold(rr.Header().Name)
		have, ok := fresh[name]
		if !ok {
			have = slices.Clip(t.records[name])
		}
		if !slices.ContainsFunc(have, func(other mdns.RR) bool { return mdns.IsDuplicate(other, rr) }) {
			have = append(have, rr)
			count++
		}
		if len(have) > 1 && slices.ContainsFunc(have, isAlias) {
			return wording.Errorf("%s has a CNAME and other records; a CNAME stands alone (RFC 1034 3.6.2)", rr.Header().Name)
		}
		if len(have) > maxOfName {
			return wording.Errorf("%s has over %d records", rr.Header().Name, maxOfName)
		}
		fresh[name] = have
	}
	if count > maxRecords {
		return wording.Errorf("the lab holds at most %d DNS records", maxRecords)
	}
	for name, have := range fresh {
		t.records[name] = have
		for _, i := range mdns.Split(name) {
			t.exists[name[i:]] = true
		}
	}
	t.count = count
	return nil
}

func isAlias(rr mdns.RR) bool { return rr.Header().Rrtype == mdns.TypeCNAME }

// fold is a name in the form that records are kept by.
func fold(name string) string { return strings.ToLower(mdns.Fqdn(name)) }

// has reports whether a name has records of a type.
func (t *tree) has(name string, qtype uint16) bool { return len(t.ofType(fold(name), qtype)) > 0 }

func (t *tree) ofType(name string, qtype uint16) []mdns.RR {
	var list []mdns.RR
	for _, rr := range t.records[name] {
		if kind := rr.Header().Rrtype; kind == qtype || qtype == mdns.TypeANY {
			list = append(list, rr)
		}
	}
	return list
}
