package schedule

import (
	"math"
	"time"
)

// meter holds a path to its rates: a token bucket spreads what is sent, quotas see to it that no window of a second,
// minute or hour has more than its number.
type meter struct {
	bucket               bucket
	second, minute, hour quota // of recipients
	dials                quota // of connections begun, by the minute

	smooth float64   // recipients a second of late, as a sum that decays
	at     time.Time // when it was true
	since  time.Time // when it began at 0
}

func (m *meter) set(l Limits, now time.Time) {
	m.bucket.set(l.Rate, l.Burst, now)
	m.second.set(int(math.Ceil(l.Rate)), time.Second)
	m.minute.set(l.PerMinute, time.Minute)
	m.hour.set(l.PerHour, time.Hour)
	m.dials.set(l.Dials, time.Minute)
}

// free is how many recipients may be sent now.
func (m *meter) free(now time.Time) int {
	if !m.bucket.ready(now) {
		return 0
	}
	return min(m.second.free(now), m.minute.free(now), m.hour.free(now))
}

// next is when free may be above 0 again.
func (m *meter) next(now time.Time) time.Time {
	at := now
	if !m.bucket.ready(now) {
		at = m.bucket.next()
	}
	for _, q := range []*quota{&m.second, &m.minute, &m.hour} {
		if n := q.next(now); n.After(at) {
			at = n
		}
	}
	return at
}

// memory is the time over which recent is a mean.
const memory = 10 * time.Second

func (m *meter) take(n int, now time.Time) {
	m.bucket.take(n)
	for _, q := range []*quota{&m.second, &m.minute, &m.hour} {
		q.take(n, now)
	}
	if now.Sub(m.at) > 6*memory { // what is left of it is nothing
		m.smooth, m.since = 0, now
	}
	m.smooth = m.smooth*decay(now.Sub(m.at)) + float64(n)/memory.Seconds()
	m.at = now
}

// recent is recipients a second of late. At the beginning it is the mean since then, of a second at least.
func (m *meter) recent(now time.Time) float64 {
	return m.smooth * decay(now.Sub(m.at)) / (1 - decay(max(now.Sub(m.since), time.Second)))
}

func decay(d time.Duration) float64 { return math.Exp(-d.Seconds() / memory.Seconds()) }

// counts reports whether it knows of something in the last hour that limits what is sent.
func (m *meter) counts(now time.Time) bool {
	return m.hour.limit > 0 && m.hour.free(now) < m.hour.limit
}
