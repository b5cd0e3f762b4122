package proof

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/base/finding"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/standard/dns"
)

// part is one part of a check, such as that of SPF. One goroutine has it.
type part struct {
	ctx context.Context
	c   *Checker
	e   Expected

	any       bool // nothing is expected: records are those that were found
	findings  []finding.Finding
	records   []Answered
	strictSPF bool // of dmarc: the return path is not aligned
}

func (c *Checker) part(ctx context.Context, e Expected) *part { return &part{ctx: ctx, c: c, e: e} }

func (p *part) add(f finding.Finding) { p.findings = append(p.findings, f) }

// answered notes what DNS has of a record that was asked for.
func (p *part) answered(r Record, s State, found ...string) {
	p.records = append(p.records, Answered{Record: r, State: s, Found: found})
}

// fault says that DNS did not answer.
func (p *part) fault(subject, question string, err error) State {
	name := question
	if _, after, ok := strings.Cut(question, " "); ok {
		name = after
	}
	found := wording.Say("%s could not be looked up: %s", question, dns.Reason(err))
	var e *dns.Error
	if errors.As(err, &e) && e.Server != "" {
		found = wording.Say("%s could not be looked up: %s (%s)", question, dns.Reason(err), e.Server)
	}
	p.add(finding.Finding{
		Severity: finding.Unknown, Subject: subject, Code: "dns", Name: name, Found: found,
		Expected: wording.Say("an answer, or that there is none"), Change: wording.Say("nothing yet; if it lasts, see that the name servers of the domain answer"),
	})
	return Unclear
}

// faulty reports an error of DNS that is no denial; a name that cannot be asked for does not exist.
func faulty(err error) bool { return err != nil && !dns.IsDenied(err) && !dns.Is(err, dns.BadName) }

// last is whom to ask when the answer matters: the authority where there is one.
func (p *part) last() dns.Resolver {
	if p.c.Authority != nil {
		return p.c.Authority
	}
	return p.c.Resolver
}

// settle asks the resolver, and the authority before anything is called missing or wrong: what a cache still holds is no
// fault of the owner's. Where the authority does not answer, the resolver's word stands.
func settle[T any](p *part, subject, name string, ask func(dns.Resolver) (dns.Answer[T], error), good func([]T) bool) ([]T, error) {
	answer, err := ask(p.c.Resolver)
	if faulty(err) || err == nil && good(answer.Records) || p.c.Authority == nil {
		return answer.Records, err
	}
	fresh, ferr := ask(p.c.Authority)
	if faulty(ferr) {
		return answer.Records, err
	}
	if ferr == nil && good(fresh.Records) {
		p.cached(subject, name, answer.Expires)
	}
	return fresh.Records, ferr
}

// cached tells that the owner has done right and caches will follow.
func (p *part) cached(subject, name string, until time.Time) {
	if slices.ContainsFunc(p.findings, func(f finding.Finding) bool { return f.Code == "cached" && f.Name == name }) {
		return
	}
	change := wording.Say("nothing; it takes care of itself within some hours")
	if !until.IsZero() {
		change = wording.Say("nothing; the answer expires at %s", until.UTC().Format("2006-01-02 15:04 MST"))
	}
	p.add(finding.Finding{
		Severity: finding.Note, Subject: subject, Code: "cached", Name: name, Found: wording.Say("a resolver still remembers an older answer"),
		Expected: wording.Say("what the name servers of the domain say, which is right"), Change: change,
	})
}

// txt settles the TXT records of a name.
func (p *part) txt(subject, name string, good func([]string) bool) ([]string, error) {
	return settle(p, subject, name, func(r dns.Resolver) (dns.Answer[string], error) { return r.LookupTXT(p.ctx, name) }, good)
}

// alias is what a name is an alias of; empty: it is none, or nobody can tell.
func (p *part) alias(r dns.Resolver, name string) string {
	deep, ok := r.(dns.Deep)
	if !ok {
		return ""
	}
	answer, err := deep.LookupCNAME(p.ctx, name)
	if err != nil {
		return ""
	}
	return answer.Records[0]
}

// doubled is a name to which a name server has added the zone once more, as it does where the closing dot is missing.
func (p *part) doubled(name string) string { return name + "." + p.e.Domain }

// misplaced looks for a record under the doubled name; that it is there explains why it is not where it should be.
func (p *part) misplaced(subject, name string) bool {
	wrong := p.doubled(name)
	found := p.alias(p.last(), wrong) != ""
	if !found {
		answer, err := p.last().LookupTXT(p.ctx, wrong)
		found = err == nil && answer.Name == wrong
	}
	if found {
		p.add(finding.Finding{
			Severity: finding.Error, Subject: subject, Code: "doubled-name", Name: wrong, Found: wording.Say("the record is at %s", wrong), Expected: wording.Say("it is at %s", name),
			Change: wording.Say("write the name with a closing dot, or without the domain where the DNS service adds it: %s", strings.TrimSuffix(name, "."+p.e.Domain)),
		})
	}
	return found
}

// has reports whether one of the texts is exactly this.
func has(want string) func([]string) bool {
	return func(list []string) bool { return slices.Contains(list, want) }
}

// fqdn writes a name as records have it.
func fqdn(name string) string { return strings.TrimSuffix(name, ".") + "." }

func trimmed(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// expiry is when the resolver forgets what it has of a name; zero if it does not say.
func (p *part) expiry(name string) time.Time {
	answer, err := p.c.Resolver.LookupTXT(p.ctx, name)
	if err != nil {
		return time.Time{}
	}
	return answer.Expires
}
