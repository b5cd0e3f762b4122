package dns

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/budkavle/budkavle/internal/base/clock"
)

// maxZones bounds the zones that are known at a time: with 8 servers of 2 addresses (24 octets) each and names of at most
// 255 octets, one is at most 3 kB, and all of them 12 MB.
const maxZones = 4096

// errNoZone: nothing up to the root names its servers.
var errNoZone = errors.New("no name servers are to be found for it")

// errNoAddress marks a name server that cannot be asked.
var errNoAddress = errors.New("it has no address that may be asked")

// zone is a part of the tree of names, and who answers for it. It is not changed after it was made.
type zone struct {
	name    string
	servers []nameServer // at least one
	expires time.Time
}

type nameServer struct {
	name  string
	addrs []netip.Addr // IPv4 first; none: it cannot be asked
}

// zones remembers who answers for what.
type zones struct {
	clock clock.Clock
	mu    sync.Mutex
	known map[string]*zone
}

func newZones(c clock.Clock) *zones { return &zones{clock: c, known: map[string]*zone{}} }

func (z *zones) get(name string) *zone {
	z.mu.Lock()
	defer z.mu.Unlock()
	found := z.known[name]
	if found != nil && !found.expires.After(z.clock.Now()) {
		delete(z.known, name)
		return nil
	}
	return found
}

func (z *zones) put(one *zone) {
	z.mu.Lock()
	defer z.mu.Unlock()
	for name := range z.known { // any; what is forgotten costs a question or two
		if len(z.known) < maxZones {
			break
		}
		delete(z.known, name)
	}
	z.known[one.name] = one
}

// zoneOf finds the closest zone around a name: one that is known already, else the one that the resolver knows of. If it is
// not the closest, its servers will say so.
func (a *Authority) zoneOf(ctx context.Context, k key) (*zone, *Error) {
	for name := k.name; ; name = parent(name) {
		if z := a.zones.get(name); z != nil {
			return z, nil
		}
		if name == "" {
			break
		}
	}
	for name := k.name; ; {
		r, err := a.client.answer(ctx, key{name, mdns.TypeNS})
		switch {
		case err == nil && r.name == name:
			return a.keep(ctx, name, names(r.records), nil, r.expires), nil
		case err != nil && !r.denies():
			var fault *Error
			errors.As(err, &fault)
			return nil, fault
		case name == "":
			return nil, k.fault(Network, "", errNoZone)
		case err != nil && r.zone != name && r.zone != "" && within(name, r.zone):
			name = r.zone
		default: // an alias, or a denial that does not say whose it is
			name = parent(name)
		}
	}
}

func (r *result) denies() bool { return r != nil && r.err != nil && r.err.Denied() }

func parent(name string) string {
	_, rest, _ := strings.Cut(name, ".")
	return rest
}

func names(records []mdns.RR) []string {
	var list []string
	for _, rr := range records {
		if name, ok := readNS(rr); ok {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// learn keeps the zone that a referral speaks of, with the addresses it brings along for servers in that zone: those
// could not be found otherwise (RFC 1034 4.2.1). Addresses of other servers are looked up, since it does not own them.
func (a *Authority) learn(ctx context.Context, msg *mdns.Msg, name string) *zone {
	var servers []mdns.RR
	least := maxZoneTTL
	for _, rr := range msg.Ns {
		if plain(rr.Header().Name) == name && rr.Header().Rrtype == mdns.TypeNS {
			servers = append(servers, rr)
			least = min(least, seconds(rr.Header().Ttl))
		}
	}
	glue := map[string][]netip.Addr{}
	for _, rr := range msg.Extra {
		owner := plain(rr.Header().Name)
		if !within(owner, name) {
			continue
		}
		if addr, ok := readA(rr); ok {
			glue[owner] = append(glue[owner], addr)
		} else if addr, ok := readAAAA(rr); ok {
			glue[owner] = append(glue[owner], addr)
		}
	}
	return a.keep(ctx, name, names(servers), glue, a.zones.clock.Now().Add(least))
}

// keep finds the addresses of a zone's servers and remembers it.
func (a *Authority) keep(ctx context.Context, name string, servers []string, glue map[string][]netip.Addr, expires time.Time) *zone {
	servers = servers[:min(len(servers), maxServers)]
	z := &zone{name: name, servers: make([]nameServer, len(servers))}
	var wg sync.WaitGroup
	for i, server := range servers {
		wg.Go(func() {
			addrs := glue[server]
			if len(addrs) == 0 {
				addrs = a.addresses(ctx, server)
			}
			z.servers[i] = nameServer{server, a.allowed(addrs)}
		})
	}
	wg.Wait()
	slices.SortStableFunc(z.servers, func(x, y nameServer) int { // those that cannot be asked last
		return cmp.Compare(min(1, len(y.addrs)), min(1, len(x.addrs)))
	})
	now := a.zones.clock.Now()
	z.expires = now.Add(clamp(expires.Sub(now), minZoneTTL, maxZoneTTL))
	if ctx.Err() == nil {
		a.zones.put(z)
	}
	return z
}

// addresses asks the resolver; whatever stands in the way, there are none.
func (a *Authority) addresses(ctx context.Context, server string) []netip.Addr {
	four, _ := a.client.LookupA(ctx, server)
	if len(four.Records) >= 2 { // enough; most name servers have one of each family
		return four.Records
	}
	six, _ := a.client.LookupAAAA(ctx, server)
	return slices.Concat(four.Records, six.Records)
}

// allowed leaves out what must not be asked.
func (a *Authority) allowed(addrs []netip.Addr) []netip.Addr {
	addrs = slices.DeleteFunc(slices.Clone(addrs), func(addr netip.Addr) bool {
		return addr.IsUnspecified() || addr.IsMulticast() || a.port == 53 && Inside(addr)
	})
	slices.SortStableFunc(addrs, func(x, y netip.Addr) int { return x.BitLen() - y.BitLen() })
	return addrs[:min(len(addrs), maxAddrs)]
}
