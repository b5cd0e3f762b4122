package node

import (
	"context"

	"github.com/budkavle/budkavle/internal/base/config"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/base/keyring"
	"github.com/budkavle/budkavle/internal/engine/outbound"
	"github.com/budkavle/budkavle/internal/flow/onboard"
	"github.com/budkavle/budkavle/internal/flow/relay"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// NewRelay makes the service of accounts' own servers by a configuration.
func NewRelay(cfg config.Config, st store.Store, ring *keyring.Ring, ids *ident.Source, sys System) (*relay.Service, error) {
	router, err := NewRouter(cfg, st, sys, nil)
	if err != nil {
		return nil, err
	}
	w := &warnings{st, ids, sys.Clock, cfg.Delivery.BounceDomain, cfg.Delivery.Expire}
	c := relay.Config{
		Store: st, Ring: ring, Router: router, Connector: outbound.New(outbound.Config{Clock: sys.Clock}), Clock: sys.Clock, IDs: ids, Log: sys.Log, Helo: cfg.Node.Hostname,
		Write: func(ctx context.Context, operator model.Account, to, subject, text string) error {
			operator.Contact = to
			return w.Warn(ctx, operator, onboard.Letter{Subject: subject, Text: text})
		},
	}
	if sources := addrsOf(cfg.Delivery.SourceAddresses); len(sources) > 0 {
		c.Source = sources[0]
	}
	return relay.New(c), nil
}

// routesChanged is called when an account's own server was set, tested or removed, or is told to fail or to be mended.
func (n *Node) routesChanged() {
	n.relay.Flush()
	n.directory.Flush()
	n.deliver.RoutesChanged()
}
