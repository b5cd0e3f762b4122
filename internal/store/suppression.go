package store

import (
	"context"

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
	// SoftBounce is what is counted of an address; the zero value if nothing.
	SoftBounce(ctx context.Context, account model.AccountID, key string) (model.SoftBounce, error)
}
