package shaping

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// maxPaths bounds the paths with something in force: 10,000 × 1 KiB = 10 MiB.
	maxPaths = 10_000
	// maxSaid is how much of an answer is kept, in octets.
	maxSaid = 200
	// cohort is how long after an answer that acted others of its kind say the same: they were under way together.
	cohort = 2 * time.Second
	// counted is within which time the answers of a rule with "after" must come.
	counted = 10 * time.Minute
)

// State is what answers have put in force on the paths of one node. It is not safe for concurrent use; times are
// arguments.
type State struct {
	table *Table
	paths map[Path]*entry
}

// entry is what is known of a path.
type entry struct {
	force  Force
	base   Limits // without the force; its Connections are 0 until Apply told
	count  int    // answers of the rule named
	rule   string
	counts time.Time // since when
}

// NewState returns a state in which nothing is in force.
func NewState(t *Table) *State { return &State{table: t, paths: map[Path]*entry{}} }

// Complaint is an answer of a server and where it came.
type Complaint struct {
	Path   Path
	Query  Query
	Said   Said
	Limits Limits  // of the path without what is in force
	Recent float64 // recipients a second of late; 0: not known
	Again  bool    // of mail that was refused before: it says nothing new to a rule that counts
}

// Acted is what a rule makes of a complaint. The zero Acted is that none knows it.
type Acted struct {
	Rule    Origin
	Known   bool  // the rule has acted, now or a moment before
	Changed bool  // now
	Force   Force // in force, if it is known
	// Elsewhere says that it is our address which is refused: mail may be taken from another.
	Elsewhere bool
}

// Answer acts on a complaint.
func (s *State) Answer(c Complaint, now time.Time) Acted {
	a := s.table.answerTo(&c.Query, &c.Said)
	if a == nil {
		return Acted{}
	}
	e := s.entry(c.Path, now)
	e.base = c.Limits
	if !e.reaches(a, c.Again, now) {
		return Acted{Rule: a.origin, Elsewhere: a.leave > 0 && !c.Again}
	}
	act := Acted{Rule: a.origin, Known: true, Elsewhere: a.leave > 0}
	if now.Sub(e.force.At) >= cohort || e.force.Rule != a.origin {
		e.force, act.Changed = a.act(e.force, &c, now), true
	}
	act.Force = e.force
	return act
}

// reaches counts an answer and reports whether there were as many as the rule wants.
func (e *entry) reaches(a *answer, again bool, now time.Time) bool {
	if e.rule != a.origin.Rule || now.Sub(e.counts) > counted {
		e.rule, e.count, e.counts = a.origin.Rule, 0, now
	}
	if !again || a.after == 1 {
		e.count++
	}
	return e.count >= a.after
}

// act adds what the rule does to what is in force.
func (a *answer) act(f Force, c *Complaint, now time.Time) Force {
	rate, connections := f.RateNow(now), f.ConnectionsNow(now)
	left := f.Left && f.Resting(now)
	next := Force{
		Path: c.Path, Rule: a.origin, Said: cut(c.Said), At: now, Every: a.period,
		Rate: rate, FullRate: f.FullRate, Connections: connections, FullConns: f.FullConns, Left: left,
	}
	if f.Resting(now) {
		next.Rests = f.Rests
	}
	if a.factor > 0 || a.rate > 0 {
		next.lowerRate(a, c)
	}
	if a.connections > 0 && a.connections < c.Limits.Connections {
		if connections == 0 {
			next.FullConns = c.Limits.Connections
		}
		if next.Connections == 0 || a.connections < next.Connections {
			next.Connections = a.connections
		}
	}
	for _, d := range []time.Duration{a.pause, a.leave} {
		if until := now.Add(d); d > 0 && until.After(next.Rests) {
			next.Rests = until
		}
	}
	next.Left = left || a.leave > 0
	return next
}

// lowerRate goes at first by what was sent of late where that is less than what was allowed: half of a limit that nobody
// reached is no brake. What it climbs back to is twice that, and then the limit. A path that sent next to nothing is not to
// blame by itself (others of ours send to the same provider): a factor takes it below idle only when it complains again.
func (f *Force) lowerRate(a *answer, c *Complaint) {
	from, floor := f.Rate, lowest
	if from == 0 {
		f.FullRate, floor = c.Limits.rate(), idle
		if c.Recent > 0 && (f.FullRate == 0 || 2*c.Recent < f.FullRate) {
			f.FullRate = 2 * max(c.Recent, idle)
		}
		if from = f.FullRate; c.Recent > 0 {
			from = min(c.Recent, from)
		}
	}
	to := a.rate
	if by := max(from*a.factor, floor); a.factor > 0 && from > 0 && (to == 0 || by < to) {
		to = by
	}
	if to == 0 { // a factor of a rate that nobody knows
		return
	}
	if f.Rate == 0 || to < f.Rate {
		f.Rate = max(to, lowest)
	}
	f.FullRate = max(f.FullRate, 2*f.Rate)
}

func cut(s Said) string {
	text := strings.ToValidUTF8(s.Text[:min(len(s.Text), maxSaid)], "")
	if s.Enhanced != "" {
		text = s.Enhanced + " " + text
	}
	if s.Code > 0 {
		text = strconv.Itoa(s.Code) + " " + text
	}
	return strings.TrimSpace(text)
}

// Apply gives the limits of a path with what is in force, and that itself.
func (s *State) Apply(p Path, l Limits, now time.Time) (Limits, Force) {
	e := s.paths[p]
	if e == nil {
		return l, Force{}
	}
	e.base = l
	return e.force.limit(l, now), e.force
}

// Left reports whether the path's mail is to take another source address, and until when.
func (s *State) Left(p Path, now time.Time) (until time.Time, left bool) {
	if e := s.paths[p]; e != nil && e.force.Left && e.force.Resting(now) {
		return e.force.Rests, true
	}
	return time.Time{}, false
}

// Shaped is a path with its limits as they are now.
type Shaped struct {
	Force
	Limits Limits
}

// All forgets what is over and lists the rest, with those whose force has just ended: their limits are whole again. Paths
// whose limits were not asked for yet have none.
func (s *State) All(now time.Time) []Shaped {
	var list []Shaped
	for p, e := range s.paths {
		if !e.force.At.IsZero() {
			list = append(list, Shaped{e.force, e.force.limit(e.base, now)})
		}
		if !now.Before(e.force.Until()) && now.Sub(e.counts) > counted {
			delete(s.paths, p)
		}
	}
	return list
}

// Restore puts in force again what an earlier process kept.
func (s *State) Restore(list []Force, now time.Time) {
	for _, f := range list {
		if now.Before(f.Until()) && len(s.paths) < maxPaths {
			s.paths[f.Path] = &entry{force: f}
		}
	}
}

// entry finds or makes an entry. For want of room the one that acted longest ago goes, of a few: one that matters acts
// again.
func (s *State) entry(p Path, now time.Time) *entry {
	if e := s.paths[p]; e != nil {
		return e
	}
	if len(s.paths) >= maxPaths {
		var some []Path
		for q := range s.paths {
			if some = append(some, q); len(some) == 16 {
				break
			}
		}
		delete(s.paths, slices.MinFunc(some, func(a, b Path) int { return s.paths[a].force.At.Compare(s.paths[b].force.At) }))
	}
	e := &entry{counts: now}
	s.paths[p] = e
	return e
}
