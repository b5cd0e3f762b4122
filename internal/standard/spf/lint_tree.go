package spf

import (
	"slices"
	"strings"

	"github.com/budkavle/budkavle/internal/base/finding"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/standard/dns"
)

// origin is the term that leads to a record; the top has none.
type origin struct {
	domain string
	Span
}

// domain lints a domain's record and what is below it. decides says that this record's "all" decides about the
// message, which is not so in an include. path are the domains that led here.
func (l *linter) domain(domain string, from origin, decides bool, path []string) *Node {
	if old := l.known[domain]; old != nil {
		return &Node{Domain: domain, Term: from.Text, Record: old.Record, Lookups: old.Lookups, Voids: old.Voids, Repeated: true}
	}
	n := &Node{Domain: domain, Term: from.Text}
	l.known[domain] = n
	text, ok := l.record(domain, from)
	if !ok {
		return n
	}
	n.Record = text
	record, err := Parse(text)
	if faults, bad := err.(Faults); bad {
		l.syntax(domain, faults)
	} else {
		l.ending(domain, record, decides)
	}
	l.inspect(domain, record, decides)
	path = append(slices.Clip(path), domain)
	for i := range record.Mechanisms {
		m := &record.Mechanisms[i]
		if m.Kind == All {
			return n // what follows is never looked at
		}
		l.hostName(n, m.Domain)
		if m.looksUp() {
			l.mechanism(n, m, path)
		}
	}
	if record.Redirect != nil {
		n.cost(1, 0)
		l.hostName(n, record.Redirect.Value)
		l.follow(n, record.Redirect.Span, record.Redirect.Value, decides, path)
	}
	return n
}

// cost adds to what a node counts, up to maxCount.
func (n *Node) cost(lookups, voids int) {
	n.Lookups = min(n.Lookups+lookups, maxCount)
	n.Voids = min(n.Voids+voids, maxCount)
}

// hostName counts %{p} where it is first used (RFC 7208 4.6.4).
func (l *linter) hostName(n *Node, m *Macro) {
	if !l.named && m != nil && m.uses("p") {
		l.named = true
		n.cost(1, 0)
	}
}

// record fetches the one SPF record of a domain; what stands in the way is a finding.
func (l *linter) record(domain string, from origin) (string, bool) {
	if !l.may() {
		return "", false
	}
	answer, err := l.dns.LookupTXT(l.ctx, domain)
	if err != nil && !dns.IsDenied(err) && !dns.Is(err, dns.BadName) {
		l.fault(domain, Span{}, "TXT "+domain, err)
		return "", false
	}
	var records []string
	for _, txt := range answer.Records {
		switch {
		case IsRecord(txt):
			records = append(records, txt)
		case looksLike(txt):
			l.add(Finding{
				Severity: finding.Warning, Code: "not-spf", Domain: domain, Found: wording.Say("the TXT record %q, which is none for receivers", shorten(txt)),
				Expected: wording.Say("%q and a space at the beginning, nothing before", version), Change: wording.Say("mend the beginning, or remove the record"),
			})
		}
	}
	switch len(records) {
	case 1:
		l.size(domain, records[0], answer.Records)
		return records[0], true
	case 0:
		expected := wording.Say("one TXT record that begins with %q", version)
		if from.Text == "" {
			l.add(about(domain, Span{}, finding.Error, "no-record", wording.Say("%s has no SPF record", domain), expected, wording.Say("publish one")))
			break
		}
		l.add(about(from.domain, from.Span, finding.Error, "no-record", wording.Say("%s leads to %s, which has no SPF record: permerror", from.Text, domain), expected,
			wording.Say("remove the term, or mend its spelling"))) // RFC 7208 5.2, 6.1
	default:
		l.add(Finding{
			Severity: finding.Error, Code: "two-records", Domain: domain, Found: wording.Say("%d SPF records: permerror", len(records)),
			Expected: wording.Say("one (RFC 7208 4.5)"), Change: wording.Say("join their terms in one record, with one \"all\" at the end"),
		})
	}
	return "", false
}

func looksLike(txt string) bool {
	low := strings.ToLower(txt)
	return strings.HasPrefix(strings.TrimLeft(low, " \t\"'"), "v=spf1") || strings.HasPrefix(low, "spf1 ") || strings.HasPrefix(low, "v=spf ") ||
		strings.HasPrefix(low, "spf=")
}

// shorten keeps a foreign text within a line.
func shorten(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}

func (l *linter) fault(domain string, at Span, question string, err error) {
	l.add(Finding{
		Severity: finding.Unknown, Code: "dns", Domain: domain, Term: at.Text, Offset: at.Offset, Found: wording.Say("%s could not be looked up: %s", question, dns.Reason(err)),
		Expected: wording.Say("an answer, or that there is none"), Change: wording.Say("see that the name servers answer; receivers say temperror until then"),
	})
}

// mechanism counts a term, follows it if it leads to another record, and otherwise sees whether its name exists.
func (l *linter) mechanism(n *Node, m *Mechanism, path []string) {
	n.cost(1, 0)
	if m.Kind == Include {
		l.follow(n, m.Span, m.Domain, false, path)
		return
	}
	target, fixed := constant(m.Domain, n.Domain)
	if m.Kind == PTR || !fixed || !l.may() {
		return
	}
	question, err := "A "+target, error(nil)
	if m.Kind == MX {
		question = "MX " + target
		var answer dns.Answer[dns.MX]
		if answer, err = l.dns.LookupMX(l.ctx, target); len(answer.Records) > MaxHosts {
			l.add(about(n.Domain, m.Span, finding.Error, "too-many-mx", wording.Say("%s has %d mail exchangers: permerror", target, len(answer.Records)),
				wording.Say("at most %d", MaxHosts), wording.Say("replace mx by ip4 and ip6")))
		}
	} else if _, err = l.dns.LookupA(l.ctx, target); m.Kind == A && dns.IsDenied(err) && l.may() {
		_, err = l.dns.LookupAAAA(l.ctx, target)
	}
	switch {
	case dns.IsDenied(err) || dns.Is(err, dns.BadName):
		n.cost(0, 1)
		l.add(about(n.Domain, m.Span, finding.Warning, "void", wording.Say("%s has no answer", question), wording.Say("a name that exists; %d without an answer are allowed", MaxVoids),
			wording.Say("remove the term, or mend its spelling")))
	case err != nil:
		l.fault(n.Domain, m.Span, question, err)
	}
}

// follow goes to the record that an include or a redirect names.
func (l *linter) follow(n *Node, at Span, to *Macro, decides bool, path []string) {
	target, fixed := constant(to, n.Domain)
	switch {
	case !fixed:
		l.add(about(n.Domain, at, finding.Note, "depends", wording.Say("the domain depends on the message, so that it was not followed"), wording.Say("a fixed domain, if the count is to be exact"),
			wording.Say("try messages with: budkavle spf check")))
	case slices.Contains(path, target):
		l.add(about(n.Domain, at, finding.Error, "loop", wording.Say("%s leads back to %s: permerror", at.Text, target), wording.Say("a tree that ends"), wording.Say("remove the term")))
	default:
		if l.known[target] != nil {
			l.add(about(n.Domain, at, finding.Warning, "included-twice", wording.Say("%s is in the tree already, and its look-ups count again", target),
				wording.Say("each domain once"), wording.Say("remove the term if the other is in the same record, or ask whoever includes it")))
		}
		child := l.domain(target, origin{n.Domain, at}, decides, path)
		n.Below = append(n.Below, child)
		n.cost(child.Lookups, child.Voids)
	}
}

// constant is the name a domain-spec stands for, if it is the same for every message.
func constant(m *Macro, domain string) (string, bool) {
	if m == nil {
		return domain, true
	}
	if m.uses(strings.ReplaceAll(explainLetters, "d", "")) {
		return "", false
	}
	return strings.ToLower(fitName(m.expand(func(byte) string { return domain }))), true
}

// about is a finding about a term.
func about(domain string, at Span, s finding.Severity, code string, found, expected, change wording.Text) Finding {
	return Finding{s, code, domain, at.Text, at.Offset, found, expected, change}
}
