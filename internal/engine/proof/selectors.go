package proof

import (
	"errors"
	"slices"
	"sync"

	"github.com/budkavle/budkavle/internal/base/finding"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/standard/dkim"
	"github.com/budkavle/budkavle/internal/standard/dns"
)

// CommonSelectors are tried where none is named: those that large services and programs use without being asked
// (2026-11). DNS cannot list the keys of a domain.
func CommonSelectors() []string {
	return []string{
		"google", "selector1", "selector2", "k1", "k2", "k3", "s1", "s2", "default", "mail", "dkim", "mg", "smtp", "email", "mta", "pic", "krs", "mandrill", "zendesk1",
		"zendesk2", "fm1", "fm2", "fm3", "protonmail", "sig1", "mx", "key1", "loopia",
	}
}

// selectors looks at the keys of a domain of which nothing is known. Of named selectors a missing key is a fault.
func (p *part) selectors(named []string, states map[string]State) {
	list := named[:min(len(named), maxKeys)]
	if len(named) == 0 {
		list = CommonSelectors()
	}
	answers, faults := p.lookUp(list)
	for i, s := range list {
		name := keyName(p.e.Domain, s)
		if dns.IsDenied(faults[i]) && len(named) > 0 {
			answers[i], faults[i] = p.txt(SubjectDKIM, name, func([]string) bool { return true })
		}
		switch err := faults[i]; {
		case err == nil && (len(named) > 0 || slices.ContainsFunc(answers[i], dkim.LooksLikeKey)):
			states[s] = p.judgeKey(name, answers[i], nil)
			p.answered(Record{Subject: SubjectDKIM, Name: fqdn(name), Type: "TXT"}, states[s], answers[i]...)
		case faulty(err):
			states[s] = p.fault(SubjectDKIM, "TXT "+name, err)
			if len(named) == 0 {
				return // what is wrong with one is wrong with all, and need not be said of each
			}
		case len(named) > 0:
			states[s] = p.absent(name)
			p.answered(Record{Subject: SubjectDKIM, Name: fqdn(name), Type: "TXT"}, states[s])
		}
	}
	if len(named) == 0 {
		p.guessed(len(states))
	}
}

// lookUp asks for all selectors at the same time.
func (p *part) lookUp(selectors []string) ([][]string, []error) {
	answers, faults := make([][]string, len(selectors)), make([]error, len(selectors))
	var wg sync.WaitGroup
	for i, s := range selectors {
		wg.Go(func() {
			answer, err := p.c.Resolver.LookupTXT(p.ctx, keyName(p.e.Domain, s))
			answers[i], faults[i] = answer.Records, err
		})
	}
	wg.Wait()
	return answers, faults
}

func (p *part) absent(name string) State {
	if p.misplaced(SubjectDKIM, name) {
		return Wrong
	}
	f := finding.Finding{
		Severity: finding.Error, Subject: SubjectDKIM, Code: "missing", Name: name, Found: wording.Say("no such record"),
		Expected: wording.Say("a DKIM key"), Change: wording.Say("check the selector: it stands as s= in the DKIM-Signature of a message from the domain"),
	}
	if alias := p.alias(p.c.Resolver, name); alias != "" {
		f.Found = wording.Say("a CNAME to %s, where there is nothing", fqdn(alias))
	}
	p.add(f)
	return Missing
}

// guessed says what a search among common selectors is worth.
func (p *part) guessed(found int) {
	p.add(finding.Finding{
		Severity: finding.Note, Subject: SubjectDKIM, Code: "guessed", Name: "_domainkey." + p.e.Domain,
		Found:    wording.Say("keys under %d common selectors: %d; DNS cannot list keys, so there may be others", len(CommonSelectors()), found),
		Expected: wording.Say("the selector, for certainty"), Change: wording.Say("give it with --selector: it stands as s= in the DKIM-Signature of a message from the domain"),
	})
	name := "_domainkey." + p.e.Domain
	_, err := p.c.Resolver.LookupTXT(p.ctx, name)
	var e *dns.Error
	if found == 0 && errors.As(err, &e) && e.Kind == dns.NXDomain { // RFC 8020: nothing is below
		p.add(finding.Finding{
			Severity: finding.Warning, Subject: SubjectDKIM, Code: "no-keys", Name: name, Found: wording.Say("the name does not exist, so there are no keys at all"),
			Expected: wording.Say("a DKIM key"), Change: wording.Say("have whoever sends for the domain sign its mail, and publish the key"),
		})
	}
}
