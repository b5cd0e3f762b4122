package dns

import (
	"context"
	"net/netip"
	"sync"

	mdns "github.com/miekg/dns"
)

// LookupMX implements Resolver.
func (a *Authority) LookupMX(ctx context.Context, name string) (Answer[MX], error) {
	return lookup(ctx, a, name, mdns.TypeMX, readMX)
}

// LookupA implements Resolver.
func (a *Authority) LookupA(ctx context.Context, name string) (Answer[netip.Addr], error) {
	return lookup(ctx, a, name, mdns.TypeA, readA)
}

// LookupAAAA implements Resolver.
func (a *Authority) LookupAAAA(ctx context.Context, name string) (Answer[netip.Addr], error) {
	return lookup(ctx, a, name, mdns.TypeAAAA, readAAAA)
}

// LookupTXT implements Resolver.
func (a *Authority) LookupTXT(ctx context.Context, name string) (Answer[string], error) {
	return lookup(ctx, a, name, mdns.TypeTXT, readTXT)
}

// LookupPTR implements Resolver.
func (a *Authority) LookupPTR(ctx context.Context, addr netip.Addr) (Answer[string], error) {
	name, err := reverse(addr)
	if err != nil {
		return Answer[string]{}, err
	}
	return lookup(ctx, a, name, mdns.TypePTR, readPTR)
}

// LookupNS implements Deep.
func (a *Authority) LookupNS(ctx context.Context, name string) (Answer[string], error) {
	return lookup(ctx, a, name, mdns.TypeNS, readNS)
}

// LookupSOA implements Deep.
func (a *Authority) LookupSOA(ctx context.Context, name string) (Answer[SOA], error) {
	return lookup(ctx, a, name, mdns.TypeSOA, readSOA)
}

// LookupCNAME implements Deep.
func (a *Authority) LookupCNAME(ctx context.Context, name string) (Answer[string], error) {
	return lookup(ctx, a, name, mdns.TypeCNAME, readCNAME)
}

// LookupTLSA implements Deep.
func (a *Authority) LookupTLSA(ctx context.Context, name string) (Answer[TLSA], error) {
	return lookup(ctx, a, name, mdns.TypeTLSA, readTLSA)
}

// LookupStrings implements Deep.
func (a *Authority) LookupStrings(ctx context.Context, name string) (Answer[[]string], error) {
	return lookup(ctx, a, name, mdns.TypeTXT, readStrings)
}

// Shown is what one authoritative server has at a name.
type Shown struct {
	Server  string // its name and the address that answered
	Records []string
	Err     error // *Error; nil: Records are not empty
}

// LookupTXTEverywhere asks each authoritative server of a name, at most maxServers, all at the same time. An alias is
// followed, and then each server of its target is asked. The error says that nobody can be asked.
func (a *Authority) LookupTXTEverywhere(ctx context.Context, name string) ([]Shown, error) {
	k := key{name: plain(asUnpacked(name)), qtype: mdns.TypeTXT}
	if _, ok := mdns.IsDomainName(k.name); !ok || k.name == "" {
		return nil, k.fault(BadName, "", nil)
	}
	for range maxSteps {
		z, fault := a.zoneOf(ctx, k)
		if fault != nil {
			return nil, fault
		}
		answers := make([]*said, len(z.servers))
		shown := make([]Shown, len(z.servers))
		var wg sync.WaitGroup
		for i, server := range z.servers {
			wg.Go(func() { answers[i], shown[i] = a.show(ctx, z, server, k) })
		}
		wg.Wait()
		next, all := "", true
		deeper := false
		for _, s := range answers {
			deeper = deeper || s != nil && s.referral != nil
			all = all && (s == nil || s.alias != "" && (next == "" || next == s.alias))
			if s != nil && s.alias != "" {
				next = s.alias
			}
		}
		switch {
		case deeper:
		case all && next != "":
			k.name = next
		default:
			return a.complete(ctx, answers, shown), nil
		}
	}
	return nil, k.fault(Loop, "", nil)
}

// show asks one server, and words its answer.
func (a *Authority) show(ctx context.Context, z *zone, server nameServer, k key) (*said, Shown) {
	s, fault := a.ask(ctx, z, server, k)
	if fault != nil {
		return nil, Shown{Server: server.name, Err: fault}
	}
	one := Shown{Server: server.name + " [" + s.server + "]"}
	for _, rr := range s.records {
		if txt, ok := readTXT(rr); ok {
			one.Records = append(one.Records, txt)
		}
	}
	if len(one.Records) == 0 {
		kind := s.kind
		if kind == "" {
			kind = NoData
		}
		one.Err = k.fault(kind, s.server, nil)
	}
	return s, one
}

// complete follows the aliases of servers that do not agree.
func (a *Authority) complete(ctx context.Context, answers []*said, shown []Shown) []Shown {
	for i, s := range answers {
		if s != nil && s.alias != "" {
			answer, err := a.LookupTXT(ctx, s.alias)
			shown[i].Records, shown[i].Err = answer.Records, err
		}
	}
	return shown
}
