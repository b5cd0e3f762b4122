package smtpd

import (
	"net/netip"
	"sync"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
)

const (
	// freeFailures may be made before waiting begins: a mistyped password must not shut a system out.
	freeFailures = 3
	longestWait  = 15 * time.Minute
	// forgetAfter is how long a failure is remembered.
	forgetAfter = time.Hour
	// guardEntries bounds each table: 30,000 entries of about 100 octets and names of at most 255, 10 MiB. When one is
	// full the oldest half hour is forgotten, and if that is not enough, all of it.
	guardEntries = 10_000
)

// guard slows down those who guess passwords: after a few failures each further one doubles the time in which no
// attempt is even looked at, by address and by user name. Nobody waits with a session open: an early attempt is told 454.
// Who has logged in from an address before does not wait there for what others did to the name elsewhere, else anyone
// who knows a user name could shut its owner out.
type guard struct {
	clock clock.Clock
	mu    sync.Mutex
	addrs map[netip.Addr]failures
	users map[string]failures
	known map[login]struct{}
}

type login struct {
	addr netip.Addr
	user string
}

type failures struct {
	count int
	last  time.Time
	until time.Time
}

func newGuard(c clock.Clock) *guard {
	return &guard{clock: c, addrs: map[netip.Addr]failures{}, users: map[string]failures{}, known: map[login]struct{}{}}
}

// wait is how long an attempt from this address, or as this user, must wait.
func (g *guard) wait(a netip.Addr, user string) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	until := g.addrs[a].until
	if _, ok := g.known[login{a, user}]; !ok && g.users[user].until.After(until) {
		until = g.users[user].until
	}
	return max(until.Sub(g.clock.Now()), 0)
}

// failed counts a failure.
func (g *guard) failed(a netip.Addr, user string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.clock.Now()
	g.addrs[a] = add(g.addrs, a, now)
	if user != "" {
		g.users[user] = add(g.users, user, now)
	}
}

func add[K comparable](m map[K]failures, key K, now time.Time) failures {
	f, ok := m[key]
	if !ok && len(m) >= guardEntries {
		forget(m, now)
	}
	if now.Sub(f.last) > forgetAfter {
		f = failures{}
	}
	f.count++
	f.last = now
	if over := f.count - freeFailures; over > 0 {
		f.until = now.Add(min(time.Second<<min(over, 20), longestWait))
	}
	return f
}

func forget[K comparable](m map[K]failures, now time.Time) {
	for k, f := range m {
		if now.Sub(f.last) > forgetAfter/2 {
			delete(m, k)
		}
	}
	if len(m) >= guardEntries {
		clear(m)
	}
}

// succeeded remembers the login. It forgives nothing: else a guesser would only wait for the owner to log in.
func (g *guard) succeeded(a netip.Addr, user string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.known) >= guardEntries {
		clear(g.known) // costs an exemption until the next login
	}
	g.known[login{a, user}] = struct{}{}
}
