package deliver

import (
	"time"

	"github.com/budkavle/budkavle/internal/engine/schedule"
	"github.com/budkavle/budkavle/internal/model"
)

// Reserve implements Queue of flow/submit.
func (s *Service) Reserve(lane model.Lane) (lease int64, nextDue time.Time, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.Clock.Now()
	if s.draining || s.lapsed(now) {
		return 0, time.Time{}, false
	}
	p := s.plan(lane, now)
	if p == nil || !s.sched.AccountKnown(lane.Account) || !s.sched.Reserve(lane, p.path, s.limitsOf(p, now)) {
		return 0, time.Time{}, false
	}
	return s.lease.Load(), now.Add(s.cfg.RetryFirst), true
}

// Accepted implements Queue of flow/submit.
func (s *Service) Accepted(msg *model.Message, raw []byte, recipients []model.Recipient) {
	if s.lease.Load() == 0 {
		return // not started: the sweep at start finds it
	}
	s.bodies.put(msg, raw, s.Clock.Now().Sub(msg.AcceptedAt), len(recipients))
	var stray []schedule.Handle
	s.act(func(time.Time) {
		for i := range recipients {
			r := &recipients[i]
			switch {
			case r.State == model.StateWaiting:
				s.sched.Known(r.Lane, r.Due)
			case r.State == model.StateLeased && !s.sched.Redeem(schedule.HandleOf(r)):
				stray = append(stray, schedule.HandleOf(r))
			}
		}
	})
	if len(stray) > 0 { // only a caller that leased what it had not reserved
		s.settler.add(s.unattempted(stray, time.Time{}))
	}
}

// Forget implements Queue of flow/submit.
func (s *Service) Forget(recipients []model.Recipient) {
	s.act(func(time.Time) {
		for i := range recipients {
			if recipients[i].State == model.StateLeased {
				s.sched.Forget(recipients[i].Lane)
			}
		}
	})
}
