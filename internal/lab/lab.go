package lab

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"net/netip"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/lifecycle"
	"github.com/budkavle/budkavle/internal/base/wording"
)

// Config says what lab to start. Zero fields take the defaults named.
type Config struct {
	Zone   *Zone       // BuiltinZone()
	DNS    string      // ADDRESS:PORT on loopback; "127.0.0.1:0", any free port
	Cache  bool        // a caching resolver beside it
	Sign   bool        // DNSSEC, as does the zone's Sign
	Port   uint16      // of every receiving server; 0: one that is free on all their addresses
	Seed   uint64      // which mailboxes behave how
	Limit  int         // recipients remembered, each about 140 octets: 1,000,000. Those beyond it are taken, not tracked
	Keep   int         // arrivals kept for Arrivals, each at most 17 KB: 1,000
	Clock  clock.Clock // clock.System
	Random io.Reader   // crypto/rand.Reader
}

// Lab is a running lab.
type Lab struct {
	config    Config
	zone      *Zone
	names     *names
	providers map[string]*Provider // by domain
	tally     *tally
	arrivals  *arrivals
	contacts  *contacts
	returns   *returns
	tls       *tls.Config
	group     *lifecycle.Group
	authority *authority
	dns       *dnsServer
	cache     *dnsServer // nil without Config.Cache
	receivers []*receiver
	port      uint16
}

// Start starts a lab. ctx is for the starting; the lab runs until Stop.
func Start(ctx context.Context, c Config) (*Lab, error) {
	c = c.withDefaults()
	addr, err := loopbackPort(c.DNS)
	if err != nil {
		return nil, wording.Errorf("DNS server: %w", err)
	}
	if err := c.Zone.validate(); err != nil {
		return nil, err
	}
	l := &Lab{
		config: c, zone: c.Zone, providers: map[string]*Provider{}, tally: newTally(c.Zone, c.Limit), arrivals: &arrivals{limit: c.Keep},
		contacts: &contacts{clock: c.Clock, wait: c.Zone.Greylist, limit: c.Limit, seen: map[string]time.Time{}},
		group:    lifecycle.New(context.WithoutCancel(ctx)),
	}
	l.returns = &returns{clock: c.Clock, tally: l.tally, queue: make(chan returning, maxReturns), at: c.Zone.Returns}
	if err := l.start(ctx, addr); err != nil {
		return nil, errors.Join(err, l.Stop(ctx))
	}
	return l, nil
}

func (c Config) withDefaults() Config {
	if c.Zone == nil {
		c.Zone = BuiltinZone()
	}
	if c.DNS == "" {
		c.DNS = "127.0.0.1:0"
	}
	if c.Limit <= 0 {
		c.Limit = 1_000_000
	}
	if c.Keep <= 0 {
		c.Keep = 1000
	}
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
	return c
}

func (l *Lab) start(ctx context.Context, dns netip.AddrPort) (err error) {
	if err := l.publish(dns.Addr()); err != nil {
		return err
	}
	if l.tls, err = certificate(l.config.Random, l.config.Clock.Now()); err != nil {
		return err
	}
	if err := l.startReceivers(ctx); err != nil {
		return err
	}
	l.group.Go(l.returns.run)
	return l.serveDNS(ctx, dns)
}

// startReceivers binds all servers, then serves them: a lab is whole or not there.
func (l *Lab) startReceivers(ctx context.Context) error {
	var addrs []netip.Addr
	var owners []*receiver
	for i := range l.zone.Providers {
		p := &l.zone.Providers[i]
		for _, d := range p.Domains {
			l.providers[d] = p
		}
		for _, s := range p.Servers {
			r := newReceiver(l, p, s)
			for _, a := range s.addrs() {
				addrs, owners = append(addrs, a), append(owners, r)
			}
			l.receivers = append(l.receivers, r)
		}
	}
	listeners, port, err := bindAll(ctx, addrs, l.config.Port)
	if err != nil {
		return err
	}
	l.port = port
	for i, listener := range listeners {
		l.group.Go(owners[i].serve(listener))
	}
	return nil
}

// Stop ends the lab. Sessions are cut; a client in the middle of one sees its connection closed. It may be called again.
func (l *Lab) Stop(ctx context.Context) error {
	l.group.Drain()
	var errs []error
	for _, d := range []*dnsServer{l.dns, l.cache} {
		if d != nil {
			errs = append(errs, d.stop(ctx))
		}
	}
	l.dns, l.cache = nil, nil
	for _, r := range l.receivers {
		errs = append(errs, r.stop(ctx))
	}
	l.receivers = nil
	now, cancel := context.WithCancel(ctx)
	cancel() // nothing is left to finish
	return errors.Join(append(errs, l.group.Stop(now))...)
}

// Port is the port of every receiving server.
func (l *Lab) Port() int { return int(l.port) }

// Servers lists ADDRESS:PORT of every receiving server that listens, with its host name.
func (l *Lab) Servers() map[string]string {
	list := map[string]string{}
	for _, r := range l.receivers {
		for _, a := range r.addrs() {
			list[netip.AddrPortFrom(a, l.port).String()] = r.smtp.Domain
		}
	}
	return list
}

// ReturnTo says who takes failure reports: ADDRESS:PORT on loopback.
func (l *Lab) ReturnTo(addr string) error {
	ap, err := loopbackPort(addr)
	if err != nil {
		return err
	}
	l.returns.set(ap.String())
	return nil
}

// Received is how often a message was taken for a recipient. messageID is without angle brackets.
func (l *Lab) Received(messageID, recipient string) int {
	return l.tally.times(messageID, canonical(recipient))
}

// Arrivals are the newest Config.Keep messages that were taken, the oldest first, one for each recipient.
func (l *Lab) Arrivals() []Arrival { return l.arrivals.list() }

// Report is what the lab saw so far.
func (l *Lab) Report() Report { return l.tally.snapshot() }
