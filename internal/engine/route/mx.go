package route

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// viaMX plans the way by the domain's MX records, RFC 5321 5.1. The resolver follows a domain that is a CNAME; an MX
// host that is one is against the RFC, and tolerated as everyone does.
func (r *Router) viaMX(ctx context.Context, domain string) (*Plan, error) {
	answer, err := r.config.Resolver.LookupMX(ctx, domain)
	switch {
	case dns.Is(err, dns.NoData):
		return r.viaImplicit(ctx, domain)
	case dns.Is(err, dns.NXDomain):
		return nil, noDomain(domain, err)
	case dns.Is(err, dns.BadName):
		return nil, smtp.Wrap(err, 501, "5.1.3", domain+" is not a domain name")
	case err != nil:
		return nil, noAnswer(domain, err)
	}
	if isNull(answer.Records) {
		return nil, smtp.Errorf(556, "5.1.10", "Domain %s takes no mail (null MX, RFC 7505)", domain)
	}
	hosts := r.order(answer.Records)
	if len(hosts) == 0 {
		return nil, smtp.Errorf(550, "5.4.4", "The MX records of %s name no usable host", domain)
	}
	site := siteName(hosts)
	if hosts = r.dropLoops(hosts); len(hosts) == 0 {
		return nil, loops(domain)
	}
	hosts = hosts[:min(len(hosts), maxHosts)]
	expires, fault := r.fill(ctx, hosts)
	expires = earlier(answer.Expires, expires)
	known := len(hosts)
	hosts = slices.DeleteFunc(hosts, func(h Host) bool { return len(h.Addrs) == 0 })
	if len(hosts) < known && fault != nil {
		expires = time.Time{} // ask again soon for those nobody could tell
	}
	if len(hosts) == 0 {
		if fault != nil {
			return nil, noAnswer(domain, fault)
		}
		return nil, smtp.Errorf(550, "5.4.4", "No mail server of %s has an address that can be reached", domain)
	}
	if hosts = r.dropLoops(hosts); len(hosts) == 0 {
		return nil, loops(domain)
	}
	return r.plan(domain, site, hosts, expires), nil
}

// viaImplicit plans the way to a domain without MX: it is its own mail server (RFC 5321 5.1).
func (r *Router) viaImplicit(ctx context.Context, domain string) (*Plan, error) {
	found := r.receiver(ctx, domain)
	if len(found.addrs) == 0 {
		sends := r.sends.Load()
		switch {
		case found.fault != nil && !dns.IsDenied(found.fault):
			return nil, noAnswer(domain, found.fault)
		case dns.Is(found.fault, dns.NXDomain) || found.fault != nil && sends.four && sends.six:
			return nil, noDomain(domain, found.fault)
		}
		return nil, smtp.Errorf(550, "5.4.4", "Domain %s has no address that can be reached", domain)
	}
	hosts := r.dropLoops([]Host{{Name: found.name, Addrs: found.addrs}})
	if len(hosts) == 0 {
		return nil, loops(domain)
	}
	return r.plan(domain, siteName(hosts), hosts, found.expires), nil
}

func (r *Router) plan(domain, site string, hosts []Host, expires time.Time) *Plan {
	return &Plan{
		Domain: domain, Site: site, Hosts: hosts, Port: r.config.Port, TLS: smtp.TLSOpportunistic,
		Expires: r.keep(expires),
	}
}

// keep turns the expiry of DNS answers into that of a plan.
func (r *Router) keep(expires time.Time) time.Time {
	now := r.config.Clock.Now()
	if d := expires.Sub(now); d < minKept {
		return now.Add(minKept)
	}
	return earlier(expires, now.Add(maxKept))
}

func noDomain(domain string, cause error) error {
	text := "Domain " + domain + " does not exist"
	if dns.Is(cause, dns.NoData) {
		text = "Domain " + domain + " has neither mail servers nor an address"
	}
	return smtp.Wrap(cause, 550, "5.1.2", text)
}

func noAnswer(domain string, cause error) error {
	return smtp.Wrap(cause, 451, "4.4.3", "The mail servers of "+domain+" could not be looked up, try again later")
}

// isNull reports a null MX: one record, whose host is the root (RFC 7505 3).
func isNull(records []dns.MX) bool { return len(records) == 1 && records[0].Host == "" }

// order gives the hosts of MX records, best preference first, equals in random order, each name once. What is no host
// name is left out, a null MX among others too.
func (r *Router) order(records []dns.MX) []Host {
	hosts := make([]Host, 0, len(records))
	for _, mx := range records {
		if validHost(mx.Host) {
			hosts = append(hosts, Host{Name: mx.Host, Preference: mx.Preference})
		}
	}
	r.config.Shuffle(len(hosts), func(i, j int) { hosts[i], hosts[j] = hosts[j], hosts[i] })
	slices.SortStableFunc(hosts, func(a, b Host) int { return int(a.Preference) - int(b.Preference) })
	seen := make(map[string]bool, len(hosts))
	return slices.DeleteFunc(hosts, func(h Host) bool {
		again := seen[h.Name]
		seen[h.Name] = true
		return again
	})
}

// dropLoops leaves out this node and what is not preferred to it (RFC 5321 5.1): such a host may send the mail back
// to us.
func (r *Router) dropLoops(hosts []Host) []Host {
	for _, h := range hosts {
		if r.names[h.Name] || slices.ContainsFunc(h.Addrs, func(a netip.Addr) bool { return r.addrs[a] }) {
			own := h.Preference
			return slices.DeleteFunc(hosts, func(h Host) bool { return h.Preference >= own })
		}
	}
	return hosts
}

// fill looks up the hosts' addresses, all at the same time. It returns when the first answer expires, and a fault that
// may pass if there was one.
func (r *Router) fill(ctx context.Context, hosts []Host) (expires time.Time, fault error) {
	all := make([]found, len(hosts))
	var wg sync.WaitGroup
	for i := range hosts {
		wg.Go(func() { all[i] = r.receiver(ctx, hosts[i].Name) })
	}
	wg.Wait()
	expires = r.config.Clock.Now().Add(maxKept)
	for i, f := range all {
		hosts[i].Addrs = f.addrs
		if len(f.addrs) > 0 {
			expires = earlier(expires, f.expires)
		} else if f.fault != nil && !dns.IsDenied(f.fault) {
			fault = f.fault
		}
	}
	return expires, fault
}

// found is what DNS knows of a host's addresses.
type found struct {
	name    string
	addrs   []netip.Addr // the preferred family first
	expires time.Time
	fault   error // why there are none; a fault that may pass before a denial
}

// receiver looks up the addresses of a host that DNS names for a domain.
func (r *Router) receiver(ctx context.Context, host string) found {
	f := r.resolve(ctx, host)
	known := len(f.addrs)
	if f.addrs = slices.DeleteFunc(f.addrs, r.inside); len(f.addrs) < known && dns.IsDenied(f.fault) {
		f.fault = nil // it has addresses, though none that can be reached
	}
	return f
}

// resolve looks up the addresses of a host in the families that we send from.
func (r *Router) resolve(ctx context.Context, host string) found {
	f := found{name: host, expires: r.config.Clock.Now().Add(maxKept)}
	sends := r.sends.Load()
	var four, six []netip.Addr
	if sends.four {
		four = r.read(&f, func() (dns.Answer[netip.Addr], error) { return r.config.Resolver.LookupA(ctx, host) })
	}
	if sends.six && !dns.Is(f.fault, dns.NXDomain) {
		six = r.read(&f, func() (dns.Answer[netip.Addr], error) { return r.config.Resolver.LookupAAAA(ctx, host) })
	}
	if sends.sixFirst {
		four, six = six, four
	}
	f.addrs = slices.Concat(four, six)
	f.addrs = f.addrs[:min(len(f.addrs), maxAddrs)]
	return f
}

func (r *Router) read(f *found, ask func() (dns.Answer[netip.Addr], error)) []netip.Addr {
	answer, err := ask()
	if err != nil {
		if f.fault == nil || dns.IsDenied(f.fault) && !dns.IsDenied(err) {
			f.fault = err
		}
		return nil
	}
	f.name, f.expires = answer.Name, earlier(f.expires, answer.Expires)
	addrs := slices.DeleteFunc(slices.Clone(answer.Records), func(a netip.Addr) bool { return !usable(a) })
	r.config.Shuffle(len(addrs), func(i, j int) { addrs[i], addrs[j] = addrs[j], addrs[i] })
	return addrs
}

// validHost reports whether s can be a host: letters, digits, hyphens, and the underscores that some have; not an
// address, which MX records must not name.
func validHost(s string) bool {
	if s == "" || len(s) > 253 || strings.HasPrefix(s, ".") || strings.Contains(s, "..") {
		return false
	}
	for _, c := range []byte(s) {
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.') {
			return false
		}
	}
	_, err := netip.ParseAddr(s)
	return err != nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
