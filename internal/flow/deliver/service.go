package deliver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/lifecycle"
	"github.com/budkavle/budkavle/internal/engine/schedule"
	"github.com/budkavle/budkavle/internal/engine/shaping"
	"github.com/budkavle/budkavle/internal/model"
)

// Service delivers what is queued. Make it with New; it works from Start to Stop. It is the submit.Queue of flow/submit.
type Service struct {
	Deps
	cfg     Config
	work    *lifecycle.Group // everything that ends first
	upkeep  *lifecycle.Group // settler and lease, which outlive it
	bodies  *bodies
	settler settler
	Metrics Metrics

	lease   atomic.Int64
	asks    chan model.Lane        // for the resolvers
	claims  chan []schedule.Refill // for the feeder, one at a time
	wake    chan struct{}          // for the clockwork: its alarm has moved
	sweep   chan struct{}
	refresh chan struct{}

	mu        sync.Mutex // guards what follows
	sched     *schedule.Scheduler
	sources   []Source
	shaped    *shaping.State
	nodes     int                         // that send, this one included
	plans     map[planKey]*plan           // at most Config.MaxPlans
	workers   map[*schedule.Place]*worker // one a place
	asked     int                         // lanes given to resolvers
	feeding   bool                        // a claim is under way
	feedFrom  time.Time                   // after a fault of the store: no claim before
	alarm     time.Time                   // when the clockwork will wake; zero: not
	leaseEnds time.Time                   // unless it is renewed
	draining  bool
}

// New makes a Service.
func New(d Deps, c Config) *Service {
	if d.Clock == nil {
		d.Clock = clock.System{}
	}
	if d.Random == nil {
		d.Random = rand.Float64
	}
	if d.Shaping == nil {
		d.Shaping = shaping.Default()
	}
	if d.Noticed == nil {
		d.Noticed = func() {}
	}
	c = c.withDefaults()
	s := &Service{
		Deps: d, cfg: c, asks: make(chan model.Lane, 4*c.Resolvers), claims: make(chan []schedule.Refill, 1),
		wake: make(chan struct{}, 1), sweep: make(chan struct{}, 1), refresh: make(chan struct{}, 1), sources: c.Sources,
		sched: schedule.New(c.Schedule, d.Clock.Now()), shaped: shaping.NewState(d.Shaping), nodes: 1, plans: map[planKey]*plan{}, workers: map[*schedule.Place]*worker{},
	}
	s.bodies = newBodies(d.Store, c.MaxBodies)
	s.settler.init(s)
	return s
}

// Start opens the lease and begins to deliver. It fails if the store does not give a lease.
func (s *Service) Start(ctx context.Context) error {
	if err := s.openLease(ctx); err != nil {
		return fmt.Errorf("delivery cannot start: %w", err)
	}
	s.restorePaths(ctx)
	life := context.WithoutCancel(ctx) // Stop ends it, not the caller's start-up
	s.work, s.upkeep = lifecycle.New(life), lifecycle.New(life)
	s.upkeep.Go(s.settler.run)
	s.upkeep.Go(s.keepLease)
	for range s.cfg.Resolvers {
		s.work.Go(s.resolve)
	}
	s.work.Go(s.feed)
	s.work.Go(s.clockwork)
	s.work.Go(s.sweepLanes)
	s.work.Go(s.recover)
	s.work.Go(s.keepPaths)
	return nil
}

// grace is how long outcomes still find their way to the store after the sessions have ended or were cut: a worker's
// into the settler, and then the settler's into the store.
const grace = 10 * time.Second

// Stop begins nothing new, lets sessions end what they are at until ctx ends, returns what was not begun to the
// queue, and gives the lease back. Submission must have stopped before.
func (s *Service) Stop(ctx context.Context) error {
	if s.work == nil {
		return nil
	}
	s.mu.Lock()
	s.draining = true
	s.mu.Unlock()
	fault := s.work.Stop(ctx)
	s.mu.Lock()
	rest := s.sched.Abandon()
	held := s.sched.Resident()
	s.mu.Unlock()

	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.upkeep.Stop(closing) }()
	for part := range chunks(rest, settleBatch) {
		s.settler.add(s.unattempted(part, time.Time{}))
	}
	s.settler.close()
	fault = errors.Join(fault, <-ended)
	if lost := s.settler.unsettled(); lost > 0 || held > 0 {
		// The lease stays: the next process of this node, or another, recovers what hangs on it.
		s.Log.Warn("stopped before every outcome was stored", "outcomes", lost, "reserved", held)
		return fault
	}
	return errors.Join(fault, s.Store.CloseLease(closing, s.lease.Load()))
}

// QueueChanged tells that mail appeared in the store, or changed, other than by this Service.
func (s *Service) QueueChanged() { poke(s.sweep) }

// DirectoryChanged tells that accounts may have changed.
func (s *Service) DirectoryChanged() { poke(s.refresh) }

// SetSources replaces the addresses to send from; none: the system chooses. What is being sent goes on from where it began, all
// else is routed anew.
func (s *Service) SetSources(list []Source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Equal(s.sources, list) {
		return
	}
	s.sources = slices.Clone(list)
	clear(s.plans)
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// chunks yields parts of at most n.
func chunks[T any](all []T, n int) func(func([]T) bool) {
	return func(yield func([]T) bool) {
		for len(all) > 0 {
			part := all[:min(n, len(all))]
			if !yield(part) {
				return
			}
			all = all[len(part):]
		}
	}
}

// pause waits; false: the group drains or ctx ended.
func (s *Service) pause(ctx context.Context, g *lifecycle.Group, d time.Duration) bool {
	t := s.Clock.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-g.Draining():
	case <-ctx.Done():
	}
	return false
}

func logFault(l *slog.Logger, text string, err error, args ...any) {
	if !errors.Is(err, context.Canceled) {
		l.Warn(text, append(args, "error", err)...)
	}
}
