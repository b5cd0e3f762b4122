package spf

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/budkavle/budkavle/internal/base/finding"
	"github.com/budkavle/budkavle/internal/base/wording"
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
		l.add(about(domain, f.Span, finding.Error, "syntax", f.Problem, wording.Say("a record without errors; one of them is permerror for all mail"), f.Change))
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
			Severity: finding.Warning, Code: "long-record", Domain: domain, Found: wording.Say("the record has %d octets", len(record)),
			Expected: wording.Say("at most %d, so that it fits in one UDP answer", fitRecord), Change: wording.Say("move terms to an included record"),
		})
	case answer > fitAnswer:
		l.add(Finding{
			Severity: finding.Note, Code: "long-answer", Domain: domain, Found: wording.Say("the answer with all TXT records has %d octets", answer),
			Expected: wording.Say("at most %d for resolvers without EDNS0", fitAnswer), Change: wording.Say("remove old TXT records of other services"),
		})
	}
	if len(record) > maxString {
		l.add(Finding{
			Severity: finding.Note, Code: "long-string", Domain: domain, Found: wording.Say("the record has %d octets", len(record)),
			Expected: wording.Say("strings of at most %d octets", maxString), Change: wording.Say("keep it split in several strings of one TXT record"),
		})
	}
}

// inspect looks at a record without asking anybody.
func (l *linter) inspect(domain string, r *Record, decides bool) {
	seen := map[string]bool{}
	for i := range r.Mechanisms {
		m := &r.Mechanisms[i]
		key := strings.TrimPrefix(m.Text, "+")
		if !strings.Contains(key, "%") { // RFC 7208 7.3: case counts in macros
			key = strings.ToLower(key)
		}
		if seen[key] && m.Kind != Include { // of which follow says more
			l.add(about(domain, m.Span, finding.Warning, "duplicate", wording.Say("%s stands in the record twice", m.Text), wording.Say("each term once"), wording.Say("remove one")))
		}
		seen[key] = true
		if m.Kind == PTR { // RFC 7208 5.5
			l.add(about(domain, m.Span, finding.Warning, "ptr", wording.Say("ptr is slow, and many receivers do not look at it"), wording.Say("ip4, ip6 or a"), wording.Say("name the addresses instead")))
		}
		l.network(domain, m, decides)
	}
	for i := range r.Unknown {
		m := &r.Unknown[i]
		if k := Kind(m.Name); k != All && slices.Contains(kinds(), k) {
			l.add(about(domain, m.Span, finding.Warning, "not-mechanism", wording.Say("%s= is no mechanism and changes nothing", m.Name), wording.Say("a colon"),
				wording.Say("write %s", m.Name+":"+m.Value.Text)))
			continue
		}
		l.add(about(domain, m.Span, finding.Note, "unknown-modifier", wording.Say("the modifier %s= changes nothing", m.Name), wording.Say("redirect= or exp="), wording.Say("remove it")))
	}
}

// ending looks at what decides about mail that no other term matches.
func (l *linter) ending(domain string, r *Record, decides bool) {
	all := r.all()
	switch {
	case all != nil && all.Verdict == Pass:
		l.add(about(domain, all.Span, finding.Error, "pass-all", wording.Say("%s lets anybody send for the domain", all.Text), wording.Say("-all or ~all"), wording.Say("write -all, or ~all while you are testing")))
	case all != nil && all.Verdict == Neutral && decides:
		l.add(about(domain, all.Span, finding.Warning, "neutral-all", wording.Say("%s says nothing about those who are not listed", all.Text), wording.Say("-all or ~all"),
			wording.Say("write ~all, and -all once all senders are listed")))
	case all == nil && r.Redirect == nil && decides:
		l.add(Finding{
			Severity: finding.Warning, Code: "no-all", Domain: domain, Found: wording.Say("the record has no \"all\" and no redirect="),
			Expected: wording.Say("-all or ~all at the end"), Change: wording.Say("add ~all at the end, and make it -all once all senders are listed"),
		})
	}
	if all == nil {
		return
	}
	for i := range r.Mechanisms {
		if m := &r.Mechanisms[i]; m.Offset > all.Offset {
			l.add(about(domain, m.Span, finding.Warning, "unreachable", wording.Say("%s stands after %s and is never looked at", m.Text, all.Text), wording.Say("\"all\" at the end"),
				wording.Say("move it in front of %s, or remove it", all.Text)))
		}
	}
	if r.Redirect != nil { // RFC 7208 6.1
		l.add(about(domain, r.Redirect.Span, finding.Warning, "redirect-all", wording.Say("%s is not followed, since the record has %s", r.Redirect.Text, all.Text), wording.Say("one of the two"),
			wording.Say("remove %s if the other record is to decide, or else the redirect", all.Text)))
	}
}

// network looks at how many addresses a term lets in.
func (l *linter) network(domain string, m *Mechanism, decides bool) {
	bits4, bits6 := m.Bits4, m.Bits6
	if m.Network.IsValid() {
		masked := m.Network.Masked()
		if masked != m.Network && m.Network.Bits() >= openBits { // below, the network itself is the fault
			l.add(about(domain, m.Span, finding.Warning, "host-bits", wording.Say("%s has bits set beyond its prefix length", m.Network.String()), wording.Say("the network %s", masked.String()),
				wording.Say("write %s, or the single address if that is meant", string(m.Kind)+":"+masked.String())))
		}
		bits4, bits6 = bitsOf(m.Network)
	}
	if m.Verdict != Pass || bits4 >= fewBits4 && bits6 >= fewBits6 {
		return
	}
	severity, found := finding.Warning, wording.Say("%s lets in a very large network", m.Text)
	switch {
	case bits4 < openBits || bits6 < openBits:
		severity, found = finding.Error, wording.Say("%s lets anybody send for the domain", m.Text)
	case !decides: // large providers have such networks, and only they can change it
		severity = finding.Note
	}
	l.add(about(domain, m.Span, severity, "large-network", found, wording.Say("/%d or longer for IPv4, /%d or longer for IPv6", fewBits4, fewBits6),
		wording.Say("name only the addresses that send")))
}

func bitsOf(p netip.Prefix) (bits4, bits6 int) {
	if p.Addr().Is4() {
		return p.Bits(), 128
	}
	return 32, p.Bits()
}
