// Package shaping says how hard a site may be driven: sessions at a time, messages a session, recipients a
// transaction, recipients a second.
//
// The limits follow from a table of rules matched against the names of the site's hosts, the first match winning. The
// table is what the large providers publish or are known to bear (Default); rules that operators write, limits by
// source address and warm-up will be more rules before these. It decides nothing about time: how a site that complains
// is eased is the scheduler's business. It cannot fail: a site that no rule knows gets the default.
package shaping

import "strings"

// Limits are what one path (source address and site) may do.
type Limits struct {
	Connections int     // at the same time
	Messages    int     // on one connection
	Recipients  int     // in one transaction
	Rate        float64 // recipients a second; 0: any
	Mixed       bool    // one transaction may hold recipients of several domains
	Rule        string  // the rule that gave them, for people
}

// Rule gives limits to the sites whose hosts' names end in one of the suffixes. A suffix begins at a label: "x.net"
// matches x.net and mx.x.net but not yx.net.
type Rule struct {
	Name     string
	Suffixes []string // lower case
	Limits   Limits
}

// Table finds the limits of a site. It is not changed after it was made and may be shared.
type Table struct {
	rules    []Rule
	fallback Limits
	fixed    Limits
}

// Default is the table a node begins with. The figures are those that mailbox providers publish and the field keeps
// to. Recipients a transaction stays at or below 100, which every server must take (RFC 5321 4.5.3.1.8).
func Default() *Table {
	provider := func(connections, messages, recipients int) Limits {
		return Limits{Connections: connections, Messages: messages, Recipients: recipients, Rate: 100}
	}
	return New([]Rule{
		{"google", []string{"google.com", "googlemail.com"}, provider(5, 50, 50)},
		{"yahoo", []string{"yahoodns.net"}, provider(10, 20, 20)},
		{"outlook", []string{"olc.protection.outlook.com"}, provider(5, 50, 50)},
		{"office365", []string{"mail.protection.outlook.com", "mx.microsoft"}, provider(5, 50, 50)},
		{"apple", []string{"icloud.com"}, provider(10, 5, 20)},
		{"comcast", []string{"comcast.net"}, provider(25, 1000, 50)},
		{"orange", []string{"orange.fr"}, provider(2, 100, 20)},
	}, provider(10, 100, 50), Limits{Connections: 20, Messages: 1000, Recipients: 100, Mixed: true})
}

// New returns a table: rules, the limits of sites that none matches, and those of fixed routes, which belong to the
// operator and are driven as hard as the configuration allows.
func New(rules []Rule, fallback, fixed Limits) *Table {
	t := &Table{fallback: named(fallback, "default"), fixed: named(fixed, "route")}
	for _, r := range rules {
		t.rules = append(t.rules, Rule{Name: r.Name, Suffixes: r.Suffixes, Limits: named(r.Limits, r.Name)})
	}
	return t
}

func named(l Limits, rule string) Limits {
	l.Rule = rule
	l.Connections, l.Messages, l.Recipients = max(l.Connections, 1), max(l.Messages, 1), max(l.Recipients, 1)
	return l
}

// Site gives the limits of the site with these hosts, best first. The first host decides: a backup elsewhere does not
// make a provider another.
func (t *Table) Site(hosts []string) Limits {
	if len(hosts) == 0 {
		return t.fallback
	}
	host := strings.TrimSuffix(strings.ToLower(hosts[0]), ".")
	for _, r := range t.rules {
		for _, suffix := range r.Suffixes {
			if host == suffix || strings.HasSuffix(host, "."+suffix) {
				return r.Limits
			}
		}
	}
	return t.fallback
}

// Fixed gives the limits of a fixed route; connections of 0 is the table's own number.
func (t *Table) Fixed(connections int) Limits {
	l := t.fixed
	if connections > 0 {
		l.Connections = connections
	}
	return l
}
