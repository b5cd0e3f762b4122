// Package notify tells senders what became of their mail: it turns the notices of a message (docs/decisions/0005) into
// one delivery status notification and queues it.
//
// One goroutine, owned by the Service, empties the outbox a page at a time: a little after it is poked, so that recipients
// that fail together are told of together, and every minute for what other processes put there. A report is queued and
// its notices dropped in one commit: none is lost, and none is told twice, by this node or another. While the store is
// out of order it tries on with growing delays; mail never waits for it. Memory: one page of notices, the recipients they
// name, the bytes of one message, and reports of batchOctets and one more.
//
// Only mail that came by SMTP is reported on, never a report, and bulk mail not to an account that wants no such reports. It does not decide what is worth a notice
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
	AccountByID(ctx context.Context, id model.AccountID) (model.Account, error)
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
