package lab

import (
	"errors"
	"net/netip"
	"strings"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/budkavle/budkavle/internal/base/wording"
)

// validate reports every value that cannot be used, joined.
func (z *Zone) validate() error {
	var errs []error
	add := func(err error) { errs = append(errs, err) }
	if z.TTL < time.Second || z.Greylist < 0 || z.ReturnAfter < 0 {
		add(wording.Errorf("ttl must be at least 1s, greylist and return_after not negative"))
	}
	if z.Returns != "" {
		if _, err := loopbackPort(z.Returns); err != nil {
			add(wording.Errorf("returns: %w", err))
		}
	}
	if len(z.Providers) == 0 || len(z.Providers) > maxProviders {
		add(wording.Errorf("%d providers; want 1 to %d", len(z.Providers), maxProviders))
		return errors.Join(errs...)
	}
	v := validator{names: map[string]bool{}, domains: map[string]string{}, addresses: map[string]string{}}
	for i := range z.Providers {
		p := &z.Providers[i]
		for _, err := range v.provider(p) {
			add(wording.Errorf("provider %d %q: %w", i+1, p.Name, err))
		}
	}
	if len(v.domains) > maxDomains || len(v.addresses) > maxAddresses {
		add(wording.Errorf("%d domains and %d server addresses; at most %d and %d", len(v.domains), len(v.addresses), maxDomains, maxAddresses))
	}
	if _, err := parseRecords(z.Records, z.TTL); err != nil {
		add(wording.Errorf("records: %w", err))
	} else if len(errs) == 0 { // alone, and beside what the providers need
		if _, err := newNames(z, address(nameServer, netip.IPv6Loopback())); err != nil {
			add(wording.Errorf("records: %w", err))
		}
	}
	return errors.Join(errs...)
}

// validator sees what must be distinct over all providers.
type validator struct {
	names     map[string]bool
	domains   map[string]string // to provider
	addresses map[string]string // to provider
}

func (v *validator) provider(p *Provider) (errs []error) {
	add := func(err error) { errs = append(errs, err) }
	if p.Name == "" || v.names[p.Name] {
		add(wording.Errorf("wants a name of its own"))
	}
	v.names[p.Name] = true
	if p.Share < 0 || p.Share > 1_000_000 {
		add(wording.Errorf("share %d is not between 0 and 1000000", p.Share))
	}
	if len(p.Domains) == 0 {
		add(wording.Errorf("has no domains"))
	}
	for i, d := range p.Domains {
		d = plain(d)
		p.Domains[i] = d
		if !hostName(d) {
			add(wording.Errorf("%q is not a domain name", d))
		} else if v.domains[d] != "" {
			add(wording.Errorf("domain %s is one of %q already", d, v.domains[d]))
		}
		v.domains[d] = p.Name
	}
	errs = append(errs, checkMix(p.Mix)...)
	switch p.Answer {
	case AnswerMX, AnswerImplicit:
		if len(p.Servers) == 0 {
			add(wording.Errorf("has no [[provider.server]]"))
		}
	case AnswerNullMX, AnswerNXDomain, AnswerServFail, AnswerNothing:
		if len(p.Servers) > 0 {
			add(wording.Errorf("answer %q leads to no server, yet it has some", p.Answer))
		}
	default:
		add(wording.Errorf("answer %q is not implicit, null-mx, nxdomain, servfail or timeout", p.Answer))
	}
	for i := range p.Servers {
		errs = append(errs, v.server(p, &p.Servers[i])...)
	}
	return errs
}

func (v *validator) server(p *Provider, s *Server) (errs []error) {
	add := func(err error) { errs = append(errs, wording.Errorf("server %q: %w", s.Host, err)) }
	s.Host = plain(s.Host)
	if !hostName(s.hostFor(p.Domains[:min(1, len(p.Domains))])) {
		add(wording.Errorf("host is not a host name"))
	}
	if len(s.Addresses) == 0 {
		add(wording.Errorf("has no addresses"))
	}
	for _, text := range s.Addresses {
		a, err := netip.ParseAddr(text)
		switch {
		case err != nil:
			add(wording.Errorf("address %q is not an IP address", text))
		case !a.IsLoopback():
			add(wording.Errorf("address %s is not loopback; the lab reaches nothing outside this machine", a))
		case v.addresses[a.String()] != "":
			add(wording.Errorf("address %s is one of %q already", a, v.addresses[a.String()]))
		default:
			v.addresses[a.String()] = p.Name
		}
	}
	if s.TLS != TLSWorks && s.TLS != TLSNone && s.TLS != TLSBroken {
		add(wording.Errorf("tls %q is not none or broken", s.TLS))
	}
	if s.MaxConnections < 0 || s.Rate < 0 || s.Delay < 0 || s.Delay > time.Minute {
		add(wording.Errorf("max_connections and rate must not be negative, delay 0s to 1m"))
	}
	return errs
}

// plain is a name without the closing dot, in lower case.
func plain(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

func hostName(s string) bool {
	if _, ok := mdns.IsDomainName(s); !ok || s == "" || strings.HasPrefix(s, ".") {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool {
		return !('a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '-' || r == '_' || r == '.')
	}) < 0
}

// loopbackPort reads ADDRESS:PORT and refuses what is not loopback.
func loopbackPort(text string) (netip.AddrPort, error) {
	ap, err := netip.ParseAddrPort(text)
	if err != nil {
		return ap, wording.Errorf("%q is not ADDRESS:PORT, such as 127.0.0.1:2525", text)
	}
	if !ap.Addr().IsLoopback() {
		return ap, wording.Errorf("%s is not loopback (127.0.0.0/8 or ::1); the lab reaches nothing outside this machine", text)
	}
	return ap, nil
}
