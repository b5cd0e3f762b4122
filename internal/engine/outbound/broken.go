package outbound

import (
	"net/netip"
	"sync"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
)

const (
	maxBroken = 10_000 // addresses remembered: at about 100 octets each, 1 MB
	brokenFor = 24 * time.Hour
)

// brokenTLS remembers which servers offer STARTTLS and fail at it, so that they are not dialled twice each time.
type brokenTLS struct {
	clock clock.Clock

	mu    sync.Mutex
	until map[netip.AddrPort]time.Time
}

func newBrokenTLS(c clock.Clock) *brokenTLS {
	return &brokenTLS{clock: c, until: map[netip.AddrPort]time.Time{}}
}

func (b *brokenTLS) has(a netip.AddrPort) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	until, ok := b.until[a]
	if ok && !b.clock.Now().Before(until) {
		delete(b.until, a)
		return false
	}
	return ok
}

func (b *brokenTLS) add(a netip.AddrPort) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for old := range b.until {
		if len(b.until) < maxBroken {
			break
		}
		delete(b.until, old) // any: it costs one dial to learn it again
	}
	b.until[a] = b.clock.Now().Add(brokenFor)
}
