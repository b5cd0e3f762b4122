package deliver

import (
	"context"
	"time"

	"github.com/budkavle/budkavle/internal/engine/schedule"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// feed claims due mail for the lanes it is told of, many in one commit.
func (s *Service) feed(ctx context.Context) error {
	faults := 0
	for {
		select {
		case refills := <-s.claims:
			if s.claim(ctx, refills, faults) {
				faults = 0
			} else {
				faults++
			}
		case <-s.work.Draining():
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// claim reports whether the store answered.
func (s *Service) claim(ctx context.Context, refills []schedule.Refill, faults int) bool {
	claims := make([]store.Claim, len(refills))
	for i, r := range refills {
		claims[i] = store.Claim{Lane: r.Lane, Limit: r.Limit}
	}
	now := s.Clock.Now()
	got, err := s.Store.Claim(ctx, claims, s.lease.Load(), now, now.Add(s.cfg.RetryFirst))
	if err != nil {
		if faults == 0 {
			logFault(s.Log, "queued mail cannot be claimed; trying on", err)
		}
		s.Metrics.StoreFaults.Add(1)
		s.act(func(now time.Time) {
			s.feeding = false
			s.feedFrom = now.Add(faultDelay(faults))
			for _, r := range refills {
				s.sched.Postpone(r.Lane, s.feedFrom)
			}
		})
		return false
	}
	s.act(func(now time.Time) {
		s.feeding = false
		answered := make(map[model.Lane]bool, len(got))
		for i := range got {
			c := &got[i]
			handles := make([]schedule.Handle, len(c.Recipients))
			for j := range c.Recipients {
				handles[j] = schedule.HandleOf(&c.Recipients[j])
			}
			answered[c.Lane] = true
			s.sched.Claimed(c.Lane, handles, c.Head)
		}
		for _, r := range refills {
			if !answered[r.Lane] {
				s.sched.Claimed(r.Lane, nil, time.Time{})
			}
		}
	})
	return true
}

// faultDelay grows from a fifth of a second to ten seconds with the faults in a row.
func faultDelay(faults int) time.Duration {
	return min(200*time.Millisecond<<min(faults, 6), 10*time.Second)
}
