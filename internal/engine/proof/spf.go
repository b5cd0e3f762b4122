package proof

import (
	"net/netip"
	"strings"

	"github.com/budkavle/budkavle/internal/base/finding"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/standard/spf"
)

// spf asks whether our addresses may send for the domain, and lints its record and all that it includes.
func (p *part) spf() (State, *spf.Node) {
	domain := p.e.Domain
	now, err := p.c.Resolver.LookupTXT(p.ctx, domain)
	if faulty(err) {
		return p.fault(SubjectSPF, "TXT "+domain, err), nil
	}
	refused, fresh := p.refused(SubjectSPF, domain)
	lint, by := spf.Lint(p.ctx, p.c.Resolver, domain), p.c.Resolver
	if p.c.Authority != nil && (fresh || lint.Faulty()) {
		if again := spf.Lint(p.ctx, p.c.Authority, domain); !unsure(again) {
			lint = again
		}
		if again, err := p.c.Authority.LookupTXT(p.ctx, domain); !faulty(err) {
			now, by = again, p.c.Authority
		}
	}
	present := spfOnly(now.Records)
	p.joined(by, domain)
	state := p.judgeSPF(present, refused, lint)
	for _, f := range lint.Findings {
		p.add(p.linted(f, state))
	}
	p.unlisted(domain, present, state)
	want, ok := spfRecord(p.e, now.Records)
	if p.any {
		want, ok = Record{Subject: SubjectSPF, Name: fqdn(domain), Type: "TXT"}, true
	}
	if state == Proved && len(present) == 1 {
		want.Value = present[0] // whatever its terms, it does what is asked for
	}
	if ok {
		p.answered(want, state, present...)
	}
	return state, lint.Tree
}

// unlisted warns of known senders that have been seen with the domain and are not in its record. Of addresses that belong to nobody
// known it says nothing: most are forwarders' and forgers'.
func (p *part) unlisted(domain string, present []string, state State) {
	if p.c.Seen == nil || len(present) != 1 {
		return
	}
	for _, m := range spf.Unlisted(p.ctx, p.c.Resolver, domain, p.c.Seen.SeenOf(p.ctx, domain)) {
		if len(m.Known) > 0 {
			p.add(p.linted(m.Finding(domain), state))
		}
	}
}

func spfOnly(txt []string) []string {
	var list []string
	for _, t := range txt {
		if spf.IsRecord(t) {
			list = append(list, t)
		}
	}
	return list
}

// unsure reports whether there is something in a tree that DNS did not tell.
func unsure(r spf.Report) bool {
	for _, f := range r.Findings {
		if f.Severity == finding.Unknown {
			return true
		}
	}
	return false
}

// refusal is one of our addresses that a record does not let send.
type refusal struct {
	addr   netip.Addr
	result spf.Result
}

// refused checks each of our addresses as if mail came from the domain, and if one does not pass, all once more with the
// authority. It returns those that do not pass; fresh: by the authority's word.
func (p *part) refused(subject, domain string) (list []refusal, fresh bool) {
	list = p.refusedBy(p.c.Resolver, domain)
	if len(list) == 0 || p.c.Authority == nil || unclear(list) {
		return list, false
	}
	again := p.refusedBy(p.c.Authority, domain)
	if unclear(again) {
		return list, false
	}
	if len(again) == 0 {
		p.cached(subject, domain, p.expiry(domain))
	}
	return again, true
}

func (p *part) refusedBy(r dns.Resolver, domain string) []refusal {
	var list []refusal
	for _, addr := range p.e.Sources {
		result := spf.Check(p.ctx, r, spf.Query{IP: addr, Sender: "postmaster@" + domain, Helo: domain, Now: p.c.Clock.Now()})
		if result.Verdict != spf.Pass {
			list = append(list, refusal{addr, result})
		}
	}
	return list
}

func unclear(list []refusal) bool {
	for _, r := range list {
		if r.result.Verdict == spf.TempError {
			return true
		}
	}
	return false
}

// judgeSPF turns what was found into a state, with a finding for addresses that do not pass.
func (p *part) judgeSPF(present []string, refused []refusal, lint spf.Report) State {
	switch {
	case unclear(refused) && unsure(lint):
		return Unclear // the lint says so
	case unclear(refused):
		p.add(finding.Finding{
			Severity: finding.Unknown, Subject: SubjectSPF, Code: "dns", Name: p.e.Domain, Found: refused[0].result.Reason,
			Expected: wording.Say("an answer, or that there is none"), Change: wording.Say("nothing yet; if it lasts, see that the name servers of the domain answer"),
		})
		return Unclear
	case len(present) == 0:
		return Missing // the lint says so
	case len(refused) > 0:
		if refused[0].result.Verdict != spf.PermError { // of which the lint says more
			p.add(p.notListed(refused))
		}
		return Wrong
	case len(p.e.Sources) > 0:
		return Proved
	case finding.Worst(severities(lint)) == finding.Error || !p.lists(present):
		return Wrong
	}
	return Proved
}

func severities(r spf.Report) []finding.Finding {
	list := make([]finding.Finding, len(r.Findings))
	for i, f := range r.Findings {
		list[i].Severity = f.Severity
	}
	return list
}

// lists reports whether the record has our include, where our addresses are not known.
func (p *part) lists(present []string) bool {
	if p.e.Include == "" {
		return true
	}
	edited, err := spf.Edit(present, spf.Want{Domain: p.e.Domain, Terms: terms(p.e.Include, nil)})
	return err == nil && !edited.Changed
}

func (p *part) notListed(refused []refusal) finding.Finding {
	var addrs []string
	for _, r := range refused {
		addrs = append(addrs, r.addr.String())
	}
	severity := finding.Error
	if p.e.ReturnPath != "" {
		severity = finding.Warning // mail goes out under the return path, which has a record of its own
	}
	return finding.Finding{
		Severity: severity, Subject: SubjectSPF, Code: "not-listed", Name: p.e.Domain,
		Found:    wording.Say("%s for %s: %s", string(refused[0].result.Verdict), strings.Join(addrs, ", "), refused[0].result.Reason),
		Expected: wording.Say("pass for every address that sends for the domain"), Change: wording.Say("add to the record: %s", strings.Join(terms(p.e.Include, p.e.Sources), " ")),
	}
}
