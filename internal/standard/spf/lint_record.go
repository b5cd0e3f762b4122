package spf

import (
	"net/netip"
	"slices"
	"strings"
)

const (
	maxString = 255 // octets of one character-string (RFC 1035 3.3)
	fitRecord = 450 // octets of a record that with its name fits in 512 (RFC 7208 3.4)
	fitAnswer = 512 // octets of an answer without EDNS0

	fewBits4 = 16 // a network of more than 65,536 IPv4 addresses
	fewBits6 = 32 // one larger than a provider gets
	openBits = 4  // shorter prefixes hold an eighth of all addresses or more; 2000::/3 is the whole IPv6 Internet
)

func (l *linter) syntax(domain string, faults Faults) {
	for _, f := range faults {
		l.add(about(domain, f.Span, Error, "syntax", f.Problem, say("a record without errors; one of them is permerror for all mail"), f.Change))
	}
}

// size measures a record, and the answer that holds it with the other TXT records of the name.
func (l *linter) size(domain, record string, all []string) {
	answer := 12 + len(domain) + 2 + 4 // header and question (RFC 1035 4.1)
	for _, txt := range all {
		answer += 12 + len(txt) + (len(txt)+maxString-1)/maxString // the owner name is compressed to 2 octets
	}
	switch {
	case len(record) > fitRecord:
		l.add(Finding{
			Severity: Warning, Code: "long-record", Domain: domain, Found: say("the record has %d octets", len(record)),
			Expected: say("at most %d, so that it fits in one UDP answer", fitRecord), Change: say("move terms to an included record"),
		})
	case answer > fitAnswer:
		l.add(Finding{
			Severity: Note, Code: "long-answer", Domain: domain, Found: say("the answer with all TXT records has %d octets", answer),
			Expected: say("at most %d for resolvers without EDNS0", fitAnswer), Change: say("remove old TXT records of other services"),
		})
	}
	if len(record) > maxString {
		l.add(Finding{
			Severity: Note, Code: "long-string", Domain: domain, Found: say("the record has %d octets", len(record)),
			Expected: say("strings of at most %d octets", maxString), Change: say("keep it split in several strings of one TXT record"),
		})
	}
}

// inspect looks at a record without asking anybody.
func (l *linter) inspect(domain string, r *Record, decides bool) {
	seen := map[string]bool{}
	for i := range r.Mechanisms {
		m := &r.Mechanisms[i]
		key := strings.ToLower(strings.TrimPrefix(m.Text, "+"))
		if seen[key] && m.Kind != Include { // of which follow says more
			l.add(about(domain, m.Span, Warning, "duplicate", say("%s stands in the record twice", m.Text), say("each term once"), say("remove one")))
		}
		seen[key] = true
		if m.Kind == PTR { // RFC 7208 5.5
			l.add(about(domain, m.Span, Warning, "ptr", say("ptr is slow, and many receivers do not look at it"), say("ip4, ip6 or a"), say("name the addresses instead")))
		}
		l.network(domain, m, decides)
	}
	for i := range r.Unknown {
		m := &r.Unknown[i]
		if k := Kind(m.Name); k != All && slices.Contains(kinds(), k) {
			l.add(about(domain, m.Span, Warning, "not-mechanism", say("%s= is no mechanism and changes nothing", m.Name), say("a colon"),
				say("write %s", m.Name+":"+m.Value.Text)))
			continue
		}
		l.add(about(domain, m.Span, Note, "unknown-modifier", say("the modifier %s= changes nothing", m.Name), say("redirect= or exp="), say("remove it")))
	}
}

// ending looks at what decides about mail that no other term matches.
func (l *linter) ending(domain string, r *Record, decides bool) {
	all := r.all()
	switch {
	case all != nil && all.Verdict == Pass:
		l.add(about(domain, all.Span, Error, "pass-all", say("%s lets anybody send for the domain", all.Text), say("-all or ~all"), say("write -all, or ~all while you are testing")))
	case all != nil && all.Verdict == Neutral && decides:
		l.add(about(domain, all.Span, Warning, "neutral-all", say("%s says nothing about those who are not listed", all.Text), say("-all or ~all"),
			say("write ~all, and -all once all senders are listed")))
	case all == nil && r.Redirect == nil && decides:
		l.add(Finding{
			Severity: Warning, Code: "no-all", Domain: domain, Found: say("the record has no \"all\" and no redirect="),
			Expected: say("-all or ~all at the end"), Change: say("add ~all at the end, and make it -all once all senders are listed"),
		})
	}
	if all == nil {
		return
	}
	for i := range r.Mechanisms {
		if m := &r.Mechanisms[i]; m.Offset > all.Offset {
			l.add(about(domain, m.Span, Warning, "unreachable", say("%s stands after %s and is never looked at", m.Text, all.Text), say("\"all\" at the end"),
				say("move it in front of %s, or remove it", all.Text)))
		}
	}
	if r.Redirect != nil { // RFC 7208 6.1
		l.add(about(domain, r.Redirect.Span, Warning, "redirect-all", say("%s is not followed, since the record has %s", r.Redirect.Text, all.Text), say("one of the two"),
			say("remove %s if the other record is to decide, or else the redirect", all.Text)))
	}
}

// network looks at how many addresses a term lets in.
func (l *linter) network(domain string, m *Mechanism, decides bool) {
	bits4, bits6 := m.Bits4, m.Bits6
	if m.Network.IsValid() {
		masked := m.Network.Masked()
		if masked != m.Network && m.Network.Bits() >= openBits { // below, the network itself is the fault
			l.add(about(domain, m.Span, Warning, "host-bits", say("%s has bits set beyond its prefix length", m.Network.String()), say("the network %s", masked.String()),
				say("write %s, or the single address if that is meant", string(m.Kind)+":"+masked.String())))
		}
		bits4, bits6 = bitsOf(m.Network)
	}
	if m.Verdict != Pass || bits4 >= fewBits4 && bits6 >= fewBits6 {
		return
	}
	severity, found := Warning, say("%s lets in a very large network", m.Text)
	switch {
	case bits4 < openBits || bits6 < openBits:
		severity, found = Error, say("%s lets anybody send for the domain", m.Text)
	case !decides: // large providers have such networks, and only they can change it
		severity = Note
	}
	l.add(about(domain, m.Span, severity, "large-network", found, say("/%d or longer for IPv4, /%d or longer for IPv6", fewBits4, fewBits6),
		say("name only the addresses that send")))
}

func bitsOf(p netip.Prefix) (bits4, bits6 int) {
	if p.Addr().Is4() {
		return p.Bits(), 128
	}
	return 32, p.Bits()
}
