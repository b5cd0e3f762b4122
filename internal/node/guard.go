package node

import (
	"context"

	"github.com/budkavle/budkavle/internal/base/config"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/engine/limit"
	"github.com/budkavle/budkavle/internal/flow/guard"
	"github.com/budkavle/budkavle/internal/flow/onboard"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// NewGuard makes the service that unlocks accounts, and in a running node tells of their locks.
func NewGuard(cfg config.Config, st store.Store, ids *ident.Source, sys System) *guard.Service {
	w := &warnings{st, ids, sys.Clock, cfg.Delivery.BounceDomain, cfg.Delivery.Expire}
	return guard.New(guard.Config{
		Store: st, Clock: sys.Clock, IDs: ids, Log: sys.Log, Tell: cfg.Limits.Tell, Limits: defaultLimits(cfg.Limits),
		Write: func(ctx context.Context, operator model.Account, to, subject, text string) error {
			operator.Contact = to
			return w.Warn(ctx, operator, onboard.Letter{Subject: subject, Text: text})
		},
	})
}

// defaultLimits are those of accounts without rules of their own.
func defaultLimits(c config.Limits) limit.Defaults {
	return limit.Defaults{
		Ordinary: model.Limits{HalfHour: c.HalfHour, Day: c.Day, Month: c.Month},
		Bulk:     model.Limits{HalfHour: c.BulkHalfHour, Day: c.BulkDay, Month: c.BulkMonth},
	}
}

// accountLocked is called when this node locked an account; others notice by the store's signal.
func (n *Node) accountLocked() {
	n.directory.Flush()
	n.deliver.DirectoryChanged()
	n.guard.Poke()
}
