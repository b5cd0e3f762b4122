package store

import (
	"context"
	"time"

	"github.com/budkavle/budkavle/internal/model"
)

// Budget is what a submission counts in. It is taken only if all charges of the call have room for it and its account is active,
// and is then counted in the same commit, whatever number of sessions and nodes are at it.
type Budget struct {
	N       int64 // messages, one a recipient
	Charges []model.Charge
	// Lock words the lock that a charge with Locks brings, and makes its event.
	Lock func(o *model.Over) (reason string, ev model.Event)
}

// Reading is one counter of an account.
type Reading struct {
	Scope model.LimitScope
	Name  string
	Meter model.Meter // as it was counted up last
}

// Limits keeps how much accounts may send and how much they have sent.
type Limits interface {
	// SetLimit keeps a rule in the place of the one for the same name. One whose Limits are zero is removed.
	SetLimit(ctx context.Context, r model.LimitRule) error
	// ListLimits returns the rules of an account by scope and name, at most model.MaxLimitRules.
	ListLimits(ctx context.Context, account model.AccountID) ([]model.LimitRule, error)
	// Readings returns at most limit counters of an account, by scope and name.
	Readings(ctx context.Context, account model.AccountID, limit int) ([]Reading, error)
	// ClaimLocks returns at most limit accounts that a limit has locked and nobody was told of, and keeps them from other
	// callers until the time given. When all are told it writes nothing.
	ClaimLocks(ctx context.Context, now, until time.Time, limit int) ([]model.Account, error)
	// ToldLock records, with ev in the same commit, that all who are to know of the lock were told.
	ToldLock(ctx context.Context, account model.AccountID, ev model.Event) error
}
