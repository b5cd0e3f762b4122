package spf

import (
	"errors"
	"net/netip"
	"slices"
	"strings"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/standard/dns"
)

// match evaluates a mechanism other than include. void says that its look-up had no answer: RFC 7208 4.6.4 limits the
// terms for which that is so, so that the addresses of exchangers do not count.
func (c *check) match(m *Mechanism, target string) (matched, void bool, fault *outcome) {
	switch m.Kind {
	case All:
		return true, false, nil
	case IP4, IP6:
		return m.Network.Masked().Contains(c.q.IP), false, nil
	case A:
		addrs, err := c.addresses(target)
		return c.within(m, addrs), dns.IsDenied(err), faultOf(err)
	case MX:
		return c.matchMX(m, target)
	case PTR:
		names, void := c.names()
		return slices.ContainsFunc(names, func(n string) bool { return isBelow(n, target) }), void, nil
	case Exists: // RFC 7208 5.7: A, for IPv6 clients too
		_, err := c.dns.LookupA(c.ctx, target)
		return err == nil, dns.IsDenied(err), faultOf(err)
	}
	return false, false, nil
}

// matchMX tries the addresses of the exchangers (RFC 7208 5.4). A domain without MX has none: its own address does not count.
func (c *check) matchMX(m *Mechanism, target string) (matched, void bool, fault *outcome) {
	answer, err := c.dns.LookupMX(c.ctx, target)
	if err != nil {
		return false, dns.IsDenied(err), faultOf(err)
	}
	if len(answer.Records) > MaxHosts {
		return false, false, &outcome{verdict: PermError, reason: wording.Say("%s has %d mail exchangers; %d are allowed", target, len(answer.Records), MaxHosts)}
	}
	for _, mx := range answer.Records {
		if mx.Host == "" { // null MX (RFC 7505)
			continue
		}
		addrs, err := c.addresses(mx.Host)
		if f := faultOf(err); f != nil {
			return false, false, f
		}
		if c.within(m, addrs) {
			return true, false, nil
		}
	}
	return false, false, nil
}

// addresses looks up those of the client's family (RFC 7208 5).
func (c *check) addresses(name string) ([]netip.Addr, error) {
	lookup := c.dns.LookupA
	if c.q.IP.Is6() {
		lookup = c.dns.LookupAAAA
	}
	answer, err := lookup(c.ctx, name)
	return answer.Records, err
}

func (c *check) within(m *Mechanism, addrs []netip.Addr) bool {
	bits := m.Bits4
	if c.q.IP.Is6() {
		bits = m.Bits6
	}
	network, _ := c.q.IP.Prefix(bits)
	return slices.ContainsFunc(addrs, network.Contains)
}

// faultOf tells faults of DNS from denials and from names that cannot be asked for, which are no match.
func faultOf(err error) *outcome {
	if err == nil || dns.IsDenied(err) || dns.Is(err, dns.BadName) {
		return nil
	}
	name := ""
	if e := new(dns.Error); errors.As(err, &e) {
		name = e.Type + " " + e.Name
	}
	return &outcome{verdict: TempError, reason: wording.Say("%s could not be looked up: %s", name, dns.Reason(err))}
}

// names returns the client's validated host names (RFC 7208 5.5); void: its address has no name at all.
func (c *check) names() (validated []string, void bool) {
	if c.looked {
		return c.validated, false
	}
	c.looked = true
	answer, err := c.dns.LookupPTR(c.ctx, c.q.IP)
	if err != nil { // a fault matches nothing either
		return nil, dns.IsDenied(err)
	}
	for _, name := range answer.Records[:min(len(answer.Records), MaxHosts)] {
		if addrs, err := c.addresses(name); err == nil && slices.Contains(addrs, c.q.IP) {
			c.validated = append(c.validated, strings.TrimSuffix(name, "."))
		}
	}
	return c.validated, false
}

// isBelow reports whether name is domain, or lies below it.
func isBelow(name, domain string) bool {
	name, domain = strings.ToLower(name), strings.ToLower(domain)
	return name == domain || strings.HasSuffix(name, "."+domain)
}
