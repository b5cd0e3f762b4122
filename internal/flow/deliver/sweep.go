package deliver

import (
	"context"
	"time"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// sweepPage is how many lanes are read at a time.
const sweepPage = 500

// sweepLanes tells the scheduler of the lanes in the store: at the start, when told that something changed, and from
// time to time for what other nodes queued and what was forgotten for want of room.
func (s *Service) sweepLanes(ctx context.Context) error {
	t := s.Clock.NewTimer(0)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-s.sweep:
		case <-s.refresh:
			s.refreshAccounts(ctx)
			continue
		case <-s.work.Draining():
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
		next := s.cfg.Sweep
		if err := s.sweepOnce(ctx); err != nil {
			logFault(s.Log, "the queue's lanes cannot be read; trying on", err)
			next = storeRetry
		}
		t.Reset(next)
	}
}

func (s *Service) sweepOnce(ctx context.Context) error {
	var after model.Lane
	for !s.work.IsDraining() {
		heads, err := s.Store.Lanes(ctx, after, sweepPage)
		if err != nil {
			return err
		}
		s.act(func(time.Time) {
			for _, h := range heads {
				s.sched.Known(h.Lane, h.Due)
			}
		})
		if len(heads) < sweepPage {
			return nil
		}
		after = heads[len(heads)-1].Lane
	}
	return nil
}

// refreshAccounts reads again every account that the scheduler knows.
func (s *Service) refreshAccounts(ctx context.Context) {
	s.mu.Lock()
	ids := s.sched.Accounts()
	s.mu.Unlock()
	for _, id := range ids {
		a, err := s.Store.AccountByID(ctx, id)
		switch {
		case store.Is(err, store.NotFound):
			continue
		case err != nil:
			logFault(s.Log, "account cannot be read; its state is as it was", err, "account", id)
			poke(s.refresh)
			s.pause(ctx, s.work, storeRetry)
			return
		}
		s.act(func(time.Time) { s.sched.SetAccount(a.ID, a.Weight, heldWhy(&a)) })
	}
}
