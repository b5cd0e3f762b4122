package dns

import (
	"context"
	"errors"
	"net/netip"
	"time"

	mdns "github.com/miekg/dns"
)

// Limits of one question put to authoritative servers: at most maxSteps × maxServers × maxAddrs questions.
const (
	maxSteps   = 12 // referrals and aliases gone along; names in use need two or three
	maxServers = 8  // of one zone; most have two to four
	maxAddrs   = 2  // of one server
	minZoneTTL = time.Minute
	maxZoneTTL = 10 * time.Minute
)

// Authority is a Resolver that asks the servers which own a name, past every cache but its own of who they are. It finds
// them through a Client, goes along referrals, and begins again at the target of an alias in another zone. Answers are
// never Authentic. It is safe for concurrent use and has no goroutines that outlive a call.
type Authority struct {
	client *Client
	port   uint16
	wire   wire
	zones  *zones
}

var _ Deep = (*Authority)(nil)

// NewAuthority makes an Authority that finds servers through c and asks them at port, 53 in the world. There, servers at
// addresses Inside are not asked; at another port they are, since no server of the world listens at it: so a lab is met.
func NewAuthority(c *Client, port uint16) *Authority {
	return &Authority{client: c, port: port, wire: wire{c.config.Dial, c.config.Timeout, false}, zones: newZones(c.config.Clock)}
}

// errLame marks a server that was named for a zone and knows nothing of it.
var errLame = errors.New("not authoritative, though named for the zone")

// resolve asks one server after the other until one has an answer.
func (a *Authority) resolve(ctx context.Context, name string, qtype uint16) (*result, error) {
	k := key{name: plain(asUnpacked(name)), qtype: qtype}
	if _, ok := mdns.IsDomainName(k.name); !ok || k.name == "" {
		return nil, k.fault(BadName, "", nil)
	}
	target := k
	for range maxSteps {
		z, err := a.zoneOf(ctx, target)
		if err != nil {
			return nil, k.fault(err.Kind, err.Server, err.Err)
		}
		var last *Error
		var s *said
		for _, server := range z.servers {
			got, err := a.ask(ctx, z, server, target)
			if err == nil {
				s = got
				break
			}
			if last = worse(last, err); err.Kind == Cancelled {
				break
			}
		}
		switch {
		case s == nil:
			return nil, k.fault(last.Kind, last.Server, last.Err)
		case s.referral != nil:
			// asked again below, now that the deeper zone is known
		case s.alias != "":
			target.name = s.alias
		default:
			r := &result{name: s.name, records: s.records, expires: a.client.config.Clock.Now()}
			if s.kind != "" {
				r.err = k.fault(s.kind, s.server, nil)
			}
			return r, r.errorOrNil()
		}
	}
	return nil, k.fault(Loop, "", nil)
}

// said is what one server says to one question.
type said struct {
	server   string
	name     string // owner of the records
	records  []mdns.RR
	kind     Kind   // of a denial
	alias    string // in another zone, or another server's to tell: ask there
	referral *zone  // a deeper zone knows; it is in zones already
}

// ask puts a question to one server of a zone.
func (a *Authority) ask(ctx context.Context, z *zone, server nameServer, k key) (*said, *Error) {
	var last *Error
	for _, addr := range server.addrs {
		to := netip.AddrPortFrom(addr, a.port).String()
		msg, _, err := a.wire.ask(ctx, to, k)
		switch {
		case ctx.Err() != nil:
			return nil, k.fault(Cancelled, to, ctx.Err())
		case err != nil:
			last = worse(last, k.fault(kindOf(err), to, err))
			continue
		case msg.Rcode == mdns.RcodeServerFailure:
			last = worse(last, k.fault(ServFail, to, nil))
			continue
		case msg.Rcode != mdns.RcodeSuccess && msg.Rcode != mdns.RcodeNameError:
			last = worse(last, k.fault(Refused, to, errors.New(mdns.RcodeToString[msg.Rcode])))
			continue
		}
		if deeper := referral(msg, z.name, k.name); deeper != "" {
			return &said{server: to, referral: a.learn(ctx, msg, deeper)}, nil
		}
		if !msg.Authoritative {
			last = worse(last, k.fault(Refused, to, errLame))
			continue
		}
		return a.judge(read(msg, k.name, k.qtype), z, to, k)
	}
	if last == nil {
		last = k.fault(Network, server.name, errNoAddress)
	}
	return nil, last
}

func (a *Authority) judge(r reading, z *zone, server string, k key) (*said, *Error) {
	switch {
	case r.looped:
		return nil, k.fault(Loop, server, nil)
	case r.kind != "" && (r.open || r.aliases > 0 && !within(r.name, z.name)):
		return &said{server: server, alias: r.name}, nil
	}
	return &said{server: server, name: r.name, records: r.records, kind: r.kind}, nil
}

// referral is the deeper zone that a message sends to (RFC 1034 4.3.1); empty: it is none.
func referral(msg *mdns.Msg, zone, name string) string {
	if msg.Authoritative || msg.Rcode != mdns.RcodeSuccess || len(msg.Answer) > 0 {
		return ""
	}
	for _, rr := range msg.Ns {
		owner := plain(rr.Header().Name)
		if _, ok := rr.(*mdns.NS); ok && owner != zone && within(owner, zone) && within(name, owner) {
			return owner
		}
	}
	return ""
}

// within reports whether a name is the zone, or below it.
func within(name, zone string) bool { return mdns.IsSubDomain(mdns.Fqdn(zone), mdns.Fqdn(name)) }
