package guard

import (
	"context"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/engine/limit"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

const (
	// looked bounds the recipients looked at: the newest of each domain, which are all where the limit is the usual 500.
	looked     = 2000
	maxDomains = 100
)

// evidence reads what the account sent in the half hour before it was locked. Events are found by sender domain.
func (s *Service) evidence(ctx context.Context, a *model.Account) (*limit.Evidence, error) {
	domains, err := s.Store.ListDomains(ctx, a.ID, "", maxDomains)
	if err != nil {
		return nil, err
	}
	e := &limit.Evidence{}
	left := looked
	for i := range domains {
		evs, err := s.Store.ListEvents(ctx, store.EventFilter{
			Account: a.ID, Domain: domains[i].ID, Kinds: []model.EventKind{model.EventAccepted}, Begin: a.LockedAt.Add(-model.HalfHour), Limit: left,
		})
		if err != nil {
			return nil, err
		}
		left -= len(evs)
		if err := s.count(ctx, e, evs); err != nil || left == 0 {
			return e, err
		}
	}
	return e, nil
}

// count adds the messages of the events, those of one message being together.
func (s *Service) count(ctx context.Context, e *limit.Evidence, evs []model.Event) error {
	var id ident.ID
	n := 0
	add := func() error {
		if n == 0 {
			return nil
		}
		m, err := s.Store.Message(ctx, id)
		if err == nil && m.Origin != model.OriginSystem {
			e.Add(&m, n)
		}
		if store.Is(err, store.NotFound) {
			return nil
		}
		return err
	}
	for i := range evs {
		if evs[i].Message != id {
			if err := add(); err != nil {
				return err
			}
			id, n = evs[i].Message, 0
		}
		n++
	}
	return add()
}
