package schedule

import (
	"time"

	"github.com/budkavle/budkavle/internal/model"
)

// path is one source address and one site.
type path struct {
	key      PathKey
	limits   Limits
	window   window
	meter    meter
	dialing  int           // places whose connection is not counted yet
	busy     int           // places that send
	waiting  queue[*Place] // places that keep a session without mail, the longest first
	resident int           // handles, reservations, claims under way
	handles  int
	lanes    int // queued and claiming
	bands    [model.Classes]band
	turns    turns[*band]

	restsUntil time.Time // zero: it does not rest
	rest       string    // why it rests: HeldDead, HeldPaused or HeldRule
	reason     string    // in words
	alarm      timer[*path]
	ring       node[*path] // on warm or ready
	hungerNode node[*path]
	idleNode   node[*path]
	idleSince  time.Time
}

// band is what a path holds of one class.
type band struct {
	member[*band]
	path     *path
	resident int
	flows    map[model.AccountID]*flow
	turns    turns[*flow]
	hungry   queue[*flow] // flows with lanes and with room
}

// flow is what a band holds of one account.
type flow struct {
	member[*flow]
	band       *band
	account    *account
	resident   int
	groups     queue[*group]
	lanes      queue[*lane] // due, to be claimed
	claims     int          // lanes claiming
	hungerNode node[*flow]
}

// group is the handles that may share a transaction.
type group struct {
	key     groupKey
	handles []Handle
	node    node[*group]
}

// path finds or makes the path and tells it its limits; nil if there is no room for one more.
func (s *Scheduler) path(key PathKey, l Limits) *path {
	p := s.paths[key]
	if p == nil {
		if len(s.paths) >= s.cfg.MaxPaths {
			oldest, ok := s.idle.first()
			if !ok {
				return nil
			}
			s.forgetPath(oldest)
		}
		p = &path{key: key}
		p.ring.value, p.hungerNode.value, p.idleNode.value, p.alarm.owner = p, p, p, p
		for c := range p.bands {
			p.bands[c].init(&p.bands[c], s.cfg.ClassWeight[c])
			p.bands[c].path = p
		}
		p.window.init(s.cfg.Initial, l.Connections)
		s.paths[key] = p
	}
	s.limit(p, l)
	return p
}

// limit tells the path what it may do.
func (s *Scheduler) limit(p *path, l Limits) {
	p.limits = l
	p.limits.Recipients = max(l.Recipients, 1)
	p.window.setLimit(l.Connections)
	p.meter.set(l, s.now)
	switch {
	case l.Rests.After(s.now) && !l.Rests.Equal(p.restsUntil) && (l.Rests.After(p.restsUntil) || p.rest == HeldRule):
		s.lay(p, l.Rests.Sub(s.now), HeldRule, l.Why)
	case p.rest == HeldRule && !l.Rests.After(s.now):
		s.endRest(p)
	}
}

// SetLimits tells a path what it may do from now on, if there is such a path.
func (s *Scheduler) SetLimits(key PathKey, l Limits) {
	if p := s.paths[key]; p != nil {
		s.limit(p, l)
		s.reconsider(p)
	}
}

// Sent is how many recipients a second were handed out on the path of late; 0: none, or there is no such path.
func (s *Scheduler) Sent(key PathKey) float64 {
	if p := s.paths[key]; p != nil {
		return p.meter.recent(s.now)
	}
	return 0
}

func (s *Scheduler) forgetPath(p *path) {
	s.resting.stop(&p.alarm)
	p.idleNode.leave()
	delete(s.paths, p.key)
}

func (s *Scheduler) flow(p *path, a *account, c model.Class) *flow {
	b := &p.bands[c]
	f := b.flows[a.id]
	if f == nil {
		f = &flow{band: b, account: a}
		f.init(f, a.weight)
		f.hungerNode.value = f
		if b.flows == nil {
			b.flows = map[model.AccountID]*flow{}
		}
		b.flows[a.id] = f
		a.uses++
	}
	f.weight = a.weight
	return f
}

// tidyFlow forgets a flow that holds nothing.
func (s *Scheduler) tidyFlow(f *flow) {
	if f.resident == 0 && f.lanes.n == 0 && f.claims == 0 && !f.member.node.listed() && !f.hungerNode.listed() &&
		f.band.flows[f.account.id] == f {
		delete(f.band.flows, f.account.id)
		f.account.uses--
	}
}

// forgetFlows drops what is left of flows that hold nothing when the path has become idle.
func (p *path) forgetFlows() {
	for c := range p.bands {
		b := &p.bands[c]
		for _, f := range b.flows {
			f.account.uses--
		}
		b.member.node.leave()
		b.flows, b.turns, b.hungry = nil, turns[*flow]{}, queue[*flow]{}
	}
}

// dialsFree is how many connections may be begun now.
func (p *path) dialsFree(now time.Time) int { return max(p.meter.dials.free(now)-p.dialing, 0) }

// rests reports whether the path sends nothing for a time.
func (p *path) rests(now time.Time) bool { return now.Before(p.restsUntil) }

// reconsider puts the path where it belongs after anything about it changed: on the ring or off it, among the hungry,
// among the idle.
func (s *Scheduler) reconsider(p *path) {
	s.reconsiderRing(p)
	feed := !p.rests(s.now) && (p.bands[0].hungry.n > 0 || p.bands[1].hungry.n > 0)
	if feed != p.hungerNode.listed() {
		if feed {
			s.hungry.push(&p.hungerNode)
		} else {
			p.hungerNode.leave()
		}
	}
	idle := p.resident == 0 && p.lanes == 0 && p.busy == 0 && p.waiting.n == 0
	if idle != p.idleNode.listed() {
		if idle {
			p.forgetFlows()
			p.idleSince = s.now
			s.idle.push(&p.idleNode)
		} else {
			p.idleNode.leave()
		}
	}
}

func (s *Scheduler) reconsiderRing(p *path) {
	var ring *queue[*path]
	if p.handles > 0 && !p.rests(s.now) {
		switch {
		case p.meter.free(s.now) == 0:
			s.resting.set(&p.alarm, p.meter.next(s.now))
		case p.waiting.n > 0:
			ring = &s.warm
		case p.dialsFree(s.now) == 0:
			if p.meter.dials.free(s.now) == 0 { // else one of those that dial will tell
				s.resting.set(&p.alarm, p.meter.dials.next(s.now))
			}
		case p.busy < p.window.places(s.now):
			ring = &s.ready
		}
	}
	if p.ring.list == ring {
		return
	}
	p.ring.leave()
	if ring != nil {
		ring.push(&p.ring)
	}
}

// pathWakes ends a rest, or tells that a token is there.
func (s *Scheduler) pathWakes(p *path) {
	if !p.restsUntil.IsZero() && !p.rests(s.now) {
		s.endRest(p)
	}
	s.reconsider(p)
}

func (s *Scheduler) endRest(p *path) {
	if p.rest == HeldDead {
		p.window.revive()
	}
	p.restsUntil, p.rest, p.reason = time.Time{}, "", ""
}

// lay puts the path to rest. In a long rest it holds nothing: handles go back to the store, lanes sleep. If it is left,
// they are due at once, to be routed anew.
func (s *Scheduler) lay(p *path, d time.Duration, why, reason string) {
	p.restsUntil, p.rest, p.reason = s.now.Add(d), why, reason
	s.resting.set(&p.alarm, p.restsUntil)
	if d > s.cfg.StrandAfter {
		for c := range p.bands {
			for _, f := range p.bands[c].flows {
				s.strandFlow(f)
				for l, ok := f.lanes.first(); ok; l, ok = f.lanes.first() {
					s.sleep(l, p.again(s.now))
				}
				s.tidyFlow(f)
			}
		}
	}
	s.reconsider(p)
}

// left reports whether mail of the path, which rests, is to go another way.
func (p *path) left() bool { return p.rest == HeldRule && p.limits.Leave }

// again is when mail of a path that rests is to be routed again.
func (p *path) again(now time.Time) time.Time {
	if p.left() {
		return now
	}
	return p.restsUntil
}

// strands reports whether handles of the path are to go back to the store.
func (s *Scheduler) strands(p *path) bool { return p.restsUntil.Sub(s.now) > s.cfg.StrandAfter }

func (s *Scheduler) strandFlow(f *flow) {
	for g, ok := f.groups.first(); ok; g, ok = f.groups.first() {
		n := len(g.handles)
		for _, h := range g.handles {
			s.strand(f, h)
		}
		s.unload(f, g, n)
	}
}

func (s *Scheduler) strand(f *flow, h Handle) {
	st := Stranded{Handle: h, Due: s.now, Why: f.account.held}
	if p := f.band.path; st.Why == "" {
		st.Due, st.Rest, st.Why = p.again(s.now), p.rest, p.reason
		if !p.left() {
			st.Site = p.key.Site
		}
	}
	s.stranded = append(s.stranded, st)
}
