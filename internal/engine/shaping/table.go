package shaping

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// Query is the way that limits are asked for.
type Query struct {
	Domain string     // recipient domain, lower case
	Hosts  []string   // of the site, best first
	Site   string     // as engine/route names it
	Source netip.Addr // zero: the system chooses
	Pool   string     // of the source
	// Route is set for a fixed route of the configuration; RouteConnections are those it gives, 0: none.
	Route            bool
	RouteConnections int
}

// condition is whom a rule is about. All parts that it has must hold.
type condition struct {
	mx      []string // the first host is one of these or below one
	domains []string // the recipient domain is one of these or below one
	sites   []string
	from    []netip.Prefix
	pools   []string
	route   *bool
}

// fits asks about the first host only: a backup elsewhere does not make a provider another.
func (c *condition) fits(q *Query) bool {
	host := ""
	if len(q.Hosts) > 0 {
		host = strings.ToLower(strings.TrimSuffix(q.Hosts[0], "."))
	}
	return (len(c.mx) == 0 || slices.ContainsFunc(c.mx, func(of string) bool { return below(host, of) })) &&
		(len(c.domains) == 0 || slices.ContainsFunc(c.domains, func(of string) bool { return below(q.Domain, of) })) &&
		(len(c.sites) == 0 || slices.Contains(c.sites, q.Site)) &&
		(len(c.from) == 0 || slices.ContainsFunc(c.from, func(p netip.Prefix) bool { return p.Contains(q.Source.Unmap()) })) &&
		(len(c.pools) == 0 || slices.Contains(c.pools, q.Pool)) &&
		(c.route == nil || *c.route == q.Route)
}

// below begins at a label: mx.x.net is below x.net, yx.net is not.
func below(name, of string) bool { return name == of || strings.HasSuffix(name, "."+of) }

// value is what a rule says of one knob.
type value struct {
	given  bool
	number float64
	tls    smtp.TLSMode
	origin *Origin
}

type rule struct {
	name string
	condition
	values [knobCount]value
}

// Table finds the limits of a path, and the rule for an answer. It does not change and may be shared.
type Table struct {
	own, rules []rule // the operator's, and the embedded ones
	answers    []answer
}

// Limits gives the limits of a path.
func (t *Table) Limits(q Query) Limits {
	var l Limits
	var decided [knobCount]bool
	t.ask(t.own, &q, &l, &decided)
	if k := Connections; q.RouteConnections > 0 && !decided[k] {
		l.Connections, decided[k] = q.RouteConnections, true
		l.Origins[k] = &Origin{Rule: "delivery.route", File: "configuration"}
	}
	t.ask(t.rules, &q, &l, &decided)
	return l
}

func (t *Table) ask(rules []rule, q *Query, l *Limits, decided *[knobCount]bool) {
	for i := range rules {
		r := &rules[i]
		if !r.fits(q) {
			continue
		}
		for k := range knobCount {
			if v := r.values[k]; v.given && !decided[k] {
				decided[k] = true
				l.set(k, v)
				l.Origins[k] = v.origin
				if l.Apart == "" && len(r.domains) > 0 && k != TLS {
					l.Apart = r.name
				}
			}
		}
	}
}
