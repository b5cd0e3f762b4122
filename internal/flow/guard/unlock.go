package guard

import (
	"context"
	"errors"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// Unlock makes a locked account active again, with a new half hour; what it has queued goes on. An operator may at any time. An owner
// may once nothing is left that a thief could have: every SMTP user and API key of the account was made after the lock, and
// there is at least one. Errors say what is in the way, or are *store.Error.
func (s *Service) Unlock(ctx context.Context, name string, owner bool) (model.Account, error) {
	a, err := s.Store.Account(ctx, name)
	if err != nil {
		return a, err
	}
	if a.State != model.AccountLocked {
		return a, wording.Errorf("account %q is %s, not %s", name, a.State, model.AccountLocked)
	}
	by := "unlocked by the operator"
	if owner {
		by = "unlocked by the owner, after every password was changed"
		if err := s.renewed(ctx, &a); err != nil {
			return a, err
		}
	}
	ev := model.Event{ID: s.IDs.Next(), Kind: model.EventAccount, At: s.Clock.Now(), Account: a.ID, Data: model.EventData{Reason: string(model.AccountActive) + ": " + by}}
	if err := s.Store.SetAccountState(ctx, a.ID, model.AccountActive, "", ev); err != nil {
		return a, err
	}
	a.State, a.Reason = model.AccountActive, ""
	return a, errors.Join(s.Store.Signal(ctx, store.SignalDirectory), s.Store.Signal(ctx, store.SignalQueue))
}

// renewed refuses while a credential is older than the lock. The lists are read whole: one page too few would hide an old one.
func (s *Service) renewed(ctx context.Context, a *model.Account) error {
	found := false
	for after := ""; ; {
		page, err := s.Store.ListCredentials(ctx, a.ID, after, pageSize)
		if err != nil {
			return err
		}
		for i := range page {
			if !page[i].CreatedAt.After(a.LockedAt) {
				return wording.Errorf("SMTP user %s is older than the lock of %s; remove it (budkavle credential remove %s) and make a new one first", page[i].Username, a.Name, page[i].Username)
			}
			after, found = page[i].Username, true
		}
		if len(page) < pageSize {
			break
		}
	}
	keys, err := s.Store.ListKeys(ctx, a.ID, maxKeys)
	if err != nil {
		return err
	}
	if len(keys) == maxKeys {
		return wording.Errorf("account %s has %d API keys or more, too many to look at; remove the old ones first", a.Name, maxKeys)
	}
	for i := range keys {
		if !keys[i].CreatedAt.After(a.LockedAt) {
			return wording.Errorf("API key %s is older than the lock of %s; remove it (budkavle key remove %s) and make a new one first", keys[i].Prefix, a.Name, keys[i].ID)
		}
		found = true
	}
	if !found {
		return wording.Errorf("account %s has no SMTP user and no API key that is newer than its lock; make one, or have the operator unlock the account", a.Name)
	}
	return nil
}

const maxKeys = 10_000
