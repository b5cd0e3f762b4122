package lab

import (
	"sync"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
)

// contacts remembers when a mailbox was first written to, for those mailboxes whose behaviour hangs on it. It holds at
// most limit of them, of about 100 octets each: 100 MB for the default of a million. One that there is no room for
// counts as met long ago.
type contacts struct {
	clock clock.Clock
	wait  time.Duration
	limit int

	mu   sync.Mutex
	seen map[string]time.Time
}

// early reports that the mailbox was first written to less than wait ago.
func (c *contacts) early(address string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.clock.Now()
	at, known := c.seen[address]
	if !known {
		return c.meet(address, now) && c.wait > 0
	}
	return now.Sub(at) < c.wait
}

// first reports, once, that the mailbox was never written to before.
func (c *contacts) first(address string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, known := c.seen[address]
	return !known && c.meet(address, c.clock.Now())
}

func (c *contacts) meet(address string, now time.Time) bool {
	if len(c.seen) >= c.limit {
		return false
	}
	c.seen[address] = now
	return true
}
