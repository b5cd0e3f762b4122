package proof

import (
	"context"
	"net/netip"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/standard/dns"
)

// Config is what a Checker asks.
type Config struct {
	Resolver dns.Resolver
	// Authority answers from the servers that own a name, past every cache; nil: Resolver's word is the last.
	Authority dns.Resolver
	Clock     clock.Clock
	// Probe asks a domain's own servers whether they take mail for an address; nil: mailboxes are not asked about.
	Probe Probe
}

// Probe asks the mail servers of a domain whether they take mail for an address, by RCPT and without sending anything.
type Probe interface {
	Accepts(ctx context.Context, address string) (Acceptance, error)
}

// Acceptance is what a server said to RCPT.
type Acceptance struct {
	Asked   bool   // false: not asked, and Reply says why (a consumer provider, no MX)
	Taken   bool   // 2yz
	Passing bool   // 4yz: cannot be told now
	Host    string // who answered
	Reply   string // as it came
}

// Checker checks domains. It is safe for concurrent use and keeps nothing.
type Checker struct{ Config }

// New returns a Checker.
func New(c Config) *Checker { return &Checker{c} }

// Domain checks a sender domain against what is expected of it.
func (c *Checker) Domain(ctx context.Context, e Expected) Report {
	return Report{Domain: e.Domain, At: c.Clock.Now()}
}

// Any checks a domain of which nothing is known but its name. Without selectors common ones are tried; sources are the
// addresses that should pass SPF, none: SPF is only linted.
func (c *Checker) Any(ctx context.Context, domain string, selectors []string, sources []netip.Addr) Report {
	return Report{Domain: domain, At: c.Clock.Now()}
}
