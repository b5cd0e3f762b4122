package node

import (
	"context"
	"net/netip"
	"strings"

	"github.com/budkavle/budkavle/internal/base/config"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/flow/feedback"
	"github.com/budkavle/budkavle/internal/flow/onboard"
	"github.com/budkavle/budkavle/internal/flow/reports"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/store"
)

// NewReports makes the service of what receivers report. addresses are those that mail is sent from, as onboarding knows them.
func NewReports(cfg config.Config, st store.Store, ids *ident.Source, sys System, addresses func(context.Context) ([]netip.Addr, error)) (*reports.Service, error) {
	c, err := reporting(cfg, st, ids, sys, addresses)
	if err != nil {
		return nil, err
	}
	return reports.New(c), nil
}

func reporting(cfg config.Config, st store.Store, ids *ident.Source, sys System, addresses func(context.Context) ([]netip.Addr, error)) (reports.Config, error) {
	resolver, err := dns.New(dns.Config{Servers: cfg.DNS.Servers, Clock: sys.Clock})
	return reports.Config{
		Store: st, Resolver: resolver, Addresses: addresses, Clock: sys.Clock, IDs: ids, Log: sys.Log, ReportTo: cfg.ReportsTo(), Days: cfg.Domains.DMARCDays,
		Age: cfg.Retention.Reports,
	}, err
}

// startReports makes the service, which looks at every domain once a day.
func (n *Node) startReports() error {
	addresses := func(ctx context.Context) ([]netip.Addr, error) { return n.desk.Addresses(ctx) }
	c, err := reporting(n.cfg, n.store, n.ids, n.sys, addresses)
	if err != nil {
		return err
	}
	c.Observe = n.metrics.report
	c.Notifier = proposals{&warnings{n.store, n.ids, n.sys.Clock, n.cfg.Delivery.BounceDomain, n.cfg.Delivery.Expire}}
	n.reports = reports.New(c)
	return nil
}

// reportMailboxes are the addresses that receivers report to.
func (n *Node) reportMailboxes() map[string]feedback.Mailbox {
	return map[string]feedback.Mailbox{
		strings.ToLower(n.cfg.ReportsTo()): n.reports.Receive, strings.ToLower(n.cfg.TLSReportsTo()): n.reports.Receive,
	}
}

// proposals writes of the stages of DMARC as onboarding writes its warnings.
type proposals struct{ onboard.Notifier }

// Tell implements reports.Notifier.
func (p proposals) Tell(ctx context.Context, a model.Account, domain, subject, text string) error {
	return p.Warn(ctx, a, onboard.Letter{Warning: onboard.WarnStage, Domain: domain, Subject: subject, Text: text})
}
