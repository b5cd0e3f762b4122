package onboard

import "time"

const (
	// watchPlaces is how many domains are checked at the same time: some 20 questions each, so at most 320 to the resolver.
	watchPlaces = 16
	// breakerWindow are the checks that tell whether DNS answers anybody.
	breakerWindow = 20
	breakerLeast  = 10 // checks before it is judged
	// While DNS answers nobody one domain is tried after so long, and twice that, up to the longest.
	trialFirst = 30 * time.Second
	trialMost  = 10 * time.Minute
)

// breaker keeps the watch from asking a resolver that is down for thousands of domains, and from flooding it when it is
// back: then it begins with one place and takes one more for each answer.
type breaker struct {
	last   [breakerWindow]bool // unanswered
	n, at  int
	open   bool
	pause  time.Duration
	until  time.Time
	places int
}

func newBreaker() *breaker { return &breaker{places: 1} }

// room is how many checks may be under way.
func (b *breaker) room(now time.Time) int {
	switch {
	case !b.open:
		return b.places
	case now.Before(b.until):
		return 0
	}
	return 1
}

// saw takes the end of a check and reports whether the breaker opened or closed by it.
func (b *breaker) saw(unanswered bool, now time.Time, roll float64) (changed bool) {
	switch {
	case b.open && !unanswered:
		*b = *newBreaker()
		return true
	case b.open:
		if !now.Before(b.until) { // a trial; others were under way when it opened
			b.pause = min(2*b.pause, trialMost)
			b.until = now.Add(spread(b.pause, roll))
		}
		return false
	case !unanswered:
		b.places = min(b.places+1, watchPlaces)
	}
	b.last[b.at] = unanswered
	b.at = (b.at + 1) % breakerWindow
	b.n = min(b.n+1, breakerWindow)
	bad := 0
	for _, u := range b.last[:b.n] {
		if u {
			bad++
		}
	}
	if b.n >= breakerLeast && 2*bad > b.n {
		b.open, b.pause, b.until = true, trialFirst, now.Add(spread(trialFirst, roll))
		return true
	}
	return false
}
