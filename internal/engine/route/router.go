package route

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// Config is what a Router needs.
type Config struct {
	Resolver dns.Resolver
	Clock    clock.Clock
	Port     uint16 // of receiving servers; 0: 25
	// Inside takes mail also to loopback, private and link-local addresses. Without, whoever sends here could have the
	// node talk to servers of its own network, which may trust it, by an MX record. Fixed routes go anywhere.
	Inside bool
	Routes []Route
	// Sources are the addresses we send from. Hosts are tried in the families of these, in the order in which they
	// first appear; empty: the system chooses the source, IPv4 is tried before IPv6.
	Sources []netip.Addr
	// SelfNames and SelfAddrs are how MX records may name this node: mail for such a host would come back to us.
	SelfNames []string
	SelfAddrs []netip.Addr
	// AccountName tells the name of an account, for routes that belong to one. Not called without such routes.
	AccountName func(ctx context.Context, id model.AccountID) (string, error)
	// Own finds an account's own server, which comes before Routes; nil: it has none. A nil Own: no account has one.
	Own func(ctx context.Context, id model.AccountID) (*Own, error)
	// Shuffle puts n things in random order (RFC 5321 5.1: equal preferences); nil: rand.Shuffle.
	Shuffle func(n int, swap func(i, j int))
}

// Limits of a plan. What DNS says beyond them is not used.
const (
	maxHosts = 10 // RFC 5321 5.1 asks for two addresses at least
	maxAddrs = 8  // of one host
	minKept  = time.Minute
	maxKept  = time.Hour
)

// Router makes plans. It is safe for concurrent use.
type Router struct {
	config Config
	fixed  []fixedRoute
	sends  atomic.Pointer[families]
	names  map[string]bool
	addrs  map[netip.Addr]bool
}

// families are those of the addresses that we send from.
type families struct{ four, six, sixFirst bool }

// SetSources replaces the addresses that we send from, as Config.Sources has them; plans made before stay as they are.
func (r *Router) SetSources(list []netip.Addr) {
	f := families{}
	for _, s := range list {
		if s.Unmap().Is4() {
			f.four = true
		} else {
			f.sixFirst = f.sixFirst || !f.four
			f.six = true
		}
	}
	if len(list) == 0 {
		f.four, f.six = true, true
	}
	r.sends.Store(&f)
}

// New checks the configuration and makes a Router of it.
func New(c Config) (*Router, error) {
	if c.Port == 0 {
		c.Port = 25
	}
	if c.Shuffle == nil {
		c.Shuffle = rand.Shuffle
	}
	r := &Router{config: c, names: map[string]bool{}, addrs: map[netip.Addr]bool{}}
	r.SetSources(c.Sources)
	for _, n := range c.SelfNames {
		r.names[plain(n)] = true
	}
	for _, a := range c.SelfAddrs {
		r.addrs[a.Unmap()] = true
	}
	fixed, err := readRoutes(c.Routes, c.Port)
	if err != nil {
		return nil, err
	}
	r.fixed = fixed
	return r, nil
}

// Route plans the way to a recipient domain, in A-labels or an address literal in brackets, for mail of the account.
func (r *Router) Route(ctx context.Context, account model.AccountID, domain string) (*Plan, error) {
	domain = plain(domain)
	own, closed, err := r.own(ctx, account)
	switch {
	case err != nil:
		return nil, err
	case own != nil:
		return r.Via(ctx, own, domain)
	}
	p, err := r.other(ctx, account, domain)
	if err == nil && closed != nil {
		p = instead(p, closed)
	}
	return p, err
}

// other plans the way of mail whose account has no server of its own.
func (r *Router) other(ctx context.Context, account model.AccountID, domain string) (*Plan, error) {
	f, err := r.match(ctx, account, domain)
	switch {
	case err != nil:
		return nil, err
	case f != nil:
		return r.viaRoute(ctx, f, domain)
	case strings.HasPrefix(domain, "["):
		return r.viaLiteral(domain)
	}
	return r.viaMX(ctx, domain)
}

// viaLiteral plans the way to an address literal, RFC 5321 4.1.3.
func (r *Router) viaLiteral(domain string) (*Plan, error) {
	addr, ok := parseLiteral(domain)
	switch {
	case !ok || !usable(addr) || r.inside(addr):
		return nil, smtp.Errorf(501, "5.1.3", "%s is not an address literal that mail can be sent to", domain)
	case r.addrs[addr]:
		return nil, loops(domain)
	case !r.reaches(addr):
		return nil, smtp.Errorf(550, "5.4.4", "%s cannot be reached: no source address of its family is configured", domain)
	}
	return &Plan{
		Domain: domain, Site: domain, Hosts: []Host{{Name: domain, Addrs: []netip.Addr{addr}}},
		Port: r.config.Port, TLS: smtp.TLSOpportunistic, Expires: r.config.Clock.Now().Add(maxKept),
	}, nil
}

func parseLiteral(s string) (netip.Addr, bool) {
	inner, ok := strings.CutPrefix(s, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	if !ok || !closed {
		return netip.Addr{}, false
	}
	six, tagged := strings.CutPrefix(inner, "ipv6:")
	addr, err := netip.ParseAddr(six)
	if err != nil || addr.Is4() == tagged || addr.Zone() != "" {
		return netip.Addr{}, false
	}
	return addr, true
}

// usable reports whether an address can belong to one server.
func usable(a netip.Addr) bool {
	return a.IsValid() && !a.IsUnspecified() && !a.IsMulticast() && !a.Is4In6() &&
		a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// inside reports an address that mail of the world is not taken to.
func (r *Router) inside(a netip.Addr) bool {
	return !r.config.Inside && dns.Inside(a)
}

func (r *Router) reaches(a netip.Addr) bool {
	f := r.sends.Load()
	return a.Is4() && f.four || a.Is6() && f.six
}

func loops(domain string) error {
	return smtp.Errorf(554, "5.4.6", "Mail for %s would come back to this node: its best mail server is this one", domain)
}

// plain is a domain as plans and DNS write it: lower case, no closing dot.
func plain(domain string) string { return strings.ToLower(strings.TrimSuffix(domain, ".")) }
