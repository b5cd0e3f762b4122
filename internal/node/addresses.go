package node

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/budkavle/budkavle/internal/base/config"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/base/keyring"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/engine/reputation"
	"github.com/budkavle/budkavle/internal/engine/route"
	"github.com/budkavle/budkavle/internal/flow/addresses"
	"github.com/budkavle/budkavle/internal/flow/deliver"
	"github.com/budkavle/budkavle/internal/flow/onboard"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/store"
)

// NewAddresses makes the service of source addresses by a configuration, for a process that does not run it: a running node,
// if there is one, watches and tells.
func NewAddresses(cfg config.Config, st store.Store, ring *keyring.Ring, ids *ident.Source, sys System) (*addresses.Service, error) {
	c, err := addressing(cfg, st, ring, ids, sys)
	if err != nil {
		return nil, err
	}
	if cfg.Senders.FromDomain != "" {
		c.Write = func(context.Context, string, string, string) error { return nil } // the running node's to do
	}
	return addresses.New(c), nil
}

func addressing(cfg config.Config, st store.Store, ring *keyring.Ring, ids *ident.Source, sys System) (addresses.Config, error) {
	resolver, err := dns.New(dns.Config{Servers: cfg.DNS.Servers, Clock: sys.Clock})
	if err != nil {
		return addresses.Config{}, err
	}
	inside := cfg.Delivery.PrivateAddresses || cfg.Delivery.Port != 25
	c := addresses.Config{
		Store: st, Ring: ring, Clock: sys.Clock, Random: sys.Random, IDs: ids, Log: sys.Log, Hostname: cfg.Node.Hostname,
		Configured: addrsOf(cfg.Delivery.SourceAddresses), Notice: time.Duration(cfg.Senders.NoticeDays) * 24 * time.Hour, Local: local, Inside: inside,
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
	return c, nil
}

// local reports whether this machine can send from an address.
func local(a netip.Addr) bool {
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(a, 0)))
	if err != nil {
		return !errors.Is(err, syscall.EADDRNOTAVAIL) // any other fault says nothing of the address
	}
	_ = l.Close() // it took no connection
	return true
}

// writeLetter queues a letter from the operator's own sender domain.
func (n *Node) writeLetter(ctx context.Context, to, subject, text string) error {
	d, err := n.store.Domain(ctx, n.cfg.Senders.FromDomain)
	if err != nil {
		return err
	}
	return n.submit.WriteLetter(ctx, model.Letter{Domain: d, To: to, Subject: subject, Text: text})
}

// alertOperators writes to the contacts of the operators' accounts.
func (n *Node) alertOperators(ctx context.Context, subject, text string) error {
	w := &warnings{n.store, n.ids, n.sys.Clock, n.cfg.Delivery.BounceDomain, n.cfg.Delivery.Expire}
	var faults []error
	for after := ""; ; {
		page, err := n.store.ListAccounts(ctx, after, accountPage)
		for _, a := range page {
			if after = a.Name; a.Operator && a.Contact != "" {
				faults = append(faults, w.Warn(ctx, a, onboard.Letter{Subject: subject, Text: text}))
			}
		}
		if err != nil || len(page) < accountPage {
			return errors.Join(append(faults, err)...)
		}
	}
}

// accountPage is how many accounts are read at a time.
const accountPage = 500

// startAddresses reads the source addresses, and has delivery follow them.
func (n *Node) startAddresses(ctx context.Context, router *route.Router) error {
	c, err := addressing(n.cfg, n.store, n.ring, n.ids, n.sys)
	if err != nil {
		return err
	}
	c.Alert = n.alertOperators
	if n.cfg.Senders.FromDomain != "" {
		c.Write = n.writeLetter
	}
	c.Changed = func() {
		var list []deliver.Source
		var addrs []netip.Addr
		for _, a := range n.addresses.Own() {
			list, addrs = append(list, deliver.Source{Addr: a.Address, Helo: a.Helo, Pool: a.Pool, Own: a.Node != ""}), append(addrs, a.Address)
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
