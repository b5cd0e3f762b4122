package deliver

import (
	"context"
	"time"

	"github.com/budkavle/budkavle/internal/store"
)

const (
	// recoverBatch is how many recipients of a dead lease return to the queue in one commit.
	recoverBatch = 500
	// recoverSpread is over how long what is recovered comes due.
	recoverSpread = 5 * time.Second
)

func (s *Service) openLease(ctx context.Context) error {
	now := s.Clock.Now()
	lease, err := s.Store.OpenLease(ctx, s.cfg.Node, now, now.Add(s.cfg.Lease))
	if err == nil {
		s.lease.Store(lease)
		s.leaseHolds(now.Add(s.cfg.Lease))
		s.share(ctx)
	}
	return err
}

// leaseHolds notes until when, which may set delivery going again.
func (s *Service) leaseHolds(until time.Time) { s.act(func(time.Time) { s.leaseEnds = until }) }

// lapsed reports that the lease was not renewed in time. Others may have taken our mail for that of a dead process, so
// none is begun until the store says whose it is: what is sent twice stays at what was under way.
func (s *Service) lapsed(now time.Time) bool { return !now.Before(s.leaseEnds) }

// keepLease renews the lease. It ends with the upkeep, after the last outcome was stored.
func (s *Service) keepLease(ctx context.Context) error {
	for s.pause(ctx, s.upkeep, s.cfg.Lease/3) {
		until := s.Clock.Now().Add(s.cfg.Lease)
		err := s.Store.RenewLease(ctx, s.lease.Load(), until)
		switch {
		case err == nil:
			s.leaseHolds(until)
			s.share(ctx)
		case store.Is(err, store.NotFound):
			s.loseLease(ctx)
		default:
			logFault(s.Log, "the lease cannot be renewed; trying on", err)
		}
	}
	return nil
}

// loseLease begins anew after others took this process for dead: what it holds is theirs or in the queue again.
func (s *Service) loseLease(ctx context.Context) {
	if err := s.openLease(ctx); err != nil {
		logFault(s.Log, "the lease was lost and no new one is given; trying on", err)
		return
	}
	s.act(func(time.Time) { s.sched.Abandon() })
	s.Log.Warn("the lease had expired and was taken for dead; began a new one", "lease", s.lease.Load())
	s.QueueChanged()
}

// recover returns the mail of dead processes to the queue: at the start that of an earlier process of this node, from
// then on what has expired. Were it the former always, two nodes under one name would for ever take each other's mail.
func (s *Service) recover(ctx context.Context) error {
	node := s.cfg.Node
	for {
		if err := s.recoverDead(ctx, node); err != nil {
			logFault(s.Log, "mail of dead processes cannot be recovered; trying on", err)
		} else {
			node = ""
		}
		if !s.pause(ctx, s.work, s.cfg.Lease/2) {
			return nil
		}
	}
}

func (s *Service) recoverDead(ctx context.Context, node string) error {
	// The owner begins nothing more from when its lease ends. Half a lease later what it had begun has mostly ended,
	// and clocks that differ by as much do no harm.
	dead, err := s.Store.DeadLeases(ctx, node, s.lease.Load(), s.Clock.Now().Add(-s.cfg.Lease/2))
	if err != nil {
		return err
	}
	for _, lease := range dead {
		total := 0
		for {
			due := s.Clock.Now().Add(time.Duration(s.Random() * float64(recoverSpread)))
			n, err := s.Store.RecoverLeases(ctx, lease, due, recoverBatch)
			if err != nil {
				return err
			}
			if total += n; n < recoverBatch {
				break
			}
		}
		if err := s.Store.CloseLease(ctx, lease); err != nil && !store.Is(err, store.NotFound) {
			return err
		}
		s.Metrics.Recovered.Add(int64(total))
		s.Log.Info("recovered", "lease", lease, "recipients", total)
		s.QueueChanged()
	}
	return nil
}
