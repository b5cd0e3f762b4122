package cli

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/base/config"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/engine/reputation"
	"github.com/budkavle/budkavle/internal/standard/dns"
)

type ipCheck struct {
	nodeDNSFlag
	IP   []string `arg:"" name:"ip" help:"Address of a server that sends."`
	Helo string   `help:"Name the server gives with EHLO (default: node.hostname)." placeholder:"NAME"`
	SPF  string   `name:"spf" help:"Domain in whose SPF record the address should lie." placeholder:"DOMAIN"`
	List []string `help:"Zone of a blocklist to ask, instead of those in [reputation]." placeholder:"ZONE"`
}

// ipTime bounds the check of one address. A list that is down costs a resolver some seconds; eight are asked at a time.
const ipTime = time.Minute

func (c *ipCheck) Run(a *app) error {
	ips := make([]netip.Addr, len(c.IP))
	for i, text := range c.IP {
		var err error
		if ips[i], err = netip.ParseAddr(text); err != nil {
			return &usageError{wording.Errorf("%q is not an IP address", text)}
		}
	}
	settings, err := a.loadConfig()
	if err != nil {
		return err
	}
	lists, err := blocklists(settings.Reputation.Blocklists, c.List, reputation.Addresses)
	if err != nil {
		return err
	}
	resolver, err := c.resolver(settings)
	if err != nil {
		return err
	}
	q := reputation.Query{Helo: c.Helo, SPF: c.SPF, Lists: lists}
	if q.Helo == "" && settings.Node.Hostname != config.Default().Node.Hostname {
		q.Helo = settings.Node.Hostname
	}
	var faults error
	for i, ip := range ips {
		q.IP = ip
		faulty, err := a.checkIP(resolver, q, i)
		if err != nil {
			return err
		}
		if faulty {
			faults = errFaults
		}
	}
	return faults
}

// checkIP checks and prints one address, the nth of several.
func (a *app) checkIP(resolver dns.Resolver, q reputation.Query, nth int) (faulty bool, err error) {
	ctx, cancel := context.WithTimeout(a.ctx, ipTime)
	defer cancel()
	r := reputation.Check(ctx, resolver, q)
	if !a.json {
		if nth > 0 {
			fmt.Fprintln(a.Out)
		}
		return r.Faulty(), a.tellIP(&r)
	}
	r.PTR, r.Lists, r.Findings = orEmpty(r.PTR), orEmpty(r.Lists), orEmpty(r.Findings)
	if r.SPF != nil {
		r.SPF.Steps = orEmpty(r.SPF.Steps)
	}
	return r.Faulty(), a.printJSON(r)
}

func (a *app) tellIP(r *reputation.Report) error {
	fmt.Fprintln(a.Out, r.Address)
	t := a.newTable("Check", "Name", "Result")
	for _, n := range r.PTR {
		t.row("PTR", printable(n.Name), a.forward(n.Forward))
	}
	if len(r.PTR) == 0 {
		t.row("PTR", "-", "-")
	}
	if r.Helo != nil {
		t.row("EHLO", printable(r.Helo.Name), a.forward(r.Helo.Forward))
	}
	if r.SPF != nil {
		t.row("SPF", printable(r.SPF.Domain), string(r.SPF.Verdict))
	}
	a.listRows(t, r.Lists)
	if err := t.flush(); err != nil {
		return err
	}
	if len(r.Findings) == 0 {
		fmt.Fprintln(a.Out)
		a.say("Nothing is wrong with it.")
	}
	a.tellFindings(r.Findings)
	return nil
}

// listRows puts what blocklists say into a table of check, name and result.
func (a *app) listRows(t *table, lists []reputation.Listing) {
	for _, l := range lists {
		result := a.listState(l.State)
		var names []string
		for _, m := range l.Codes {
			if m.Name != "" {
				names = append(names, m.Name)
			}
		}
		if l.State == reputation.Listed && len(names) > 0 {
			result += " (" + strings.Join(names, ", ") + ")"
		}
		t.row(a.T("blocklist"), l.Name, result)
	}
}

func (a *app) forward(f reputation.Forward) string {
	switch f {
	case reputation.Back:
		return a.T("leads back")
	case reputation.Elsewhere:
		return a.T("leads elsewhere")
	case reputation.Nowhere:
		return a.T("leads nowhere")
	default:
		return a.T("cannot be told")
	}
}

func (a *app) listState(s reputation.State) string {
	switch s {
	case reputation.Listed:
		return a.T("listed")
	case reputation.Clear:
		return a.T("not listed")
	case reputation.Refused:
		return a.T("refuses to answer")
	case reputation.Broken:
		return a.T("cannot be believed")
	case reputation.Skipped:
		return a.T("not asked: it knows IPv4 addresses only")
	default:
		return a.T("cannot be told")
	}
}

// blocklists are those that were named, else those of the configuration. A zone that is named has the key it has there, so
// that no key is typed where others can read it.
func blocklists(configured, named []string, kind reputation.Kind) ([]reputation.List, error) {
	keys := map[string]string{}
	chosen := configured
	for _, entry := range configured {
		zone, key, err := config.ParseBlocklist(entry)
		if err != nil {
			return nil, err
		}
		keys[strings.ToLower(zone)] = key
	}
	if len(named) > 0 {
		chosen = named
	}
	known := reputation.Known()
	var lists []reputation.List
	for _, entry := range chosen {
		zone, key, err := config.ParseBlocklist(entry)
		if len(named) > 0 && (err != nil || key != "") {
			return nil, &usageError{wording.Errorf("--list wants a zone, such as zen.spamhaus.org; keys stand in [reputation] of the configuration")}
		}
		l, err := known.List(zone, keys[strings.ToLower(zone)], kind)
		if err != nil {
			return nil, wording.Errorf("blocklist: %w", err)
		}
		lists = append(lists, l)
	}
	return lists, nil
}
