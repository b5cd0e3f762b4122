// Package notify tells senders what became of their mail: it turns the notices of a message (docs/decisions/0005) into
// one delivery status notification and queues it.
//
// One goroutine, owned by the Service, empties the outbox a page at a time: a little after it is poked, so that recipients
// that fail together are told of together, and every minute for what other processes put there. A report is queued and
// its notices dropped in one commit: none is lost, and none is told twice, by this node or another. While the store is
// out of order it tries on with growing delays; mail never waits for it. Memory: one page of notices, the recipients they
// name, and reports of batchOctets and one more.
//
// Only mail that came by SMTP is reported on, never a report. It does not decide what is worth a notice
// (internal/flow/deliver and feedback do) but leaves out what has become untrue.
package notify

import (
	"context"
	"log/slog"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/base/lifecycle"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// Store is what the package needs of store.Store.
type Store interface {
	store.Notices
	Message(ctx context.Context, id ident.ID) (model.Message, error)
	Body(ctx context.Context, id ident.ID) ([]byte, error)
	Recipients(ctx context.Context, id ident.ID, from, limit int) ([]model.Recipient, error)
	ListEvents(ctx context.Context, f store.EventFilter) ([]model.Event, error)
	Accept(ctx context.Context, subs []store.Submission, idem *store.Idempotency) error
}

// Queue hears of reports that are durable; *deliver.Service is one.
type Queue interface {
	// Accepted makes the lanes of waiting recipients known. raw is not changed afterwards.
	Accepted(msg *model.Message, raw []byte, recipients []model.Recipient)
}

// Config is what a Service is made of. All fields are needed.
type Config struct {
	Store    Store
	Queue    Queue
	Clock    clock.Clock
	IDs      *ident.Source
	Log      *slog.Logger
	Hostname string        // reports as this host
	From     string        // address reports come from
	Expire   time.Duration // a report is given up this long after it was queued
}

// Service writes reports from Start to Stop.
type Service struct {
	Config
	group *lifecycle.Group
	poke  chan struct{}
}

// New returns a Service.
func New(c Config) *Service { return &Service{Config: c, poke: make(chan struct{}, 1)} }

// Poke tells that notices were stored. It never waits.
func (s *Service) Poke() {
	select {
	case s.poke <- struct{}{}:
	default:
	}
}

// Start begins to write reports, first those that an earlier process left to write.
func (s *Service) Start(ctx context.Context) error {
	s.group = lifecycle.New(context.WithoutCancel(ctx)) // Stop ends it, not the caller's start-up
	s.group.Go(s.run)
	return nil
}

// Stop finishes the report under way, waits for it until ctx ends, and leaves the rest in the outbox.
func (s *Service) Stop(ctx context.Context) error {
	if s.group == nil {
		return nil
	}
	return s.group.Stop(ctx)
}

const (
	gather   = 2 * time.Second // from the first notice to its report
	sweep    = time.Minute     // between looks at the outbox without a poke
	retryMin = time.Second
	retryMax = time.Minute
)

func (s *Service) run(ctx context.Context) error {
	next := s.Clock.Now() // when to look at the outbox
	faults := 0
	for {
		t := s.Clock.NewTimer(next.Sub(s.Clock.Now()))
		poked := false
		select {
		case <-t.C:
		case <-s.poke:
			poked = true
		case <-s.group.Draining():
			t.Stop()
			return nil
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
		t.Stop()
		if poked {
			if soon := s.Clock.Now().Add(gather); faults == 0 && soon.Before(next) {
				next = soon
			}
			continue
		}
		err := s.empty(ctx)
		if err == nil {
			faults, next = 0, s.Clock.Now().Add(sweep)
			continue
		}
		if faults == 0 && ctx.Err() == nil && !store.Is(err, store.Conflict) { // a conflict: another node was quicker
			s.Log.Warn("senders cannot be told of their mail now; trying on", "error", err)
		}
		next = s.Clock.Now().Add(min(retryMin<<min(faults, 10), retryMax))
		faults++
	}
}

// page is how many notices are looked at in one go, and so how many recipients one report may name.
const page = 1000

// empty tells of everything in the outbox.
func (s *Service) empty(ctx context.Context) error {
	for !s.group.IsDraining() {
		ns, err := s.Store.ListNotices(ctx, page)
		if err != nil {
			return err
		}
		if err := s.tell(ctx, whole(ns)); err != nil {
			return err
		}
		if len(ns) < page {
			return nil
		}
	}
	return nil
}

// whole parts notices by message. The last message of a full page may have more on the next: it is left for that, unless
// it fills the page alone.
func whole(ns []model.Notice) [][]model.Notice {
	var groups [][]model.Notice
	for from, i := 0, 1; i <= len(ns); i++ {
		if i == len(ns) || ns[i].Key.Message != ns[from].Key.Message {
			groups = append(groups, ns[from:i])
			from = i
		}
	}
	if len(ns) == page && len(groups) > 1 {
		groups = groups[:len(groups)-1]
	}
	return groups
}

const (
	// batchReports and batchOctets bound what is queued in one commit.
	batchReports = 100
	batchOctets  = 4 << 20
)

// tell queues a report for each group and drops the notices nobody wants to hear.
func (s *Service) tell(ctx context.Context, groups [][]model.Notice) error {
	var batch []store.Submission
	octets := 0
	for i, ns := range groups {
		sub, err := s.report(ctx, ns)
		switch {
		case err != nil:
			return err
		case sub == nil:
			if err := s.Store.DropNotices(ctx, ns); err != nil {
				return err
			}
		default:
			batch, octets = append(batch, *sub), octets+len(sub.Raw)
		}
		if len(batch) >= batchReports || octets >= batchOctets || i == len(groups)-1 {
			if err := s.queue(ctx, batch); err != nil {
				return err
			}
			batch, octets = nil, 0
		}
	}
	return nil
}

func (s *Service) queue(ctx context.Context, batch []store.Submission) error {
	if len(batch) == 0 {
		return nil
	}
	if err := s.Store.Accept(ctx, batch, nil); err != nil {
		return err
	}
	for i := range batch {
		sub := &batch[i]
		m := &sub.Message
		s.Log.LogAttrs(ctx, slog.LevelInfo, "accepted",
			slog.String("message", m.ID.String()), slog.Int64("account", int64(m.Account)), slog.String("sender", ""), slog.String("recipient", sub.Recipients[0].Address),
			slog.Int64("size", m.Size), slog.String("class", m.Class.String()), slog.String("origin", string(m.Origin)),
			slog.String("about", sub.Answers[0].Key.Message.String()), slog.Int("notices", len(sub.Answers)))
		s.Queue.Accepted(m, sub.Raw, sub.Recipients)
	}
	return nil
}
