package reputation

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/budkavle/budkavle/internal/base/finding"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/standard/dns"
)

// Subjects of findings.
const (
	SubjectPTR       = "ptr"
	SubjectForward   = "forward"
	SubjectHelo      = "helo"
	SubjectSPF       = "spf"
	SubjectBlocklist = "blocklist"
)

// Forward says where a name leads.
type Forward string

// Forwards.
const (
	Back      Forward = "back"      // to the address
	Elsewhere Forward = "elsewhere" // to other addresses
	Nowhere   Forward = "nowhere"   // it has no address of this kind
	Unknown   Forward = "unknown"   // DNS did not answer
)

// Name is a host name and where it leads.
type Name struct {
	Name      string       `json:"name"`
	Forward   Forward      `json:"forward"`
	Addresses []netip.Addr `json:"addresses,omitempty"`
	Generic   wording.Text `json:"generic,omitzero"` // why the name looks as if a machine gave it

	why wording.Text // of Unknown
}

// maxNames bounds the PTR names that are looked at, as RFC 7208 4.6.4 does.
const maxNames = 10

// forward looks up where a name leads.
func forward(ctx context.Context, r dns.Resolver, name string, addr netip.Addr) Name {
	ask := r.LookupAAAA
	if addr.Is4() {
		ask = r.LookupA
	}
	n := Name{Name: name}
	answer, err := ask(ctx, name)
	switch {
	case dns.IsDenied(err) || dns.Is(err, dns.BadName):
		n.Forward = Nowhere
	case err != nil:
		n.Forward, n.why = Unknown, dns.Reason(err)
	case slices.Contains(answer.Records, addr):
		n.Forward, n.Addresses = Back, answer.Records
	default:
		n.Forward, n.Addresses = Elsewhere, answer.Records
	}
	return n
}

// ptr checks the names of the address: that there is one, that one leads back, and that it is one a person gave.
func (c *check) ptr() {
	answer, err := c.dns.LookupPTR(c.ctx, c.q.IP)
	switch {
	case dns.IsDenied(err):
		c.add(finding.Error, SubjectPTR, "no-ptr", wording.Say("the address has no PTR record"), wording.Say("a PTR record that names the server"),
			wording.Say("ask the owner of the network, mostly the hosting provider, to set the PTR of %s to %s", c.q.IP.String(), c.wantedName()))
		return
	case err != nil:
		c.unknown(SubjectPTR, "ptr-unknown", wording.Say("the PTR record could not be looked up: %s", dns.Reason(err)))
		return
	}
	if n := len(answer.Records); n > 1 {
		c.add(finding.Note, SubjectPTR, "several-ptr", wording.Say("the address has %d PTR records", n), wording.Say("one: receivers look at any of them, and not all at the same"),
			wording.Say("keep the one that is given with EHLO"))
	}
	for _, name := range answer.Records[:min(len(answer.Records), maxNames)] {
		n := forward(c.ctx, c.dns, name, c.q.IP)
		n.Generic = generic(name, c.q.IP)
		c.report.PTR = append(c.report.PTR, n)
	}
	c.leadsBack()
	for _, n := range c.report.PTR {
		if !n.Generic.IsZero() {
			c.add(finding.Warning, SubjectPTR, "generic-ptr", n.Generic, wording.Say("a name that a person chose for a mail server; others are taken for homes and refused or slowed"),
				wording.Say("ask the owner of the network, mostly the hosting provider, to set the PTR of %s to %s", c.q.IP.String(), c.wantedName()))
		}
	}
}

// leadsBack says what is wrong if no PTR name leads to the address again (forward-confirmed reverse DNS).
func (c *check) leadsBack() {
	var fault *Name
	for i := range c.report.PTR {
		switch n := &c.report.PTR[i]; {
		case n.Forward == Back:
			return
		case fault == nil, n.Forward == Unknown:
			fault = n
		}
	}
	want := wording.Say("the name's addresses include %s", c.q.IP.String())
	switch fault.Forward {
	case Unknown:
		c.unknown(SubjectForward, "forward-unknown", wording.Say("%s could not be looked up: %s", fault.Name, fault.why))
	case Nowhere:
		c.add(finding.Error, SubjectForward, "no-forward", wording.Say("%s, which the PTR record names, has no address", fault.Name), want,
			wording.Say("publish %s, or have the PTR record name another host", c.record(fault.Name)))
	case Elsewhere:
		c.add(finding.Error, SubjectForward, "other-forward", wording.Say("%s, which the PTR record names, leads to %s", fault.Name, join(fault.Addresses)), want,
			wording.Say("publish %s, or have the PTR record name another host", c.record(fault.Name)))
	case Back: // returned above
	}
}

// helo checks the name that the server gives with EHLO (RFC 5321 4.1.4).
func (c *check) helo() {
	name := strings.ToLower(strings.TrimSuffix(c.q.Helo, "."))
	if name == "" {
		return
	}
	n := forward(c.ctx, c.dns, name, c.q.IP)
	c.report.Helo = &n
	want := wording.Say("a name that leads to %s", c.q.IP.String())
	switch n.Forward {
	case Unknown:
		c.unknown(SubjectHelo, "helo-unknown", wording.Say("%s could not be looked up: %s", name, n.why))
	case Nowhere:
		c.add(finding.Error, SubjectHelo, "helo-nowhere", wording.Say("%s, the name given with EHLO, has no address", name), want,
			wording.Say("publish %s, or set node.hostname to %s", c.record(name), c.ownName()))
	case Elsewhere:
		c.add(finding.Warning, SubjectHelo, "helo-elsewhere", wording.Say("%s, the name given with EHLO, leads to %s", name, join(n.Addresses)), want,
			wording.Say("publish %s, or set node.hostname to %s", c.record(name), c.ownName()))
	case Back:
		if len(c.report.PTR) > 0 && !slices.ContainsFunc(c.report.PTR, func(p Name) bool { return p.Name == name }) {
			c.add(finding.Warning, SubjectHelo, "helo-not-ptr", wording.Say("%s is given with EHLO, but the PTR record names %s", name, c.report.PTR[0].Name),
				wording.Say("the same name in both"), wording.Say("have the PTR record name %s", name))
		}
	}
}

// ownName is the name that the address has already, if that is one to be proud of.
func (c *check) ownName() wording.Text {
	for _, p := range c.report.PTR {
		if p.Forward == Back && p.Generic.IsZero() {
			return wording.Say("%s", p.Name)
		}
	}
	return wording.Say("a name that leads here")
}

// wantedName is what the PTR record is best set to.
func (c *check) wantedName() wording.Text {
	if c.q.Helo != "" {
		return wording.Say("%s", c.q.Helo)
	}
	return wording.Say("the name given with EHLO")
}

// record is the address record that a name lacks.
func (c *check) record(name string) string {
	kind := "AAAA"
	if c.q.IP.Is4() {
		kind = "A"
	}
	return name + ". " + kind + " " + c.q.IP.String()
}

// join lists addresses, the first few of them.
func join(list []netip.Addr) string {
	var text []string
	for _, a := range list[:min(len(list), 5)] {
		text = append(text, a.String())
	}
	if len(list) > len(text) {
		text = append(text, "…")
	}
	return strings.Join(text, ", ")
}
