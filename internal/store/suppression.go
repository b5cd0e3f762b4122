package store

import (
	"context"
	"time"

	"github.com/budkavle/budkavle/internal/model"
)

// SuppressionFilter selects entries of one account's lists; account 0 is the operator's.
type SuppressionFilter struct {
	Account model.AccountID
	Domain  *model.DomainID       // nil: all; a pointer to 0: those for every domain of the account
	Kind    model.SuppressionKind // empty: all
	Key     string                // empty: all
	Tag     *string               // nil: all; a pointer to "": those without
}

// Redemption is the use of a link that works once.
type Redemption struct {
	Hash    []byte    // of the link
	Expires time.Time // when it would have run out: until then its use is remembered
	Account model.AccountID
	Key     string // of the address
	// Domain limits what is deleted of unsubscriptions and complaints to this sender; 0: all of the account's.
	Domain model.DomainID
	Event  model.Event
}

// Suppressions keeps the addresses that are not sent to. A look-up costs the same with a thousand entries as with ten
// million.
type Suppressions interface {
	// Suppressed returns every entry, of all lists and domains, that the account or the operator has under one of the keys
	// (model.SuppressionKey), at most 1,000 keys.
	Suppressed(ctx context.Context, account model.AccountID, keys []string) ([]model.Suppression, error)
	// AddSuppressions adds entries in one commit; one that is there already keeps its date, takes the new code, reason and
	// source, and adds the count. At most 10,000 a call.
	AddSuppressions(ctx context.Context, list []model.Suppression, evs ...model.Event) error
	// RemoveSuppressions deletes up to limit entries that match, with what was counted of their addresses' soft bounces,
	// and reports how many. Call until it is less than limit.
	RemoveSuppressions(ctx context.Context, f SuppressionFilter, limit int, evs ...model.Event) (int, error)
	// ListSuppressions returns up to limit entries that match, by domain, kind, key and tag, behind the one given (its zero
	// value: from the beginning); descending goes the other way (zero value: from the end).
	ListSuppressions(ctx context.Context, f SuppressionFilter, after model.Suppression, descending bool, limit int) ([]model.Suppression, error)
	// Redeem uses a link that works once: it deletes up to 1,000 entries for the address on the account's bounce, complaint and
	// unsubscribe lists, with its soft bounces, and stores ev, in one commit. Exists if the link was used before.
	Redeem(ctx context.Context, r Redemption) error
	// CountVerification counts a link that is about to be sent to an address, and reports false, counting nothing, if most
	// were sent since the time given.
	CountVerification(ctx context.Context, account model.AccountID, key string, now, since time.Time, most int) (bool, error)
	// SoftBounce is what is counted of an address; the zero value if nothing.
	SoftBounce(ctx context.Context, account model.AccountID, key string) (model.SoftBounce, error)
}
