package deliver

import "context"

// share divides the limits by the nodes that send. They are counted when this node's lease is renewed: one that begins is
// known to the others a third of a lease later, and until then the sum is above the limit by its part; one that has died
// is counted until its lease ends, and the sum is below.
func (s *Service) share(ctx context.Context) {
	n, err := s.Store.LiveNodes(ctx, s.Clock.Now())
	if err != nil {
		s.Metrics.StoreFaults.Add(1)
		logFault(s.Log, "the nodes that send cannot be counted; their number is as it was", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n = max(n, 1); n == s.nodes {
		return
	}
	s.Log.Info("nodes that share the limits", "nodes", n)
	s.nodes = n
	now := s.Clock.Now()
	s.sched.Advance(now)
	for key, old := range s.plans {
		if old.route == nil || old.own {
			continue
		}
		p := *old // workers read the old one
		s.limit(&p)
		s.plans[key] = &p
		s.sched.SetLimits(p.path, s.limitsOf(&p, now))
	}
	s.turn(now)
}
