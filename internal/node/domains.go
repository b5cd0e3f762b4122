package node

import (
	"time"

	"github.com/budkavle/budkavle/internal/base/config"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/base/keyring"
	"github.com/budkavle/budkavle/internal/engine/outbound"
	"github.com/budkavle/budkavle/internal/engine/proof"
	"github.com/budkavle/budkavle/internal/flow/onboard"
	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/standard/mtasts"
	"github.com/budkavle/budkavle/internal/store"
)

// NewOnboarding makes the service that adds and proves sender domains by a configuration. Its checks also ask the domains'
// own mail servers whether they take mail for postmaster and the like.
func NewOnboarding(cfg config.Config, st store.Store, ring *keyring.Ring, ids *ident.Source, sys System) (*onboard.Service, error) {
	s := onboard.New(st, ring, sys.Clock, sys.Random, ids)
	resolver, err := dns.New(dns.Config{Servers: cfg.DNS.Servers, Clock: sys.Clock})
	if err != nil {
		return nil, err
	}
	router, err := NewRouter(cfg, st, sys, nil)
	if err != nil {
		return nil, err
	}
	probe := &onboard.Prober{Router: router, Connector: outbound.New(outbound.Config{Clock: sys.Clock}), Helo: cfg.Node.Hostname}
	sources := addrsOf(cfg.Delivery.SourceAddresses)
	if len(sources) > 0 {
		probe.Source = sources[0]
	}
	checks := checking(cfg, resolver, sys)
	if checks.Seen, err = NewReports(cfg, st, ids, sys, s.Addresses); err != nil {
		return nil, err
	}
	checks.Probe, checks.Policies = probe, &mtasts.Fetcher{Dial: proof.Dial(resolver, cfg.Delivery.PrivateAddresses || cfg.Delivery.Port != 25)}
	s.Settings = onboard.Settings{
		KeyZone: cfg.Domains.KeyZone, ReturnLabel: cfg.Domains.ReturnLabel, ReturnTarget: cfg.Delivery.BounceDomain, Host: cfg.Node.Hostname, Include: cfg.Domains.SPFInclude,
		Sources: sources, ReportTo: cfg.ReportsTo(), Claim: cfg.Domains.Claim, Recheck: cfg.Domains.Recheck, RotateAfter: cfg.Domains.RotateAfter,
		Hold: max(cfg.Delivery.Expire, cfg.Delivery.ExpireBulk) + 24*time.Hour, Checker: proof.New(checks), Resolver: resolver,
		Notifier: &warnings{st, ids, sys.Clock, cfg.Delivery.BounceDomain, cfg.Delivery.Expire},
	}
	return s, nil
}

// checking is what a check of domains asks: DNS alone.
func checking(cfg config.Config, resolver *dns.Client, sys System) proof.Config {
	return proof.Config{Resolver: resolver, Authority: dns.NewAuthority(resolver, uint16(cfg.DNS.AuthorityPort)), Clock: sys.Clock, Inside: cfg.Delivery.PrivateAddresses || cfg.Delivery.Port != 25}
}

// startWatch has sender domains looked up as they come due. The watch asks DNS only: mail servers are asked when a person
// asks for it.
func (n *Node) startWatch() error {
	service, err := NewOnboarding(n.cfg, n.store, n.ring, n.ids, n.sys)
	if err != nil {
		return err
	}
	resolver, err := dns.New(dns.Config{Servers: n.cfg.DNS.Servers, Clock: n.sys.Clock})
	if err != nil {
		return err
	}
	n.desk = service
	n.watch = onboard.NewWatch(service, proof.New(checking(n.cfg, resolver, n.sys)), n.sys.Log)
	n.upkeep.Go(n.watch.Run)
	return nil
}
