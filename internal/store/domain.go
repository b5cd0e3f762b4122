package store

import (
	"context"
	"time"

	"github.com/budkavle/budkavle/internal/model"
)

// Domains keeps sender domains and their signing keys.
type Domains interface {
	// NumberDomain gives a number that no domain had before, for what must be named after the domain before it is stored.
	NumberDomain(ctx context.Context) (model.DomainID, error)
	// AddDomain stores d, its keys and ev in one commit; number 0 is given one. Exists, with the owner in its text left
	// out, if any account has the domain.
	AddDomain(ctx context.Context, d model.Domain, keys []model.SigningKey, ev model.Event) (model.Domain, error)
	Domain(ctx context.Context, name string) (model.Domain, error)
	DomainByID(ctx context.Context, id model.DomainID) (model.Domain, error)
	// ListDomains returns at most limit domains with names after the given one; account 0 is all.
	ListDomains(ctx context.Context, account model.AccountID, after string, limit int) ([]model.Domain, error)
	// ClaimDomains returns at most limit domains whose NextCheck is not after now, the longest due first, and moves their
	// NextCheck to until, in one commit: no two callers get the same one. Those of a caller that died are due again then.
	// The cost is that of the limit, however many domains there are.
	ClaimDomains(ctx context.Context, now, until time.Time, limit int) ([]model.Domain, error)
	// ChangeDomain stores c in one commit. Conflict if the domain or a key of it has changed since it was read.
	ChangeDomain(ctx context.Context, c DomainChange) error
	// RemoveDomain deletes the domain, its keys and its credentials; its messages and events stay.
	RemoveDomain(ctx context.Context, id model.DomainID, ev model.Event) error
	// SigningKeys returns the keys of a domain, the RSA ones first, by selector.
	SigningKeys(ctx context.Context, id model.DomainID) ([]model.SigningKey, error)
	// ListDomainKeys returns at most limit domains with numbers after the given one, by number, each with its keys.
	ListDomainKeys(ctx context.Context, after model.DomainID, limit int) ([]DomainKeys, error)
	// Proof returns what the last check of a domain found, as DomainChange.Proof brought it; nil if there was none.
	Proof(ctx context.Context, id model.DomainID) ([]byte, error)
}

// MaxProof is the most octets that are kept of a check.
const MaxProof = 64 << 10

// DomainChange is a change of one domain and its keys.
type DomainChange struct {
	// Domain is as it is to be, with the Revision that was read. Name, Account and CreatedAt stay as they are.
	Domain model.Domain
	From   model.DomainState // the state that was read; the new one must be it, or one it can become
	// Keys are added, or changed where the selector is there: then State and the times are stored, the key itself stays.
	Keys  []KeyChange
	Proof []byte       // at most MaxProof octets; nil: what was kept stays
	Event *model.Event // nil: nothing worth telling
}

// KeyChange is a change of one signing key.
type KeyChange struct {
	model.SigningKey                // as it is to be
	From             model.KeyState // the state that was read; empty: the key is new
	Gone             bool           // the key is deleted
}

// DomainKeys is a domain with its keys.
type DomainKeys struct {
	model.Domain
	Keys []model.SigningKey
}
