package deliver

import (
	"context"
	"time"

	"github.com/budkavle/budkavle/internal/engine/schedule"
)

// claimLanes is how many lanes one claim asks for at most.
const claimLanes = 256

// act does something to the scheduler and hands out whatever that made possible.
func (s *Service) act(f func(now time.Time)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.Clock.Now()
	s.sched.Advance(now)
	f(now)
	s.turn(now)
}

// turn hands out what the scheduler has to give: lanes to route, lanes to claim, transactions, strandings.
func (s *Service) turn(now time.Time) {
	if !s.draining && !s.lapsed(now) {
		s.routeLanes(now)
		s.claimLanes(now)
		s.startPicks()
		if st := s.sched.TakeStranded(); len(st) > 0 {
			s.work.Go(func(ctx context.Context) error { s.giveBack(ctx, st); return nil })
		}
	}
	if s.sched.Overflowed() {
		s.Metrics.Forgotten.Add(1)
		poke(s.sweep)
	}
	s.rearm(now)
}

func (s *Service) routeLanes(now time.Time) {
	for s.asked < cap(s.asks) {
		lane, ok := s.sched.Unrouted()
		if !ok {
			return
		}
		if p := s.plan(lane, now); p != nil && s.sched.AccountKnown(lane.Account) {
			s.sched.Route(lane, p.path, s.limitsOf(p, now))
			continue
		}
		s.asked++
		s.asks <- lane // has room: asked counts what is in it
	}
}

func (s *Service) claimLanes(now time.Time) {
	if s.feeding || now.Before(s.feedFrom) {
		return
	}
	if refills := s.sched.Refills(nil, claimLanes); len(refills) > 0 {
		s.feeding = true
		s.claims <- refills // has room: one claim at a time
	}
}

func (s *Service) startPicks() {
	for {
		p, ok := s.sched.Pick()
		if !ok {
			break
		}
		if p.Warm {
			s.workers[p.Place].work <- p.Handles // has room: it waits for just this
			continue
		}
		w := &worker{Service: s, place: p.Place, work: make(chan []schedule.Handle, 1)}
		s.workers[p.Place] = w
		s.work.Go(func(ctx context.Context) error { w.run(ctx, p.Handles); return nil })
	}
	if s.sched.Crowded() {
		if place := s.sched.Spare(); place != nil {
			s.workers[place].work <- nil
		}
	}
}

// rearm tells the clockwork when it is needed next.
func (s *Service) rearm(now time.Time) {
	at, ok := s.sched.Next()
	if s.feedFrom.After(now) && (!ok || s.feedFrom.Before(at)) {
		at, ok = s.feedFrom, true
	}
	if !ok {
		return
	}
	if s.alarm.IsZero() || at.Before(s.alarm) {
		s.alarm = at
		poke(s.wake)
	}
}

// clockwork wakes the scheduler at its alarm.
func (s *Service) clockwork(ctx context.Context) error {
	for {
		s.mu.Lock()
		at := s.alarm
		s.mu.Unlock()
		var ring <-chan time.Time
		var timer *time.Timer
		if !at.IsZero() {
			timer = s.Clock.NewTimer(at.Sub(s.Clock.Now()))
			ring = timer.C
		}
		select {
		case <-ring:
			s.act(func(time.Time) { s.alarm = time.Time{} })
		case <-s.wake:
		case <-s.work.Draining():
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
		if timer != nil {
			timer.Stop()
		}
	}
}
