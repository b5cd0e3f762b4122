package node

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/base/config"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/base/keyring"
	"github.com/budkavle/budkavle/internal/engine/bounce"
	"github.com/budkavle/budkavle/internal/engine/consent"
	"github.com/budkavle/budkavle/internal/engine/outbound"
	"github.com/budkavle/budkavle/internal/engine/route"
	"github.com/budkavle/budkavle/internal/engine/schedule"
	"github.com/budkavle/budkavle/internal/engine/shaping"
	"github.com/budkavle/budkavle/internal/flow/deliver"
	"github.com/budkavle/budkavle/internal/flow/notify"
	"github.com/budkavle/budkavle/internal/flow/relay"
	"github.com/budkavle/budkavle/internal/flow/submit"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dkim"
	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/standard/smtp"
	"github.com/budkavle/budkavle/internal/store"
)

// NewRouter makes the router of a configuration. The relay, if there is one, knows the accounts' own servers.
func NewRouter(cfg config.Config, st store.Store, sys System, own *relay.Service) (*route.Router, error) {
	resolver, err := dns.New(dns.Config{Servers: cfg.DNS.Servers, Clock: sys.Clock})
	if err != nil {
		return nil, err
	}
	var routes []route.Route
	for _, r := range cfg.Delivery.Routes {
		mode, err := smtp.ParseTLSMode(r.TLS)
		if err != nil {
			return nil, err
		}
		routes = append(routes, route.Route{
			Match: r.Match, Account: r.Account, Host: r.Host, Port: uint16(r.Port), TLS: mode, Username: r.Username, Password: r.Password, Connections: r.Connections,
		})
	}
	c := route.Config{
		Resolver: resolver, Clock: sys.Clock, Port: uint16(cfg.Delivery.Port), Routes: routes,
		Inside: cfg.Delivery.PrivateAddresses || cfg.Delivery.Port != 25, Sources: addrsOf(cfg.Delivery.SourceAddresses),
		SelfNames: []string{cfg.Node.Hostname}, SelfAddrs: selfAddrs(cfg),
		AccountName: func(ctx context.Context, id model.AccountID) (string, error) {
			a, err := st.AccountByID(ctx, id)
			return a.Name, err
		},
	}
	if own != nil {
		c.Own = own.Own
	}
	return route.New(c)
}

// selfAddrs are the addresses at which this node itself would answer a delivery: those of its MX listener when that is
// on the port it delivers to.
func selfAddrs(cfg config.Config) []netip.Addr {
	var list []netip.Addr
	for _, l := range cfg.MX.Listen {
		if ap, err := netip.ParseAddrPort(l); err == nil && int(ap.Port()) == cfg.Delivery.Port && !ap.Addr().IsUnspecified() {
			list = append(list, ap.Addr())
		}
	}
	return list
}

// NewShaping reads the rules for receiving servers.
func NewShaping(cfg config.Config) (*shaping.Table, error) {
	var classes []string
	for _, c := range bounce.Classes() {
		classes = append(classes, string(c))
	}
	return shaping.Load(cfg.Shaping.Rules, classes...)
}

func (n *Node) startDelivery(ctx context.Context) error {
	var err error
	if n.relay, err = NewRelay(n.cfg, n.store, n.ring, n.ids, n.sys); err != nil {
		return err
	}
	router, err := NewRouter(n.cfg, n.store, n.sys, n.relay)
	if err != nil {
		return err
	}
	if n.rules, err = bounce.Load(n.cfg.Bounce.Rules); err != nil {
		return err
	}
	shaped, err := NewShaping(n.cfg)
	if err != nil {
		return err
	}
	d := n.cfg.Delivery
	n.deliver = deliver.New(deliver.Deps{
		Store: n.store, Router: router, Relay: n.relay, Connector: deliver.Outbound(outbound.New(outbound.Config{Clock: n.sys.Clock})), Shaping: shaped, Bounces: n.rules, IDs: n.ids, Clock: n.sys.Clock,
		Log: n.sys.Log, ReturnPath: n.paths.Make, Noticed: func() { n.notify.Poke() },
	}, deliver.Config{
		Node: n.cfg.Node.Hostname, Helo: n.cfg.Node.Hostname, Schedule: schedule.Config{MaxPlaces: d.MaxSessions},
		RetryFirst: d.RetryFirst, RetryMax: d.RetryMax, DelayNotice: d.DelayNotice,
	})
	n.notify = notify.New(notify.Config{
		Store: n.store, Queue: n.deliver, Clock: n.sys.Clock, IDs: n.ids, Log: n.sys.Log, Hostname: n.cfg.Node.Hostname,
		From: "MAILER-DAEMON@" + n.cfg.Delivery.BounceDomain, Expire: d.Expire,
	})
	if err := n.startAddresses(ctx, router); err != nil {
		return err
	}
	if err := n.deliver.Start(ctx); err != nil {
		return err
	}
	return n.notify.Start(ctx)
}

// submission is what taking mail in needs, in a node and without one.
func submission(cfg config.Config, st store.Store, dir *submit.Directory, ring *keyring.Ring, ids *ident.Source, sys System, disk *diskCheck) submit.Config {
	return submit.Config{
		Store: st, Directory: dir, Clock: sys.Clock, Random: sys.Random, IDs: ids, Log: sys.Log, Hostname: cfg.Node.Hostname,
		MaxSize: cfg.Submission.MaxSize, MaxMemory: cfg.Submission.MaxMemory, Expire: cfg.Delivery.Expire, ExpireBulk: cfg.Delivery.ExpireBulk,
		Limits: defaultLimits(cfg.Limits), ReturnLabel: cfg.Domains.ReturnLabel, DiskCheck: disk.check, Ways: submit.Ways{
			Links: consent.NewLinks(ring), BaseURL: strings.TrimRight(cfg.HTTP.BaseURL, "/"), Mailbox: "unsubscribe@" + cfg.Delivery.BounceDomain,
			Sender: submit.SenderID(cfg.Delivery.BounceDomain),
		},
	}
}

// NewSubmission makes a submission service without a node, for a process that only queues: a running node, if there is
// one, is to be told by the store's signal. One message does not need the fast RSA.
func NewSubmission(cfg config.Config, st store.Store, ring *keyring.Ring, ids *ident.Source, sys System) *submit.Service {
	dir := submit.NewDirectory(st, ring, dkim.GoEngine{})
	c := submission(cfg, st, dir, ring, ids, sys, newDiskCheck(cfg.Node.DataDir, cfg.Submission.MinFree, sys.Clock))
	c.Queue = waitingQueue{}
	return submit.New(c)
}

// waitingQueue takes no reservations: everything waits in the store.
type waitingQueue struct{}

func (waitingQueue) Reserve(model.Lane) (lease int64, nextDue time.Time, ok bool) {
	return 0, time.Time{}, false
}
func (waitingQueue) Accepted(*model.Message, []byte, []model.Recipient) {}
func (waitingQueue) Forget([]model.Recipient)                           {}
