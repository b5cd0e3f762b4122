package lab

import (
	"net/netip"
	"slices"
	"strings"

	mdns "github.com/miekg/dns"
	"golang.org/x/net/publicsuffix"

	"github.com/budkavle/budkavle/internal/base/wording"
)

const (
	maxRecords = 100_000 // of a lab: about 400 octets each with their names, 40 MB
	maxOfName  = 1_000   // more than an answer of 64 KiB has room for
	soaTTL     = 60      // seconds; also for which a denial is kept
	nameServer = "ns1.lab.example."
)

// tree is a set of records, and the names and zones that exist by them.
type tree struct {
	records map[string][]mdns.RR // by name with closing dot, lower case
	exists  map[string]bool      // those names, and all above them (RFC 8020)
	zones   map[string]bool      // where a zone begins
	count   int
}

func newTree() *tree {
	return &tree{records: map[string][]mdns.RR{}, exists: map[string]bool{".": true}, zones: map[string]bool{".": true}}
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
		t.cut(name)
	}
	t.count = count
	return nil
}

// cut has a zone begin where a registry would hand one out, and where records say so.
func (t *tree) cut(name string) {
	if slices.ContainsFunc(t.records[name], func(rr mdns.RR) bool { return isType(rr, mdns.TypeSOA) || isType(rr, mdns.TypeNS) }) {
		t.zones[name] = true
	}
	if registered, err := publicsuffix.EffectiveTLDPlusOne(strings.TrimSuffix(name, ".")); err == nil {
		t.zones[registered+"."] = true
	}
}

func isType(rr mdns.RR, kind uint16) bool { return rr.Header().Rrtype == kind }
func isAlias(rr mdns.RR) bool             { return isType(rr, mdns.TypeCNAME) }

// fold is a name in the form that records are kept by.
func fold(name string) string { return strings.ToLower(mdns.Fqdn(name)) }

// has reports whether a name has records of a type.
func (t *tree) has(name string, qtype uint16) bool { return len(t.ofType(fold(name), qtype)) > 0 }

// ofType is the records of a name, with the SOA and NS that a zone must have.
func (t *tree) ofType(name string, qtype uint16) []mdns.RR {
	var list []mdns.RR
	all := t.records[name]
	if t.begins(name) {
		for _, must := range []mdns.RR{soa(name), ns(name)} {
			if !slices.ContainsFunc(all, func(rr mdns.RR) bool { return isType(rr, must.Header().Rrtype) }) {
				all = append(slices.Clip(all), must)
			}
		}
	}
	for _, rr := range all {
		if isType(rr, qtype) || qtype == mdns.TypeANY {
			list = append(list, rr)
		}
	}
	return list
}

// begins reports whether a zone begins at the name. Where an alias stands there is no room for one.
func (t *tree) begins(name string) bool {
	return t.zones[name] && !slices.ContainsFunc(t.records[name], isAlias)
}

// apex is where the zone of a name begins.
func (t *tree) apex(name string) string {
	for _, i := range mdns.Split(name) {
		if t.begins(name[i:]) {
			return name[i:]
		}
	}
	return "."
}

// encloser is the nearest name at or above this one that exists (RFC 4592 3.3.1).
func (t *tree) encloser(name string) string {
	for _, i := range mdns.Split(name) {
		if t.exists[name[i:]] {
			return name[i:]
		}
	}
	return "."
}

// source is the name whose records stand for this one: itself, or a wildcard. It is empty if the name does not exist.
func (t *tree) source(name string) string {
	if t.exists[name] {
		return name
	}
	wildcard := "*." + strings.TrimPrefix(t.encloser(name), ".")
	if !t.exists[wildcard] {
		return ""
	}
	return wildcard
}

// find is the records of a type that a name has, by itself or by a wildcard.
func (t *tree) find(name string, qtype uint16) []mdns.RR {
	source := t.source(name)
	list := t.ofType(source, qtype)
	if source == name {
		return list
	}
	for i, rr := range list {
		list[i] = mdns.Copy(rr)
		list[i].Header().Name = name
	}
	return list
}

func soa(zone string) mdns.RR {
	return &mdns.SOA{
		Hdr: mdns.RR_Header{Name: zone, Rrtype: mdns.TypeSOA, Class: mdns.ClassINET, Ttl: soaTTL},
		Ns:  nameServer, Mbox: "postmaster.lab.example.", Serial: 1, Refresh: 3600, Retry: 600, Expire: 86400, Minttl: soaTTL,
	}
}

func ns(zone string) mdns.RR {
	return &mdns.NS{Hdr: mdns.RR_Header{Name: zone, Rrtype: mdns.TypeNS, Class: mdns.ClassINET, Ttl: soaTTL}, Ns: nameServer}
}

func address(name string, a netip.Addr) mdns.RR {
	hdr := mdns.RR_Header{Name: name, Rrtype: mdns.TypeA, Class: mdns.ClassINET, Ttl: soaTTL}
	if a = a.Unmap(); a.Is4() {
		return &mdns.A{Hdr: hdr, A: a.AsSlice()}
	}
	hdr.Rrtype = mdns.TypeAAAA
	return &mdns.AAAA{Hdr: hdr, AAAA: a.AsSlice()}
}
