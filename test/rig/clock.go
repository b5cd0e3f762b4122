package rig

import (
	"sync"
	"time"
)

// Clock goes as the machine's does, and can be put forward by hand: what waits for a time that is then past is woken.
type Clock struct {
	mu     sync.Mutex
	ahead  time.Duration
	timers map[*time.Timer]time.Time // that may not have fired yet, with their times
	sweep  int                       // how many there may be before those past are left out
}

// Now implements clock.Clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

func (c *Clock) now() time.Time { return time.Now().Add(c.ahead).Round(0) }

// NewTimer implements clock.Clock.
func (c *Clock) NewTimer(d time.Duration) *time.Timer {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.timers) >= c.sweep {
		for t, at := range c.timers {
			if at.Before(c.now()) {
				delete(c.timers, t)
			}
		}
		c.sweep = 2*len(c.timers) + 1000
	}
	if c.timers == nil {
		c.timers = map[*time.Timer]time.Time{}
	}
	t := time.NewTimer(d)
	c.timers[t] = c.now().Add(d)
	return t
}

// Forward puts the clock forward. A timer that was stopped is woken too, which nobody hears.
func (c *Clock) Forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.now()
	c.ahead += d
	for t, at := range c.timers {
		if at.Before(before) {
			delete(c.timers, t)
			continue
		}
		t.Reset(max(at.Sub(c.now()), 0))
	}
}
