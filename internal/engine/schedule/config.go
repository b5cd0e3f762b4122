package schedule

import "time"

// Config bounds a Scheduler. Zero fields take the defaults named.
type Config struct {
	MaxLanes    int // lanes known, 100,000
	MaxPaths    int // paths with mail or with something learnt, 10,000
	MaxHandles  int // handles, reservations and claims under way, 20,000
	MaxBand     int // of those on one path in one class, 256
	MaxAccounts int // accounts remembered though nothing of theirs is resident, 10,000
	MaxClaim    int // recipients asked for in one claim, 64
	MaxPlaces   int // places taken by sessions over all paths, 500
	PathPercent int // share of MaxHandles that one path may hold, 5
	ClassWeight [2]int
	Turn        int           // messages after which a session gives way to a path without one, 20
	Initial     int           // concurrency a path begins with, 5
	DeadFirst   time.Duration // rest of a path whose window died, doubles, 1 minute
	DeadMax     time.Duration // 15 minutes
	PauseFirst  time.Duration // rest of a path told 421, doubles, 2 seconds
	PauseMax    time.Duration // 15 minutes
	EaseFor     time.Duration // how long a ceiling learnt from 421 stands, 10 minutes
	// StrandAfter is the longest rest during which a path keeps its handles, 10 seconds. In a longer one they go
	// back to the store (Stranded) and its lanes sleep.
	StrandAfter time.Duration
	IdlePath    time.Duration // a path without mail is forgotten after, 10 minutes
}

func orDefault[T int | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

func (c Config) withDefaults() Config {
	orDefault(&c.MaxLanes, 100_000)
	orDefault(&c.MaxPaths, 10_000)
	orDefault(&c.MaxHandles, 20_000)
	orDefault(&c.MaxBand, 256)
	orDefault(&c.MaxAccounts, 10_000)
	orDefault(&c.MaxClaim, 64)
	orDefault(&c.MaxPlaces, 500)
	orDefault(&c.PathPercent, 5)
	orDefault(&c.ClassWeight[0], 4)
	orDefault(&c.ClassWeight[1], 1)
	orDefault(&c.Turn, 20)
	orDefault(&c.Initial, 5)
	orDefault(&c.DeadFirst, time.Minute)
	orDefault(&c.DeadMax, 15*time.Minute)
	orDefault(&c.PauseFirst, 2*time.Second)
	orDefault(&c.PauseMax, 15*time.Minute)
	orDefault(&c.EaseFor, 10*time.Minute)
	orDefault(&c.StrandAfter, 10*time.Second)
	orDefault(&c.IdlePath, 10*time.Minute)
	return c
}

// Limits are what a path may do.
type Limits struct {
	Connections int     // at the same time; below 1: 1
	Dials       int     // connections begun in any minute; 0: any
	Recipients  int     // in one transaction; below 1: 1
	Rate        float64 // recipients a second, and in any second as many, rounded up; 0: any
	Burst       int     // recipients at once after a rest; below 1: a tenth of a second's worth, at least 1
	PerMinute   int     // recipients in any minute; 0: any
	PerHour     int     // recipients in any hour; 0: any
	// Mixed allows recipients of several domains in one transaction. Providers that host many domains refuse it;
	// a fixed next hop takes it.
	Mixed bool
	// Rests is until when the path sends nothing, by a rule; Why says it in words. Leave has its mail routed anew
	// meanwhile instead of waiting for that.
	Rests time.Time
	Why   string
	Leave bool
	// Rules name the rules that gave the numbers, for people.
	Rules Rules
}

// Rules are what limits are called after.
type Rules struct{ Connections, Dials, Rate, PerMinute, PerHour string }
