// Package dnstest is a dns.Resolver of plain maps, for tests of whoever looks things up.
//
// Keys are lower-case names without the closing dot. A name that no map knows does not exist (NXDomain); one that
// some map knows has no other records (NoData). Faults come first: they stand for servers that fail. It is not a
// server and speaks no protocol; internal/lab has one.
package dnstest

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/budkavle/budkavle/internal/standard/dns"
)

// Fake is a Resolver. The zero Fake knows nothing. It must not be changed while it is asked.
type Fake struct {
	MX    map[string][]dns.MX
	A     map[string][]netip.Addr
	AAAA  map[string][]netip.Addr
	TXT   map[string][]string
	SPF   map[string][]string // records of type 99
	PTR   map[netip.Addr][]string
	CNAME map[string]string
	NS    map[string][]string
	SOA   map[string][]dns.SOA
	TLSA  map[string][]dns.TLSA
	// Strings are TXT records whose character-strings matter; those of TXT are split at 255 octets.
	Strings map[string][][]string
	// Faults fail every lookup of a name, or of one type of it: "example.org", or "MX example.org".
	Faults map[string]dns.Kind
	// Authentic names have answers with that mark.
	Authentic map[string]bool
	// Expires is when every answer does.
	Expires time.Time
}

var _ dns.Deep = (*Fake)(nil)

// LookupMX implements dns.Resolver.
func (f *Fake) LookupMX(ctx context.Context, name string) (dns.Answer[dns.MX], error) {
	return lookup(ctx, f, name, "MX", f.MX)
}

// LookupA implements dns.Resolver.
func (f *Fake) LookupA(ctx context.Context, name string) (dns.Answer[netip.Addr], error) {
	return lookup(ctx, f, name, "A", f.A)
}

// LookupAAAA implements dns.Resolver.
func (f *Fake) LookupAAAA(ctx context.Context, name string) (dns.Answer[netip.Addr], error) {
	return lookup(ctx, f, name, "AAAA", f.AAAA)
}

// LookupTXT implements dns.Resolver.
func (f *Fake) LookupTXT(ctx context.Context, name string) (dns.Answer[string], error) {
	all, err := f.LookupStrings(ctx, name)
	joined := make([]string, len(all.Records))
	for i, r := range all.Records {
		joined[i] = strings.Join(r, "")
	}
	return dns.Answer[string]{Records: joined, Name: all.Name, Expires: all.Expires, Authentic: all.Authentic}, err
}

// LookupStrings implements dns.Deep.
func (f *Fake) LookupStrings(ctx context.Context, name string) (dns.Answer[[]string], error) {
	all := maps.Clone(f.Strings)
	if all == nil {
		all = map[string][][]string{}
	}
	for owner, records := range f.TXT {
		for _, r := range records {
			all[owner] = append(slices.Clip(all[owner]), split(r))
		}
	}
	return lookup(ctx, f, name, "TXT", all)
}

func split(txt string) []string {
	var parts []string
	for len(txt) > 255 {
		parts, txt = append(parts, txt[:255]), txt[255:]
	}
	return append(parts, txt)
}

// LookupNS implements dns.Deep.
func (f *Fake) LookupNS(ctx context.Context, name string) (dns.Answer[string], error) {
	return lookup(ctx, f, name, "NS", f.NS)
}

// LookupSOA implements dns.Deep.
func (f *Fake) LookupSOA(ctx context.Context, name string) (dns.Answer[dns.SOA], error) {
	return lookup(ctx, f, name, "SOA", f.SOA)
}

// LookupTLSA implements dns.Deep.
func (f *Fake) LookupTLSA(ctx context.Context, name string) (dns.Answer[dns.TLSA], error) {
	return lookup(ctx, f, name, "TLSA", f.TLSA)
}

// LookupCNAME implements dns.Deep.
func (f *Fake) LookupCNAME(ctx context.Context, name string) (dns.Answer[string], error) {
	aliases := make(map[string][]string, len(f.CNAME))
	for owner, target := range f.CNAME {
		aliases[owner] = []string{target}
	}
	return lookup(ctx, f, name, "CNAME", aliases)
}

// LookupSPF is like that of dns.Client.
func (f *Fake) LookupSPF(ctx context.Context, name string) (dns.Answer[string], error) {
	return lookup(ctx, f, name, "SPF", f.SPF)
}

// LookupPTR implements dns.Resolver. Faults know it by the reverse name, such as "1.0.0.127.in-addr.arpa".
func (f *Fake) LookupPTR(ctx context.Context, addr netip.Addr) (dns.Answer[string], error) {
	name, err := mdns.ReverseAddr(addr.String())
	if err != nil {
		return dns.Answer[string]{}, &dns.Error{Kind: dns.BadName, Name: addr.String(), Type: "PTR", Err: err}
	}
	name = strings.TrimSuffix(name, ".")
	return lookup(ctx, f, name, "PTR", map[string][]string{name: f.PTR[addr]})
}

func lookup[T any](ctx context.Context, f *Fake, name, qtype string, records map[string][]T) (dns.Answer[T], error) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	fault := func(k dns.Kind, cause error) (dns.Answer[T], error) {
		return dns.Answer[T]{}, &dns.Error{Kind: k, Name: name, Type: qtype, Err: cause}
	}
	if err := ctx.Err(); err != nil {
		return fault(dns.Cancelled, err)
	}
	owner := name
	for range 10 {
		if k, ok := f.Faults[owner]; ok {
			return fault(k, nil)
		}
		if k, ok := f.Faults[qtype+" "+owner]; ok {
			return fault(k, nil)
		}
		if found := records[owner]; len(found) > 0 {
			return dns.Answer[T]{Records: found, Name: owner, Expires: f.Expires, Authentic: f.Authentic[name]}, nil
		}
		target, ok := f.CNAME[owner]
		if !ok || qtype == "CNAME" {
			if f.knows(owner) {
				return fault(dns.NoData, nil)
			}
			return fault(dns.NXDomain, nil)
		}
		owner = target
	}
	return fault(dns.Loop, nil)
}

func (f *Fake) knows(name string) bool {
	return len(f.MX[name]) > 0 || len(f.A[name]) > 0 || len(f.AAAA[name]) > 0 || len(f.TXT[name]) > 0 || len(f.NS[name]) > 0 ||
		len(f.SOA[name]) > 0 || len(f.TLSA[name]) > 0 || len(f.Strings[name]) > 0
}
