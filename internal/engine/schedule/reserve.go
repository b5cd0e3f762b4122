package schedule

import "github.com/budkavle/budkavle/internal/model"

// Reserve promises a place for one recipient of the lane on the path. While mail of the lane that is due waits in the
// store, that goes first: a newcomer gets a place only if claims leave half of the room unused.
func (s *Scheduler) Reserve(key model.Lane, to PathKey, limits Limits) bool {
	if s.resident >= s.cfg.MaxHandles {
		return false
	}
	p := s.path(to, limits)
	if p == nil {
		return false
	}
	l := s.lane(key)
	f := s.flow(p, l.account, key.Class)
	if !s.mayReserve(l, f) {
		s.dropUnused(l)
		s.tidyFlow(f)
		s.reconsider(p)
		return false
	}
	l.home = f
	l.reserved++
	s.hold(f, 1)
	s.reconsiderHunger(f)
	s.reconsider(p)
	return true
}

func (s *Scheduler) mayReserve(l *lane, f *flow) bool {
	if l.account.held != "" || l.state == parked || f.band.path.rests(s.now) || l.reserved > 0 && l.home != f {
		return false
	}
	room := s.room(f)
	if l.state == none || l.state == asleep {
		return room > 0
	}
	return room > f.resident
}

// Redeem takes the promised place for a recipient that became durable. It reports false, and takes nothing, only if
// no place was promised.
func (s *Scheduler) Redeem(h Handle) bool {
	f := s.unreserve(h.Lane)
	if f == nil {
		return false
	}
	s.load(f, h)
	s.reconsider(f.band.path)
	s.tidyFlow(f)
	return true
}

// Forget gives a promised place back.
func (s *Scheduler) Forget(key model.Lane) {
	f := s.unreserve(key)
	if f == nil {
		return
	}
	s.release(f, 1)
	s.reconsider(f.band.path)
	s.tidyFlow(f)
}

func (s *Scheduler) unreserve(key model.Lane) *flow {
	l := s.lanes[key]
	if l == nil || l.reserved == 0 {
		return nil
	}
	f := l.home
	if l.reserved--; l.reserved == 0 {
		l.home = nil
		s.dropUnused(l)
	}
	return f
}
