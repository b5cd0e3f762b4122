// Package clock is the time every other package is given instead of reading it for itself.
//
// System reads the machine's clock; under testing/synctest the same System runs on the bubble's
// virtual time, so most tests need nothing else. Fake is for simulations that move time by hand.
// It is not a scheduler: whoever needs many deadlines keeps one timer and its own order.
package clock

import "time"

// Clock tells the time and wakes its caller later.
type Clock interface {
	// Now is the present instant.
	Now() time.Time
	// NewTimer fires once on its channel after d. The caller stops it.
	NewTimer(d time.Duration) *time.Timer
}

// System is the machine's clock.
type System struct{}

// Now implements Clock.
func (System) Now() time.Time { return time.Now() }

// NewTimer implements Clock.
func (System) NewTimer(d time.Duration) *time.Timer { return time.NewTimer(d) }
