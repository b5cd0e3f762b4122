package route

import (
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// Plan is the way to one recipient domain. It is not changed after it was made, and may be shared.
type Plan struct {
	Domain string // recipient domain it was made for
	// Site names the hosts: two domains with the same hosts have the same site. "route:…" for fixed routes,
	// "own:…" for accounts' own servers, each with its account: sessions are not shared between customers.
	Site  string
	Hosts []Host // in the order they are to be tried; never empty, each with an address
	Port  uint16
	TLS   smtp.TLSMode
	Auth  *Auth // nil: none
	Fixed bool  // from the configuration or by the account's own server, not from DNS
	Own   *Own  // the account's own server that it leads to; nil: none
	// Instead says why the mail does not go by the account's own server; empty: it has none, or it does.
	Instead string
	// Connections is how many at the same time are allowed to a fixed route; 0: the site's default.
	Connections int
	Expires     time.Time // ask again after this
}

// Host is one receiving server.
type Host struct {
	Name       string // lower case, no closing dot; an address literal keeps its brackets
	Preference uint16
	Addrs      []netip.Addr // in the order they are to be tried
}

// Auth is how we log in to a fixed route.
type Auth struct {
	Username string
	Password string
}

// String keeps the password out of logs.
func (a *Auth) String() string { return a.Username + ":***" }

// GoString keeps the password out of logs.
func (a *Auth) GoString() string { return a.String() }

// LogValue keeps the password out of logs.
func (a *Auth) LogValue() slog.Value { return slog.StringValue(a.String()) }

// Candidate is one address to dial.
type Candidate struct {
	Host string
	Addr netip.AddrPort
}

// HostNames are the names of the hosts in order.
func (p *Plan) HostNames() []string {
	names := make([]string, len(p.Hosts))
	for i, h := range p.Hosts {
		names[i] = h.Name
	}
	return names
}

// Candidates are the addresses to dial from source, best first, at most limit. With a source only addresses of
// its family are returned; the zero source takes any. A host of many addresses leaves one to each host after it: those
// are there for when it is down (RFC 5321 5.1).
func (p *Plan) Candidates(source netip.Addr, limit int) []Candidate {
	reach := func(a netip.Addr) bool { return !source.IsValid() || source.Unmap().Is4() == a.Is4() }
	after := 0 // hosts after the present one
	for _, h := range p.Hosts {
		if slices.ContainsFunc(h.Addrs, reach) {
			after++
		}
	}
	var all []Candidate
	for _, h := range p.Hosts {
		if !slices.ContainsFunc(h.Addrs, reach) {
			continue
		}
		after--
		room := max(limit-len(all)-after, 1)
		for _, a := range h.Addrs {
			if room == 0 || len(all) == limit {
				break
			}
			if reach(a) {
				all = append(all, Candidate{Host: h.Name, Addr: netip.AddrPortFrom(a, p.Port)})
				room--
			}
		}
	}
	return all
}
