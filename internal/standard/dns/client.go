package dns

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/budkavle/budkavle/internal/base/clock"
)

// Config says whom to ask and how long. Zero fields take the defaults named.
type Config struct {
	Servers   []string      // "host:port", or an address with port 53; empty: those of /etc/resolv.conf
	Timeout   time.Duration // of one question to one server: 3 s
	Rounds    int           // times every server is asked: 2
	MinTTL    time.Duration // answers are kept at least: 1 s
	MaxTTL    time.Duration // and at most: 24 h
	MaxDenial time.Duration // denials are kept at most: 1 h (RFC 2308 5)
	CacheSize int           // octets of answers kept: 16 MiB
	Clock     clock.Clock   // clock.System
	Dial      Dial          // a net.Dialer's
}

// Dial connects to a server; network is "udp" or "tcp".
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// failureTTL is how long a failure is remembered (RFC 9520 3.2: 1 s to 5 min), so that a thousand lanes of a broken
// zone do not each wait for it.
const failureTTL = 5 * time.Second

// maxChain bounds CNAMEs followed for one question.
const maxChain = 8

// resolvConf names the system's servers.
const resolvConf = "/etc/resolv.conf"

// Client is a Resolver that asks servers. It is safe for concurrent use and runs no goroutines of its own.
type Client struct {
	config Config
	wire   wire
	cache  *cache
	flight flight
	// best is the index of the server that answered last; asking begins with it.
	best atomic.Int32
}

// New makes a Client. It fails if a server cannot be understood, or if none is named anywhere.
func New(c Config) (*Client, error) {
	if len(c.Servers) == 0 {
		system, err := mdns.ClientConfigFromFile(resolvConf)
		if err != nil {
			return nil, fmt.Errorf("dns.servers is empty and the system's are not to be read: %w", err)
		}
		for _, s := range system.Servers {
			c.Servers = append(c.Servers, net.JoinHostPort(s, system.Port))
		}
		if len(c.Servers) == 0 {
			return nil, fmt.Errorf("dns.servers is empty and %s names no server", resolvConf)
		}
	}
	servers := make([]string, len(c.Servers))
	for i, s := range c.Servers {
		addr, err := withPort(s)
		if err != nil {
			return nil, err
		}
		servers[i] = addr
	}
	c.Servers = servers
	c.setDefaults()
	return &Client{config: c, wire: wire{c.Dial, c.Timeout, true}, cache: newCache(c.CacheSize)}, nil
}

func (c *Config) setDefaults() {
	if c.Timeout <= 0 {
		c.Timeout = 3 * time.Second
	}
	if c.Rounds <= 0 {
		c.Rounds = 2
	}
	if c.MinTTL <= 0 {
		c.MinTTL = time.Second
	}
	if c.MaxTTL <= 0 {
		c.MaxTTL = 24 * time.Hour
	}
	if c.MaxDenial <= 0 {
		c.MaxDenial = time.Hour
	}
	if c.CacheSize <= 0 {
		c.CacheSize = 16 << 20
	}
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	if c.Dial == nil {
		c.Dial = new(net.Dialer).DialContext
	}
}

func withPort(s string) (string, error) {
	if host, port, err := net.SplitHostPort(s); err == nil && host != "" && port != "" {
		return s, nil
	}
	if net.ParseIP(s) == nil {
		return "", fmt.Errorf("dns server %q: want an address, or host:port", s)
	}
	return net.JoinHostPort(s, "53"), nil
}

// resolve answers one question from the cache, from the same question under way, or by asking.
func (c *Client) resolve(ctx context.Context, name string, qtype uint16) (*result, error) {
	k := key{name: plain(asUnpacked(name)), qtype: qtype}
	if _, ok := mdns.IsDomainName(k.name); !ok || k.name == "" {
		return nil, k.fault(BadName, "", nil)
	}
	return c.answer(ctx, k)
}

func (c *Client) answer(ctx context.Context, k key) (*result, error) {
	for {
		if r, ok := c.cache.get(k, c.config.Clock.Now()); ok {
			return r, r.errorOrNil()
		}
		mine, theirs := c.flight.join(k)
		if theirs == nil {
			return c.ask(ctx, k, mine)
		}
		select {
		case <-ctx.Done():
			return nil, k.fault(Cancelled, "", ctx.Err())
		case <-theirs.done:
			// The asker may have been cancelled, which is nothing to us: then ask ourselves.
			if theirs.result.err == nil || theirs.result.err.Kind != Cancelled {
				return theirs.result, theirs.result.errorOrNil()
			}
		}
	}
}

// ask asks the servers, keeps the result and hands it to those who wait for it.
func (c *Client) ask(ctx context.Context, k key, mine *question) (*result, error) {
	r := c.follow(ctx, k)
	if r.err == nil || r.err.Kind != Cancelled {
		c.cache.put(k, r, c.config.Clock.Now())
	}
	c.flight.land(k, mine, r)
	return r, r.errorOrNil()
}

// follow asks for k, and for the ends of CNAME chains that servers leave open.
func (c *Client) follow(ctx context.Context, k key) *result {
	target, steps := k.name, 0
	soonest, authentic := c.config.Clock.Now().Add(c.config.MaxTTL), true
	for {
		msg, size, err := c.query(ctx, key{target, k.qtype})
		now := c.config.Clock.Now()
		if err != nil {
			return &result{err: k.fault(err.Kind, err.Server, err.Err), expires: now.Add(failureTTL)}
		}
		s := read(msg, target, k.qtype)
		steps += s.aliases
		authentic = authentic && msg.AuthenticatedData
		soonest = earlier(soonest, now.Add(clamp(s.ttl, c.config.MinTTL, c.config.MaxTTL)))
		switch {
		case s.looped || steps > maxChain:
			return &result{err: k.fault(Loop, "", nil), expires: now.Add(failureTTL)}
		case s.kind == "":
			return &result{name: s.name, records: s.records, authentic: authentic, expires: soonest, size: size}
		case s.open:
			target = s.name
		default:
			end := earlier(soonest, now.Add(clamp(s.denial, c.config.MinTTL, c.config.MaxDenial)))
			return &result{name: s.name, zone: s.zone, err: k.fault(s.kind, "", nil), authentic: authentic, expires: end, size: size}
		}
	}
}

func clamp(d, low, high time.Duration) time.Duration { return min(max(d, low), high) }

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
