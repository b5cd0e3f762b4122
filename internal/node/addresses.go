package node

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/base/config"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/base/keyring"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/engine/reputation"
	"github.com/budkavle/budkavle/internal/engine/route"
	"github.com/budkavle/budkavle/internal/flow/addresses"
	"github.com/budkavle/budkavle/internal/flow/deliver"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/store"
)

// writeLetter queues a letter, as *submit.Service does.
type writeLetter func(ctx context.Context, l model.Letter) error

// NewAddresses makes the service of source addresses by a configuration, for a process that does not run it: a running node,
// if there is one, watches and tells.
func NewAddresses(cfg config.Config, st store.Store, ring *keyring.Ring, ids *ident.Source, sys System) (*addresses.Service, error) {
	c, err := addressing(cfg, st, ring, ids, sys, nil)
	if err != nil {
		return nil, err
	}
	return addresses.New(c), nil
}

func addressing(cfg config.Config, st store.Store, ring *keyring.Ring, ids *ident.Source, sys System, write writeLetter) (addresses.Config, error) {
	resolver, err := dns.New(dns.Config{Servers: cfg.DNS.Servers, Clock: sys.Clock})
	if err != nil {
		return addresses.Config{}, err
	}
	inside := cfg.Delivery.PrivateAddresses || cfg.Delivery.Port != 25
	c := addresses.Config{
		Store: st, Ring: ring, Clock: sys.Clock, Random: sys.Random, IDs: ids, Log: sys.Log, Hostname: cfg.Node.Hostname,
		Configured: addrsOf(cfg.Delivery.SourceAddresses), Notice: time.Duration(cfg.Senders.NoticeDays) * 24 * time.Hour, Inside: inside,
		Resolver: resolver, HTTP: addresses.Transport(resolver, inside), Page: addresses.Page{
			URL: strings.TrimRight(cfg.HTTP.BaseURL, "/") + "/senders", Contact: cfg.Senders.Contact, BounceDomain: cfg.Delivery.BounceDomain,
			Signs: cfg.Senders.FromDomain, ReturnLabel: cfg.Domains.ReturnLabel,
		},
	}
	known := reputation.Known()
	for _, entry := range cfg.Reputation.Blocklists {
		zone, key, err := config.ParseBlocklist(entry)
		if err != nil {
			return c, err
		}
		l, err := known.List(zone, key, reputation.Addresses)
		if err != nil {
			return c, wording.Errorf("configuration key %s: %w", "reputation.blocklists", err)
		}
		c.Lists = append(c.Lists, l)
	}
	if cfg.Senders.FromDomain != "" {
		c.Letters = letters{cfg.Senders.FromDomain, st, write}
	}
	return c, nil
}

// letters writes from a sender domain of the operator's own.
type letters struct {
	domain string
	store  store.Store
	write  writeLetter
}

// Write implements addresses.Letters. The operator is the contact of the domain's account.
func (l letters) Write(ctx context.Context, to, subject, text string) error {
	d, err := l.store.Domain(ctx, l.domain)
	if err != nil {
		return err
	}
	if to == "" {
		a, err := l.store.AccountByID(ctx, d.Account)
		if err != nil || a.Contact == "" {
			return err
		}
		to = a.Contact
	}
	return l.write(ctx, model.Letter{Domain: d, To: to, Subject: subject, Text: text})
}

// startAddresses reads the source addresses, and has delivery follow them.
func (n *Node) startAddresses(ctx context.Context, router *route.Router) error {
	c, err := addressing(n.cfg, n.store, n.ring, n.ids, n.sys, func(ctx context.Context, l model.Letter) error {
		return n.submit.WriteLetter(ctx, l)
	})
	if err != nil {
		return err
	}
	c.Changed = func() {
		var list []deliver.Source
		var addrs []netip.Addr
		for _, a := range n.addresses.Own() {
			list, addrs = append(list, deliver.Source{Addr: a.Address, Helo: a.Helo}), append(addrs, a.Address)
		}
		router.SetSources(addrs)
		n.deliver.SetSources(list)
	}
	n.addresses = addresses.New(c)
	if err := n.addresses.Load(ctx); err != nil {
		return err
	}
	if len(n.addresses.Own()) == 0 {
		n.sys.Log.Info("the system chooses the address that mail is sent from, so nobody knows whether it has a PTR record; name it with: budkavle ip add ADDRESS --state active")
	}
	return nil
}

// senders are the addresses that mail may go out from. With one route for all of it, another server's are seen by receivers.
func (n *Node) senders() []model.SourceAddress {
	if slices.ContainsFunc(n.cfg.Delivery.Routes, func(r config.Route) bool { return r.Match == "*" && r.Account == "" }) {
		return nil
	}
	return n.addresses.Senders()
}
