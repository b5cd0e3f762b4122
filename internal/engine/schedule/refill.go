package schedule

import (
	"time"

	"github.com/budkavle/budkavle/internal/model"
)

// pathsFull is how long a lane waits when the last path that may be known went to another meanwhile.
const pathsFull = time.Second

// Route tells that the lane's mail, which Unrouted asked about, goes by the path.
func (s *Scheduler) Route(key model.Lane, to PathKey, limits Limits) {
	l := s.lanes[key]
	if l == nil || l.state != routing {
		return
	}
	p := s.path(to, limits)
	if p == nil {
		s.settleDown(l, s.now.Add(pathsFull))
		return
	}
	if s.strands(p) { // one that is left is the way only when there is no other
		s.settleDown(l, p.restsUntil)
		return
	}
	f := s.flow(p, l.account, key.Class)
	l.flow = f
	s.stayDue(l, queued)
	f.lanes.push(&l.node)
	p.lanes++
	s.reconsiderHunger(f)
	s.reconsider(p)
}

// Refill asks for due mail of one lane.
type Refill struct {
	Lane  model.Lane
	Limit int
}

// reconsiderHunger puts the flow among those to be fed when it has lanes and room for a quarter of what it holds. One
// that holds nothing is always among them, so that nobody waits for another's handles to be noticed.
func (s *Scheduler) reconsiderHunger(f *flow) {
	wants := f.lanes.n > 0
	if wants && f.resident > 0 {
		n := s.room(f)
		wants = n > 0 && 4*n >= f.resident
	}
	if wants == f.hungerNode.listed() {
		return
	}
	if wants {
		f.band.hungry.push(&f.hungerNode)
	} else {
		f.hungerNode.leave()
	}
}

// Refills appends what is to be claimed from the store, at most limit lanes, paths and accounts in turn. Each is answered
// with Claimed or Postpone.
func (s *Scheduler) Refills(to []Refill, limit int) []Refill {
	for len(to) < limit && s.resident < s.cfg.MaxHandles {
		p, ok := s.hungry.pop()
		if !ok {
			break
		}
		if r, ok := s.refillPath(p); ok {
			to = append(to, r)
			s.reconsider(p)
		}
		// Without room the path stays off the ring: what gives room in it comes by reconsider.
	}
	return to
}

func (s *Scheduler) refillPath(p *path) (Refill, bool) {
	for c := range p.bands {
		b := &p.bands[c]
		for n := b.hungry.n; n > 0 && b.resident < s.cfg.MaxBand; n-- {
			f, _ := b.hungry.pop()
			room := s.room(f)
			if room == 0 {
				b.hungry.push(&f.hungerNode)
				continue
			}
			if r, ok := s.refillFlow(f, room); ok {
				return r, true
			}
		}
	}
	return Refill{}, false
}

// refillFlow asks for mail of the flow's next lane, with the room divided over its lanes.
func (s *Scheduler) refillFlow(f *flow, room int) (Refill, bool) {
	n := min(max(room/max(f.lanes.n, 1), 1), s.cfg.MaxClaim)
	l, ok := f.lanes.first()
	if !ok {
		s.tidyFlow(f)
		return Refill{}, false
	}
	if f.account.held != "" {
		s.park(l)
		return Refill{}, false
	}
	l.node.leave()
	l.state, l.limit = claiming, n
	f.claims++
	s.hold(f, n)
	s.reconsiderHunger(f)
	return Refill{Lane: l.key, Limit: n}, true
}

// Claimed answers a Refill: what was leased, and when the lane's next waiting mail is due (zero: there is none).
func (s *Scheduler) Claimed(key model.Lane, got []Handle, head time.Time) {
	l := s.lanes[key]
	if l == nil || l.state != claiming {
		return
	}
	f := l.flow
	p := f.band.path
	more := len(got) - l.limit // above 0 only if the store gave more than was asked for
	s.hold(f, max(more, 0))
	l.limit -= min(len(got), l.limit)
	for _, h := range got {
		s.load(f, h)
	}
	s.settleDown(l, head)
	s.reconsiderHunger(f)
	s.reconsider(p)
	s.tidyFlow(f)
}
