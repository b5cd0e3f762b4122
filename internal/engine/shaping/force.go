package shaping

import (
	"math"
	"net/netip"
	"time"
)

// Path is a source address and a site.
type Path struct {
	Source netip.Addr `json:"source,omitzero"` // zero: the system chooses
	Site   string     `json:"site"`            // as Limits.Path names it
}

// Force is what answers have put in force on one path. The zero Force is nothing.
type Force struct {
	Path
	Rule  Origin        `json:"rule"` // that acted last
	Said  string        `json:"said"` // what it acted on, cut
	At    time.Time     `json:"at"`
	Every time.Duration `json:"every"` // without complaint, until half of what is missing is given back

	Rate        float64   `json:"rate,omitempty"` // recipients a second from At on; 0: not lowered
	FullRate    float64   `json:"full_rate,omitempty"`
	Connections int       `json:"connections,omitempty"` // from At on; 0: not lowered
	FullConns   int       `json:"full_connections,omitempty"`
	Rests       time.Time `json:"rests,omitzero"` // until when the path rests
	Left        bool      `json:"left,omitempty"` // its mail takes another source address meanwhile
}

const (
	// lowest is the rate that nothing goes below, a recipient a minute: a path that sends nothing learns nothing.
	lowest = 1.0 / 60
	// idle is the rate below which a path does not trouble anybody by itself.
	idle = 1.0
	// nearly is the part of what was lowered that may be missing when all is given back.
	nearly = 1.0 / 20
)

// steps is how often half was given back. It begins when the path has rested.
func (f *Force) steps(now time.Time) float64 {
	from := f.At
	if f.Rests.After(from) {
		from = f.Rests
	}
	if now.Before(from) || f.Every <= 0 {
		return 0
	}
	return float64(now.Sub(from) / f.Every)
}

// missing is how much of n at the beginning is missing now; 0: so little that it is given back.
func (f *Force) missing(n float64, now time.Time) float64 {
	part := math.Pow(2, -f.steps(now))
	if part <= nearly {
		return 0
	}
	return n * part
}

// RateNow is what the rate is lowered to, in recipients a second; 0: it is not, or no more.
func (f *Force) RateNow(now time.Time) float64 {
	if m := f.missing(f.FullRate-f.Rate, now); f.Rate > 0 && m > 0 {
		return max(f.FullRate-m, f.Rate) // sums are not exact
	}
	return 0
}

// ConnectionsNow is what the sessions are lowered to; 0: they are not, or no more.
func (f *Force) ConnectionsNow(now time.Time) int {
	m := f.missing(float64(f.FullConns-f.Connections), now)
	if n := f.FullConns - int(math.Round(m)); f.Connections > 0 && m > 0 && n < f.FullConns {
		return n
	}
	return 0
}

// Resting reports whether the path rests.
func (f *Force) Resting(now time.Time) bool { return now.Before(f.Rests) }

// Until is when nothing of it is left, unless something is added.
func (f *Force) Until() time.Time {
	end := f.At
	if f.Rests.After(end) {
		end = f.Rests
	}
	if f.Rate > 0 || f.Connections > 0 {
		end = end.Add(time.Duration(math.Ceil(-math.Log2(nearly))) * f.Every)
	}
	return end
}

// limit applies the force to the limits of its path.
func (f *Force) limit(l Limits, now time.Time) Limits {
	rule := f.Rule
	if r := f.RateNow(now); r > 0 && (l.PerSecond <= 0 || r < l.PerSecond) {
		l.PerSecond, l.Origins[PerSecond] = r, &rule
	}
	if n := f.ConnectionsNow(now); n > 0 && n < l.Connections {
		l.Connections, l.Origins[Connections] = n, &rule
	}
	return l
}
