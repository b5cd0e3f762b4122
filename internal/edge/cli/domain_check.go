package cli

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/config"
	"github.com/budkavle/budkavle/internal/base/finding"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/engine/outbound"
	"github.com/budkavle/budkavle/internal/engine/proof"
	"github.com/budkavle/budkavle/internal/engine/reputation"
	"github.com/budkavle/budkavle/internal/engine/route"
	"github.com/budkavle/budkavle/internal/flow/onboard"
	parse "github.com/budkavle/budkavle/internal/standard/address"
	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/standard/mtasts"
	"github.com/budkavle/budkavle/internal/standard/spf"
)

type domainCheck struct {
	nodeDNSFlag
	Domain    string   `arg:"" help:"Domain."`
	Selector  []string `help:"Selector of a DKIM key: s= in the DKIM-Signature of a message (default: common ones are tried)." placeholder:"S"`
	IP        []string `name:"ip" help:"Address that sends for the domain and should pass SPF." placeholder:"IP"`
	List      []string `help:"Zone of a blocklist to ask, instead of those in [reputation]." placeholder:"ZONE"`
	Reports   bool     `help:"Warn of known senders that reports in the node's store have seen; of a sender domain of this node."`
	Mailboxes bool     `default:"true" negatable:"" help:"Ask the domain's mail servers for postmaster and abuse; nothing is sent."`
}

func (c *domainCheck) Run(a *app) error {
	domain, err := parse.ParseDomain(strings.TrimSuffix(c.Domain, "."))
	if err != nil || strings.HasPrefix(domain, "[") || !strings.Contains(domain, ".") {
		return &usageError{wording.Errorf("%q is not a domain such as school.example", c.Domain)}
	}
	sources := make([]netip.Addr, len(c.IP))
	for i, text := range c.IP {
		if sources[i], err = netip.ParseAddr(text); err != nil {
			return &usageError{wording.Errorf("--ip: %q is not an IP address", text)}
		}
	}
	settings, err := a.loadConfig()
	if err != nil {
		return err
	}
	if !c.Reports {
		return c.check(a, settings, domain, sources, nil)
	}
	return a.withOfficeOf(settings, func(_ context.Context, o *office) error {
		seen, err := o.reports()
		if err != nil {
			return err
		}
		return c.check(a, settings, domain, sources, seen)
	})
}

func (c *domainCheck) check(a *app, settings config.Config, domain string, sources []netip.Addr, seen proof.Seen) error {
	checker, err := c.checker(settings, seen)
	if err != nil {
		return err
	}
	r := checker.Any(a.ctx, domain, c.Selector, sources)
	if a.json {
		err = a.printJSON(r)
	} else {
		err = a.tellDomain(&r)
	}
	if err == nil && finding.Worst(r.Findings) == finding.Error {
		err = errFaults
	}
	return err
}

// checker asks the resolver, the servers that own the domain, its mail servers, and the blocklists of the configuration.
func (c *domainCheck) checker(settings config.Config, seen proof.Seen) (*proof.Checker, error) {
	resolver, err := c.resolver(settings)
	if err != nil {
		return nil, err
	}
	lists, err := blocklists(settings.Reputation.DomainBlocklists, c.List, reputation.Domains)
	if err != nil {
		return nil, err
	}
	inside := settings.Delivery.PrivateAddresses || settings.Delivery.Port != config.Default().Delivery.Port
	checks := proof.Config{
		Resolver: resolver, Authority: dns.NewAuthority(resolver, uint16(settings.DNS.AuthorityPort)), Clock: clock.System{},
		Blocklists: reputation.DomainLists{Resolver: resolver, Lists: lists}, Policies: &mtasts.Fetcher{Dial: proof.Dial(resolver, inside)}, Inside: inside,
		Seen: seen,
	}
	if c.Mailboxes {
		router, err := route.New(route.Config{Resolver: resolver, Clock: clock.System{}, Port: uint16(settings.Delivery.Port), Inside: inside})
		if err != nil {
			return nil, err
		}
		checks.Probe = &onboard.Prober{Router: router, Connector: outbound.New(outbound.Config{}), Helo: settings.Node.Hostname}
	}
	return proof.New(checks), nil
}

func (a *app) tellDomain(r *proof.Report) error {
	a.say("Check of %s", r.Domain)
	fmt.Fprintln(a.Out)
	if err := a.tellAnswered(r.Records); err != nil {
		return err
	}
	if r.Tree != nil {
		fmt.Fprintln(a.Out)
		a.say("The SPF record and what it includes:")
		a.tellTree(r.Tree, 0)
		a.say("Look-ups: %d of %d, of them without an answer: %d of %d", r.Tree.Lookups, spf.MaxLookups, r.Tree.Voids, spf.MaxVoids)
	}
	a.tellFindings(r.Findings)
	fmt.Fprintln(a.Out)
	return a.tellRequirements(r.Requirements)
}

// tellAnswered prints what DNS has of the records that matter.
func (a *app) tellAnswered(records []proof.Answered) error {
	t := a.newTable("Name", "Type", "Result", "Found")
	for _, r := range records {
		found := r.Found
		if len(found) == 0 {
			found = []string{"-"}
		}
		for i, f := range found {
			name, kind, state := r.Name, r.Type, a.proofState(r.State)
			if i > 0 {
				name, kind, state = "", "", ""
			}
			t.row(printable(name), kind, state, abridged(printable(f)))
		}
	}
	return t.flush()
}

// abridged keeps keys from filling the screen.
func abridged(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:59]) + "…"
	}
	return s
}

func (a *app) proofState(s proof.State) string {
	switch s {
	case proof.Proved:
		return a.T("in order")
	case proof.Missing:
		return a.T("missing")
	case proof.Wrong:
		return a.T("wrong")
	default:
		return a.T("cannot be told")
	}
}

// tellRequirements prints what the large providers demand.
func (a *app) tellRequirements(list []proof.Requirement) error {
	a.say("What large providers demand of senders of up to 5,000 messages a day, and of more:")
	t := a.newTable("Provider", "Demand", "up to 5,000", "more", "Why")
	var sources []string
	for _, r := range list {
		why := a.text(r.Why)
		t.row(r.Provider, a.text(r.What), a.verdict(r.Small), a.verdict(r.Bulk), why)
		if s := fmt.Sprintf("  %s: %s (%s)", r.Provider, r.Source, r.Dated); !slices.Contains(sources, s) {
			sources = append(sources, s)
		}
	}
	if err := t.flush(); err != nil {
		return err
	}
	a.say("Sources:")
	fmt.Fprintln(a.Out, strings.Join(sources, "\n"))
	return nil
}

func (a *app) verdict(v proof.Verdict) string {
	switch v {
	case proof.Met:
		return a.T("met")
	case proof.NotMet:
		return a.T("not met")
	case proof.NotDemanded:
		return "-"
	default:
		return a.T("cannot be known here")
	}
}
