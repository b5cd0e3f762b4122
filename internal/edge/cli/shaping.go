package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/engine/shaping"
	"github.com/budkavle/budkavle/internal/flow/deliver"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/node"
	parse "github.com/budkavle/budkavle/internal/standard/address"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

type shapingCommand struct {
	Explain shapingExplain `cmd:"" help:"Say how hard the servers of a domain are driven, and the rule behind each number."`
}

type shapingExplain struct {
	nodeDNSFlag
	Domain  string `arg:"" help:"Recipient domain."`
	Source  string `help:"Source address, for rules that name some." placeholder:"IP"`
	Account string `help:"As mail of this account goes."`
}

// shapedPath is what there is to say of a domain's path.
type shapedPath struct {
	Domain string             `json:"domain"`
	Site   string             `json:"site"`
	Path   string             `json:"path"` // as it is scheduled
	Hosts  []string           `json:"hosts"`
	Fixed  bool               `json:"fixed"` // by a route of the configuration or the account's own server
	Source string             `json:"source,omitempty"`
	Pool   string             `json:"pool,omitempty"`
	Limits []explainedLimit   `json:"limits"`
	Forces []explainedForce   `json:"in_force"`
	Held   []*model.PathState `json:"held"`

	limits shaping.Limits
}

type explainedLimit struct {
	Limit string `json:"limit"`
	Value string `json:"value"`
	shaping.Origin
}

// explainedForce is what answers have put in force on a path, with its numbers as they are now.
type explainedForce struct {
	shaping.Force
	Node           string    `json:"node"`
	RateNow        float64   `json:"rate_now,omitempty"`
	ConnectionsNow int       `json:"connections_now,omitempty"`
	Ends           time.Time `json:"ends"`
}

func (c *shapingExplain) Run(a *app) error {
	var source netip.Addr
	if c.Source != "" {
		var err error
		if source, err = netip.ParseAddr(c.Source); err != nil {
			return &usageError{wording.Errorf("--source: %q is not an IP address", c.Source)}
		}
	}
	domain, err := parse.ParseDomain(strings.ToLower(strings.TrimSuffix(c.Domain, ".")))
	if err != nil {
		return &usageError{err}
	}
	return a.withOfficeAsking(c.nodeDNSFlag, func(ctx context.Context, o *office) error {
		account, err := a.accountID(ctx, o, c.Account)
		if err != nil {
			return err
		}
		e, err := o.explainPath(ctx, account, domain, source)
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(e)
		}
		return a.tellPath(e)
	})
}

// explainPath routes the domain as a node does, and reads what nodes told of the path.
func (o *office) explainPath(ctx context.Context, account model.AccountID, domain string, source netip.Addr) (*shapedPath, error) {
	rules, err := node.NewShaping(o.config)
	if err != nil {
		return nil, err
	}
	router, err := o.router()
	if err != nil {
		return nil, err
	}
	plan, err := router.Route(ctx, account, domain)
	if err != nil {
		return nil, wording.Errorf("%s has no way: %s", domain, smtp.AsError(err).Text)
	}
	e := &shapedPath{Domain: domain, Site: plan.Site, Hosts: plan.HostNames(), Fixed: plan.Fixed, Forces: []explainedForce{}, Held: []*model.PathState{}}
	if source.IsValid() {
		e.Source = source.String()
		if ip, err := o.store.Address(ctx, source); err == nil {
			e.Pool = ip.Pool
		}
	}
	e.limits = deliver.Limits(rules, plan, domain, deliver.Source{Addr: source, Pool: e.Pool})
	switch {
	case plan.Own != nil:
		e.limits.TLS, e.limits.Origins[shaping.TLS] = plan.TLS, &shaping.Origin{Rule: "account route", File: "store"}
	case plan.Fixed:
		e.limits.TLS, e.limits.Origins[shaping.TLS] = plan.TLS, &shaping.Origin{Rule: "delivery.route", File: "configuration"}
	}
	e.Path = e.limits.Path(plan.Site)
	for _, k := range shaping.Knobs() {
		e.Limits = append(e.Limits, explainedLimit{k.String(), e.limits.Value(k), *e.limits.Origins[k]})
	}
	return e, o.readPath(ctx, e, source)
}

// readPath adds what nodes told of the path, from the source if one is given.
func (o *office) readPath(ctx context.Context, e *shapedPath, source netip.Addr) error {
	states, err := o.store.PathStates(ctx, "")
	if err != nil {
		return err
	}
	now := o.clock.Now()
	for i := range states {
		p := &states[i]
		if p.Site != e.Path || source.IsValid() && p.Source.IsValid() && p.Source != source {
			continue
		}
		var f shaping.Force
		if len(p.Force) > 0 && json.Unmarshal(p.Force, &f) == nil && now.Before(f.Until()) {
			e.Forces = append(e.Forces, explainedForce{f, p.Node, f.RateNow(now), f.ConnectionsNow(now), f.Until()})
		}
		if p.HeldBy != "" && now.Sub(p.At) < heldFor {
			p.Force = nil // told above
			e.Held = append(e.Held, p)
		}
	}
	return nil
}

func (a *app) tellPath(e *shapedPath) error {
	if e.Fixed {
		a.say("Mail for %s goes by a fixed route to %s.", e.Domain, printable(strings.Join(e.Hosts, ", ")))
	} else {
		a.say("Mail for %s goes to the site %s: %s.", e.Domain, printable(e.Site), printable(strings.Join(e.Hosts, ", ")))
	}
	if e.Path != e.Site {
		a.say("It is counted apart from other mail to the site, by rule %s.", e.limits.Apart)
	}
	fmt.Fprintln(a.Out)
	t := a.newTable("limit", "value", "rule")
	for _, k := range shaping.Knobs() {
		t.row(a.knobText(k), a.limitText(&e.limits, k), e.limits.Origins[k].String())
	}
	if err := t.flush(); err != nil {
		return err
	}
	fmt.Fprintln(a.Out)
	if len(e.Forces) == 0 {
		a.say("No answer has changed that.")
	}
	for i := range e.Forces {
		a.tellForce(&e.Forces[i])
	}
	for _, p := range e.Held {
		a.say("Held now, from %s at %s: %s", a.sourceText(p.Source), p.Node, a.heldText(p))
	}
	return nil
}

func (a *app) tellForce(f *explainedForce) {
	a.say("By rule %s since %s, from %s at %s, on: %s", f.Rule, when(f.At), a.sourceText(f.Source), f.Node, printable(f.Said))
	if f.RateNow > 0 {
		a.say("  recipients a second at most %.4g, back to %.4g by %s", f.RateNow, f.FullRate, when(f.Ends))
	}
	if f.ConnectionsNow > 0 {
		a.say("  connections at most %d, back to %d by %s", f.ConnectionsNow, f.FullConns, when(f.Ends))
	}
	switch {
	case f.Rests.IsZero():
	case f.Left:
		a.say("  left until %s: its mail takes another source address", when(f.Rests))
	default:
		a.say("  paused until %s", when(f.Rests))
	}
}

func (a *app) sourceText(source netip.Addr) string {
	if !source.IsValid() {
		return a.T("the address that the system chooses")
	}
	return source.String()
}

func (a *app) knobText(k shaping.Knob) string {
	switch k {
	case shaping.Connections:
		return a.T("connections at the same time")
	case shaping.ConnectionsPerMinute:
		return a.T("connections a minute")
	case shaping.Messages:
		return a.T("messages on a connection")
	case shaping.Recipients:
		return a.T("recipients of a transaction")
	case shaping.PerSecond:
		return a.T("recipients a second")
	case shaping.PerMinute:
		return a.T("recipients a minute")
	case shaping.PerHour:
		return a.T("recipients an hour")
	case shaping.Mixed:
		return a.T("several domains in a transaction")
	}
	return a.T("TLS")
}

func (a *app) limitText(l *shaping.Limits, k shaping.Knob) string {
	switch v := l.Value(k); {
	case k == shaping.Mixed:
		return a.yesNo(l.Mixed)
	case k == shaping.TLS:
		return v // the word of the files
	case v == "0":
		return a.T("any number")
	default:
		return v
	}
}
