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
	// guardEntries bounds both tables: 20,000 entries of about 100 octets, 2 MiB. When one is full the oldest half
	// hour is forgotten, and if that is not enough, all of it.
	guardEntries = 10_000
)

// guard slows down those who guess passwords: after a few failures each further one doubles the time in which no
// attempt is even looked at, by address and by user name. Nobody waits with a session open: an early attempt is told 454.
type guard struct {
	clock clock.Clock
	mu    sync.Mutex
	addrs map[netip.Addr]failures
	users map[string]failures
}

type failures struct {
	count int
	last  time.Time
	until time.Time
}

func newGuard(c clock.Clock) *guard {
	return &guard{clock: c, addrs: map[netip.Addr]failures{}, users: map[string]failures{}}
}

// wait is how long an attempt from this address, or as this user, must wait. An empty name asks for the address alone.
func (g *guard) wait(a netip.Addr, user string) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.clock.Now()
	return max(g.addrs[a].until.Sub(now), g.users[user].until.Sub(now), 0)
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

// succeeded forgets the user's failures; the address keeps its own, which others may have caused.
func (g *guard) succeeded(user string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.users, user)
}
