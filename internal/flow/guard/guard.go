// Package guard sets and shows limits of accounts, tells people of accounts that one has locked, and unlocks them.
//
// The lock itself is made by the store, in the commit that finds the limit reached (store.Budget), with its event; nothing here has
// to work for that. What is left to do is kept with the account until it is done: whichever node comes first gathers what was sent
// from where, notes it as an event and writes to the account's contact and to the operator. A letter that cannot be written is
// tried again, and may then reach one of them twice. The package locks nothing and counts nothing.
package guard

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/engine/limit"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// Config is what a Service is made of.
type Config struct {
	Store store.Store
	Clock clock.Clock
	IDs   *ident.Source
	Log   *slog.Logger
	// Write queues a letter, on behalf of the operator's account: that of the locked one holds its queue.
	Write  func(ctx context.Context, operator model.Account, to, subject, text string) error
	Limits limit.Defaults // of accounts without rules of their own
	// Tell is the operator's mail address; empty: the contacts of operators' accounts.
	Tell string
}

// Service tells of locks.
type Service struct {
	Config
	poked chan struct{}
}

// New returns a Service; Run does its work.
func New(c Config) *Service { return &Service{c, make(chan struct{}, 1)} }

// Poke has the accounts looked at soon. It never waits.
func (s *Service) Poke() {
	select {
	case s.poked <- struct{}{}:
	default:
	}
}

const (
	// tryAgain is how long a node has an account to itself, and when one that failed is tried again.
	tryAgain = time.Minute
	atOnce   = 10 // accounts claimed at a time
)

// Run tells of locks until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	for {
		t := s.Clock.NewTimer(tryAgain)
		s.tellAll(ctx)
		select {
		case <-s.poked:
		case <-t.C: // of another node that died, or a letter that could not be written
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
		t.Stop()
	}
}

func (s *Service) tellAll(ctx context.Context) {
	for {
		now := s.Clock.Now()
		list, err := s.Store.ClaimLocks(ctx, now, now.Add(tryAgain), atOnce)
		if err != nil && ctx.Err() == nil {
			s.Log.Warn("locked accounts cannot be read; trying on", "error", err)
		}
		for i := range list {
			if err := s.tell(ctx, &list[i]); err != nil && ctx.Err() == nil {
				s.Log.Warn("not everybody could be told that an account is locked; trying on", "account_name", list[i].Name, "error", err)
			}
		}
		if len(list) < atOnce || err != nil {
			return
		}
	}
}

// tell gathers what the account sent, and tells its contact and the operator.
func (s *Service) tell(ctx context.Context, a *model.Account) error {
	e, err := s.evidence(ctx, a)
	if err != nil {
		return err
	}
	s.Log.Warn("account is locked", "account_name", a.Name, "reason", a.Reason, "locked_at", a.LockedAt, "sent", e.String())
	operator, to, err := s.operators(ctx)
	if err != nil {
		return err
	}
	var errs []error
	write := func(to string, l letter) {
		if operator.ID == 0 {
			s.Log.Warn("no letter about a locked account: no active account of an operator can send it", "account_name", a.Name, "to", to)
			return
		}
		errs = append(errs, s.Write(ctx, operator, to, l.subject, l.text))
	}
	if a.Contact != "" {
		write(a.Contact, toOwner(a, e))
	}
	for _, address := range to {
		if address != a.Contact {
			write(address, toOperator(a, e))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return s.Store.ToldLock(ctx, a.ID, model.Event{
		ID: s.IDs.Next(), Kind: model.EventAccount, At: s.Clock.Now(), Account: a.ID, Data: model.EventData{Reason: e.String()},
	})
}

// operators finds an account of an operator, which letters are sent by, and the addresses of those who are told. An account that is
// not active sends no letters.
func (s *Service) operators(ctx context.Context) (operator model.Account, to []string, err error) {
	for after := ""; ; {
		page, err := s.Store.ListAccounts(ctx, after, pageSize)
		if err != nil {
			return operator, nil, err
		}
		for _, a := range page {
			after = a.Name
			if !a.Operator || a.State != model.AccountActive {
				continue
			}
			if operator.ID == 0 {
				operator = a
			}
			if a.Contact != "" && len(to) < maxOperators {
				to = append(to, a.Contact)
			}
		}
		if len(page) < pageSize {
			break
		}
	}
	if s.Tell != "" {
		to = []string{s.Tell}
	}
	return operator, to, nil
}

const (
	pageSize     = 500
	maxOperators = 10 // who are written to
)
