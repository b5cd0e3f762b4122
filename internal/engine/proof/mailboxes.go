package proof

import (
	"slices"
	"strings"

	"github.com/budkavle/budkavle/internal/base/finding"
	"github.com/budkavle/budkavle/internal/base/wording"
)

// maxMailboxes bounds the addresses asked about in one check.
const maxMailboxes = 10

// unanswered are local parts, without what separates words, by which senders say that nobody reads replies.
func unanswered(local string) bool {
	local = strings.NewReplacer("-", "", "_", "", ".", "").Replace(strings.ToLower(local))
	return slices.ContainsFunc([]string{
		"noreply", "noreplies", "donotreply", "dontreply", "noresponse", "noanswer", "ejsvar", "svaraej", "svarainte", "besvaraej", "besvarasej", "besvarasinte", "ingensvar",
	}, func(word string) bool { return strings.HasPrefix(local, word) })
}

// senders looks at the addresses in From and Reply-To.
func (p *part) senders() {
	for _, a := range p.e.Senders {
		local, _, _ := strings.Cut(a, "@")
		if !unanswered(local) {
			continue
		}
		p.add(finding.Finding{
			Severity: finding.Warning, Subject: SubjectNoReply, Code: "noreply", Name: a, Found: wording.Say("a sender that says it takes no replies"),
			Expected: wording.Say("an address that somebody reads: a reply is how people ask, and how they say stop; those who cannot reply use the spam button, and Microsoft asks for senders that take replies"),
			Change:   wording.Say("send from an address that is read, or at least set Reply-To to one"),
		})
	}
}

// mailboxes asks the domain's own servers whether they take mail for the addresses that must work.
func (p *part) mailboxes() {
	if p.c.Probe == nil || slices.ContainsFunc(p.findings, func(f finding.Finding) bool { return f.Severity == finding.Error || f.Severity == finding.Unknown }) {
		return // where no server can be found, there is nobody to ask
	}
	addresses := []string{"postmaster@" + p.e.Domain, "abuse@" + p.e.Domain}
	for _, a := range p.e.Senders {
		if d := domainOf(a); d == p.e.Domain || strings.HasSuffix(d, "."+p.e.Domain) {
			addresses = append(addresses, a)
		}
	}
	slices.SortStableFunc(addresses[2:], func(a, b string) int { return strings.Compare(domainOf(a), domainOf(b)) })
	addresses = addresses[:min(len(addresses), maxMailboxes)]
	for len(addresses) > 0 {
		domain := domainOf(addresses[0])
		n := slices.IndexFunc(addresses, func(a string) bool { return domainOf(a) != domain })
		if n < 0 {
			n = len(addresses)
		}
		p.ask(domain, addresses[:n])
		addresses = addresses[n:]
	}
}

// ask asks about the addresses of one domain.
func (p *part) ask(domain string, addresses []string) {
	answers, err := p.c.Probe.Accepts(p.ctx, domain, addresses)
	say := func(s finding.Severity, code string, found, change wording.Text) {
		p.add(finding.Finding{Severity: s, Subject: SubjectMailbox, Code: code, Name: domain, Found: found, Expected: wording.Say("mailboxes that take mail"), Change: change})
	}
	switch {
	case err != nil:
		say(finding.Unknown, "no-answer", wording.Say("the mail servers could not be asked: %s", err), wording.Say("nothing yet; if it lasts, see that the mail servers answer"))
	case len(answers) > 0 && !answers[0].Asked:
		say(finding.Note, "not-asked", wording.Say("not asked: %s", answers[0].Why), wording.Say("send a message to %s and see that it arrives", strings.Join(addresses, ", ")))
	default:
		for i, a := range answers[:min(len(answers), len(addresses))] {
			p.mailbox(addresses[i], a)
		}
	}
}

// mailbox judges what a server said of one address.
func (p *part) mailbox(address string, a Acceptance) {
	say := func(s finding.Severity, code string, found, expected, change wording.Text) {
		p.add(finding.Finding{Severity: s, Subject: SubjectMailbox, Code: code, Name: address, Found: found, Expected: expected, Change: change})
	}
	switch {
	case a.Taken:
	case a.Passing:
		say(finding.Unknown, "later", wording.Say("%s said: %s", a.Host, shorten(a.Reply)), wording.Say("a mailbox that takes mail"), wording.Say("nothing yet; the server wants to be asked later"))
	case strings.HasPrefix(address, "postmaster@"):
		say(finding.Warning, "postmaster", wording.Say("%s said: %s", a.Host, shorten(a.Reply)), wording.Say("a mailbox that takes mail: every domain must have it (RFC 5321 4.5.1)"), wording.Say("make the address, or an alias to somebody who reads it"))
	case strings.HasPrefix(address, "abuse@"):
		say(finding.Warning, "abuse", wording.Say("%s said: %s", a.Host, shorten(a.Reply)), wording.Say("a mailbox that takes mail: complaints come there first (RFC 2142 4)"), wording.Say("make the address, or an alias to somebody who reads it"))
	default:
		say(finding.Error, "sender-refused", wording.Say("%s said: %s", a.Host, shorten(a.Reply)), wording.Say("a mailbox that takes mail: replies go there"), wording.Say("make the address, or send from one that exists"))
	}
}
