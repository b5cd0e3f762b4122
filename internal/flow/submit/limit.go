package submit

import (
	"context"
	"errors"

	"github.com/budkavle/budkavle/internal/engine/limit"
	"github.com/budkavle/budkavle/internal/engine/policy"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// limits are those of a principal's account for one message. What the node writes has none.
func (s *Service) limits(ctx context.Context, p *Principal) (model.Limits, error) {
	if p.Origin == model.OriginSystem {
		return model.Limits{}, nil
	}
	rules, err := s.Directory.Limits(ctx, p.Account.ID)
	if err != nil {
		return model.Limits{}, storeFault(err)
	}
	return s.Limits.Of(&p.Account, rules), nil
}

// budget says what the submissions of one principal count in. A recipient is a message: to one who is written to, and to the
// server that takes it, a message to five hundred is five hundred messages, and to a thief it is the quickest way.
func (s *Service) budget(ctx context.Context, p *Principal, subs []store.Submission) error {
	rules, err := s.Directory.Limits(ctx, p.Account.ID)
	if err != nil {
		return storeFault(err)
	}
	lock := func(o *model.Over) (string, model.Event) {
		reason := limit.Reason(o)
		return reason, model.Event{
			ID: s.IDs.Next(), Kind: model.EventAccount, At: s.Clock.Now(), Account: p.Account.ID,
			Data: model.EventData{Reason: string(model.AccountLocked) + ": " + reason},
		}
	}
	for i := range subs {
		if charges := s.Limits.Charges(&p.Account, rules, &subs[i].Message); len(charges) > 0 {
			subs[i].Budget = &store.Budget{N: int64(len(subs[i].Recipients)), Charges: charges, Lock: lock}
		}
	}
	return nil
}

// refusal words what the store did not take.
func (s *Service) refusal(p *Principal, err error) error {
	var over *model.Over
	if !errors.As(err, &over) {
		return storeFault(err)
	}
	if over.Locked {
		s.Log.Warn("account locked", "account", p.Account.ID, "account_name", p.Account.Name, "reason", limit.Reason(over), "credential", p.Credential, "client", p.Client)
		s.Locked()
	}
	a := limit.Found(p.Account, over)
	if err := policy.Account(a); err != nil {
		return err
	}
	if over.Charge.Scope == model.ScopeAccount && over.N == 1 && !over.Until.IsZero() {
		s.Directory.setFull(a.ID, over)
	}
	return limit.Refusal(a, over)
}

// slowed refuses at once who has just been told that there is no room, before a message is read and signed for nothing.
func (s *Service) slowed(p *Principal) error {
	now := s.Clock.Now()
	o := s.Directory.fullAt(p.Account.ID, now)
	if o == nil || p.Origin == model.OriginSystem {
		return nil
	}
	again := *o
	again.At = now
	return limit.Refusal(p.Account, &again)
}
