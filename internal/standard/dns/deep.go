package dns

import (
	"context"
	"encoding/hex"
	"strings"

	mdns "github.com/miekg/dns"
)

// Deep is a Resolver that also answers what only checks ask.
type Deep interface {
	Resolver
	LookupNS(ctx context.Context, name string) (Answer[string], error)
	LookupSOA(ctx context.Context, name string) (Answer[SOA], error)
	// LookupCNAME gives the alias itself and does not follow it; NoData: the name is none.
	LookupCNAME(ctx context.Context, name string) (Answer[string], error)
	LookupTLSA(ctx context.Context, name string) (Answer[TLSA], error)
	// LookupStrings gives TXT records with their character-strings kept apart, as they were published.
	LookupStrings(ctx context.Context, name string) (Answer[[]string], error)
}

// SOA is the start of a zone (RFC 1035 3.3.13). Answer.Name is the zone.
type SOA struct {
	Server string // lower case, no closing dot
	Serial uint32
}

// TLSA ties a certificate to a service (RFC 6698 2.1). It is worth something only in an Authentic answer.
type TLSA struct {
	Usage, Selector, Matching uint8
	Data                      []byte
}

var _ Deep = (*Client)(nil)

// LookupNS implements Deep.
func (c *Client) LookupNS(ctx context.Context, name string) (Answer[string], error) {
	return lookup(ctx, c, name, mdns.TypeNS, readNS)
}

// LookupSOA implements Deep.
func (c *Client) LookupSOA(ctx context.Context, name string) (Answer[SOA], error) {
	return lookup(ctx, c, name, mdns.TypeSOA, readSOA)
}

// LookupCNAME implements Deep.
func (c *Client) LookupCNAME(ctx context.Context, name string) (Answer[string], error) {
	return lookup(ctx, c, name, mdns.TypeCNAME, readCNAME)
}

// LookupTLSA implements Deep.
func (c *Client) LookupTLSA(ctx context.Context, name string) (Answer[TLSA], error) {
	return lookup(ctx, c, name, mdns.TypeTLSA, readTLSA)
}

// LookupStrings implements Deep.
func (c *Client) LookupStrings(ctx context.Context, name string) (Answer[[]string], error) {
	return lookup(ctx, c, name, mdns.TypeTXT, readStrings)
}

func readNS(rr mdns.RR) (string, bool) {
	ns, ok := rr.(*mdns.NS)
	if !ok {
		return "", false
	}
	return plain(ns.Ns), true
}

func readSOA(rr mdns.RR) (SOA, bool) {
	soa, ok := rr.(*mdns.SOA)
	if !ok {
		return SOA{}, false
	}
	return SOA{Server: plain(soa.Ns), Serial: soa.Serial}, true
}

func readCNAME(rr mdns.RR) (string, bool) {
	cname, ok := rr.(*mdns.CNAME)
	if !ok {
		return "", false
	}
	return plain(cname.Target), true
}

func readTLSA(rr mdns.RR) (TLSA, bool) {
	t, ok := rr.(*mdns.TLSA)
	if !ok {
		return TLSA{}, false
	}
	data, err := hex.DecodeString(t.Certificate)
	return TLSA{Usage: t.Usage, Selector: t.Selector, Matching: t.MatchingType, Data: data}, err == nil
}

func readStrings(rr mdns.RR) ([]string, bool) {
	txt, ok := rr.(*mdns.TXT)
	if !ok {
		return nil, false
	}
	list := make([]string, len(txt.Txt))
	for i, s := range txt.Txt {
		list[i] = unescape(s)
	}
	return list, true
}

func readTXT(rr mdns.RR) (string, bool) {
	list, ok := readStrings(rr)
	return strings.Join(list, ""), ok
}
