package schedule

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/budkavle/budkavle/internal/model"
)

// What holds a path back: the names of the limits.
const (
	HeldDead        = "dead"        // no host could be reached; rests
	HeldPaused      = "paused"      // the peer said 421; rests
	HeldRule        = "rule"        // a rule on what the peer answered; rests
	HeldRate        = "rate"        // recipients a second
	HeldMinute      = "per-minute"  // recipients a minute
	HeldHour        = "per-hour"    // recipients an hour
	HeldDials       = "dials"       // connections a minute
	HeldConnections = "connections" // the site's limit on sessions
	HeldWindow      = "window"      // sessions allowed by how the site was reached of late
	HeldCeiling     = "ceiling"     // sessions the peer was seen to bear when it said 421
	HeldSessions    = "sessions"    // the limit on sessions over all paths
)

// Snapshot is the state of the window.
type Snapshot struct {
	Lanes    int // known, those below included
	Asleep   int
	Parked   int // their account is held
	Unrouted int
	Resident int // handles, reservations, claims under way
	Handles  [model.Classes]int
	Places   int
	Waiting  int // places with an open session and no mail
	Paths    []PathStatus
}

// PathStatus is the state of one path.
type PathStatus struct {
	Source  netip.Addr
	Site    string
	Window  int // sessions allowed now
	Limit   int // sessions the site's limits allow
	Busy    int
	Waiting int
	Handles [model.Classes]int
	Lanes   int
	HeldBy  string // the name of the limit; empty: nothing holds it
	Reason  string // in words, when it rests
	Rule    string // that gave the number which holds it, where there is one
	Until   time.Time
}

// Snapshot describes the window, with at most limit paths: those that hold most.
func (s *Scheduler) Snapshot(limit int) Snapshot {
	snap := Snapshot{Lanes: len(s.lanes), Resident: s.resident, Places: s.places}
	for _, l := range s.lanes {
		switch l.state {
		case asleep:
			snap.Asleep++
		case parked:
			snap.Parked++
		case unrouted, routing:
			snap.Unrouted++
		}
	}
	for _, p := range s.paths {
		snap.Waiting += p.waiting.n
		for c := range p.bands {
			snap.Handles[c] += p.bands[c].load
		}
		if !p.idleNode.listed() || p.rests(s.now) {
			snap.Paths = append(snap.Paths, s.status(p))
		}
	}
	snap.Paths = fullest(snap.Paths, limit)
	return snap
}

// Held describes the paths that a limit holds, at most limit of them: those that hold most.
func (s *Scheduler) Held(limit int) []PathStatus {
	var list []PathStatus
	for _, p := range s.paths {
		if st := s.status(p); st.HeldBy != "" {
			list = append(list, st)
		}
	}
	return fullest(list, limit)
}

// fullest are the paths that hold most, those first.
func fullest(list []PathStatus, limit int) []PathStatus {
	slices.SortFunc(list, func(a, b PathStatus) int {
		return cmp.Or(cmp.Compare(b.Handles[0]+b.Handles[1], a.Handles[0]+a.Handles[1]), cmp.Compare(b.Busy, a.Busy),
			cmp.Compare(a.Site, b.Site), a.Source.Compare(b.Source))
	})
	return list[:min(limit, len(list))]
}

func (s *Scheduler) status(p *path) PathStatus {
	held, rule := s.heldBy(p)
	st := PathStatus{
		Source: p.key.Source, Site: p.key.Site, Window: p.window.places(s.now), Limit: p.window.limit, Busy: p.busy,
		Waiting: p.waiting.n, Lanes: p.lanes, HeldBy: held, Rule: rule, Reason: p.reason, Until: p.restsUntil,
	}
	for c := range p.bands {
		st.Handles[c] = p.bands[c].load
	}
	return st
}

// heldBy is the name of the limit that holds the path, and the rule that gave it.
func (s *Scheduler) heldBy(p *path) (limit, rule string) {
	rules := p.limits.Rules
	switch allowed := p.window.places(s.now); {
	case p.rests(s.now):
		return p.rest, ""
	case p.handles == 0:
		return "", ""
	case p.meter.hour.free(s.now) == 0:
		return HeldHour, rules.PerHour
	case p.meter.minute.free(s.now) == 0:
		return HeldMinute, rules.PerMinute
	case p.meter.free(s.now) == 0:
		return HeldRate, rules.Rate
	case p.waiting.n > 0:
		return "", ""
	case p.dialsFree(s.now) == 0:
		return HeldDials, rules.Dials
	case p.busy >= allowed && allowed < p.window.size:
		return HeldCeiling, ""
	case p.busy >= allowed && p.window.size < p.window.limit:
		return HeldWindow, ""
	case p.busy >= allowed:
		return HeldConnections, rules.Connections
	case s.places >= s.cfg.MaxPlaces:
		return HeldSessions, ""
	}
	return "", ""
}
