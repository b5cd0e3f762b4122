package reputation

import (
	"net/netip"

	"github.com/budkavle/budkavle/internal/base/finding"
	"github.com/budkavle/budkavle/internal/base/wording"
)

// Codes of findings by which Faulty decides.
const (
	codeListed  = "listed"
	codeRefused = "list-refused"
)

// lists asks the blocklists, unless the address is one that nobody outside can see.
func (c *check) lists() {
	lists := ofKind(c.q.Lists, Addresses)
	if len(lists) == 0 {
		return
	}
	if !public(c.q.IP) {
		c.add(finding.Note, SubjectBlocklist, "lists-skipped", wording.Say("%s is a private or local address, so that no blocklist was asked", c.q.IP.String()),
			wording.Say("the address that receivers see"), wording.Say("check that one too, if it is another"))
		return
	}
	c.report.Lists = askAll(c.ctx, c.dns, lists, subject{of: c.q.IP.String(), label: reversed(c.q.IP), never: "1.0.0.127", ipv6: !c.q.IP.Is4()})
	c.tell(c.report.Lists)
}

// tell makes findings of what lists say.
func (c *check) tell(listings []Listing) {
	for i := range listings {
		l := &listings[i]
		c.name = l.Of // a host name is not asked of lists that want the domain
		switch l.State {
		case Listed:
			c.tellListed(l)
		case Refused:
			c.add(finding.Unknown, SubjectBlocklist, codeRefused, wording.Say("%s refused to answer, because %s; this is no listing", l.Name, l.Codes[0].Means),
				wording.Say("an answer about %s", c.name), l.Codes[0].Change)
		case Broken:
			c.add(finding.Warning, SubjectBlocklist, "list-broken", wording.Say("%s (%s) cannot be believed: %s", l.Name, l.Zone, l.Why), wording.Say("a list that works"),
				wording.Say("take it out of [reputation] or --list, or ask through another resolver if other lists seem broken too"))
		case Unclear:
			c.unknown(SubjectBlocklist, "list-unknown", wording.Say("whether %s lists it could not be looked up: %s", l.Name, l.Why))
		case Clear, Skipped:
		}
	}
}

func (c *check) tellListed(l *Listing) {
	for _, m := range l.Codes {
		severity := finding.Error
		if m.Weight == Low {
			severity = finding.Warning
		}
		found := wording.Say("%s lists it: %s", l.Name, m.Means)
		if m.Name != "" {
			found = wording.Say("%s lists it as %s: %s", l.Name, m.Name, m.Means)
		}
		if l.Reason != "" {
			found = wording.Say("%s. The list says: %s", found, l.Reason)
		}
		change := m.Change
		if change.IsZero() {
			change = wording.Say("find what it complains of and end it, then ask for removal")
		}
		if l.Removal != "" {
			change = wording.Say("%s (%s)", change, l.Removal)
		}
		c.add(severity, SubjectBlocklist, codeListed, found, wording.Say("that it is not listed"), change)
	}
}

// public reports whether the rest of the world can see an address.
func public(a netip.Addr) bool {
	shared := netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64}), 10) // RFC 6598: behind a provider's NAT
	return a.IsGlobalUnicast() && !a.IsPrivate() && !shared.Contains(a)
}
