// Package suppression keeps the lists of addresses that are not sent to, for programs and people: it adds, finds, removes,
// imports and exports.
//
// What is listed has been checked: an address is one that SMTP can use, in the form it is compared in. An address that the
// account's allow list covers is not put on the bounce list, and counted instead. Files of any length are read and written
// as a stream, in commits of at most 5,000 rows; a row that cannot be used is handed to the caller with why, and
// the others go on. What a fault of the store interrupts is kept up to there, and can be done again: what is listed
// already keeps its date. Errors are *store.Error, or say for people what cannot be used and why.
//
// It does not decide which mail a list stops (internal/engine/policy), nor what a failure means (internal/engine/bounce).
package suppression

import (
	"context"
	"log/slog"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// Store is what the package needs of store.Store.
type Store interface {
	Domain(ctx context.Context, name string) (model.Domain, error)
	DomainByID(ctx context.Context, id model.DomainID) (model.Domain, error)
	Suppressed(ctx context.Context, account model.AccountID, keys []string) ([]model.Suppression, error)
	AddSuppressions(ctx context.Context, list []model.Suppression, evs ...model.Event) error
	RemoveSuppressions(ctx context.Context, f store.SuppressionFilter, limit int, evs ...model.Event) (int, error)
	ListSuppressions(ctx context.Context, f store.SuppressionFilter, after model.Suppression, descending bool, limit int) ([]model.Suppression, error)
}

// Config is what a Service is made of. All fields are needed.
type Config struct {
	Store Store
	Clock clock.Clock
	IDs   *ident.Source
	Log   *slog.Logger
}

// Service keeps the lists. It is safe for concurrent use.
type Service struct{ Config }

// New returns a Service.
func New(c Config) *Service { return &Service{c} }

// List says whose entries are meant.
type List struct {
	Account model.AccountID // 0: the operator's, which count for every account
	Domain  model.DomainID  // 0: for every domain of the account
}

const (
	maxBatch  = 5000 // rows of a commit
	maxKeys   = 1000 // addresses of one question to the store
	maxRemove = 1000 // entries of a commit that deletes
)
