package spf

import (
	"context"
	"slices"
	"strings"

	"github.com/budkavle/budkavle/internal/base/finding"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/standard/dns"
)

// Answers say how a domain is used.
type Answers struct {
	Domain   string
	Senders  []string // keys of the list
	Includes []string // domains of senders that are not in the list
	Servers  []string // the domain's own: addresses, networks, host names, or "mx" for those that take its mail
	Nothing  bool     // it sends no mail at all
	All      Verdict  // softfail while senders may be missing, fail when all are named; empty: as it is now, see Want
	Fresh    bool     // leave what the present record says out of account
	Seen     []Source // who has sent for it
}

// Proposal is the record that the guide gives, and what is to be said of it.
type Proposal struct {
	Domain string `json:"domain"`
	Edited
	Zone     string    `json:"zone"`    // the record as a line of a BIND zone
	Senders  []Sender  `json:"senders"` // who was chosen of the list
	Counted  bool      `json:"counted"` // look-ups were counted in what is included, too
	Tree     *Node     `json:"tree"`
	Findings []Finding `json:"findings"` // the worst first
	Missing  []Missing `json:"missing"`  // who has sent and would not pass
}

// Faulty reports whether the record would not work, or whether that could not be told.
func (p *Proposal) Faulty() bool { return (&Report{Findings: p.Findings}).Faulty() }

// Build gives the record that fits the answers: the present one with the smallest change, or the first. It looks the present
// record up and tries the new one as if it were published; without a resolver it knows of no record, counts only the
// terms of the new one and leaves Seen out. Errors are wrong answers, in words of wording. A present record that cannot be read or
// looked up is a Finding, and Record is empty then, since a second record would undo the first; not so with Fresh.
func Build(ctx context.Context, r dns.Resolver, a Answers) (Proposal, error) {
	domain := strings.ToLower(aLabels(strings.TrimSuffix(a.Domain, ".")))
	if !isName(domain) || !strings.Contains(domain, ".") {
		return Proposal{}, wording.Errorf("%q is not a domain name such as school.example", a.Domain)
	}
	known := Senders()
	p := Proposal{Domain: domain, Edited: Edited{Done: []wording.Text{}, Warnings: []wording.Text{}}, Missing: []Missing{}}
	var err error
	if p.Senders, err = choose(known, a.Senders); err != nil {
		return Proposal{}, err
	}
	terms, err := termsOf(p.Senders, a)
	if err != nil {
		return Proposal{}, err
	}
	l := &linter{ctx: ctx, found: map[finding.Severity]int{}}
	if r != nil {
		if p.Present, err = findRecords(ctx, r, domain); err != nil {
			l.unknown(domain, err, a)
		}
	}
	if len(p.Present)+len(l.findings)+len(a.Senders)+len(terms) == 0 && !a.Nothing {
		return Proposal{}, wording.Errorf("%s has no SPF record, and nobody was named who sends for it; name the senders, or say that it sends nothing", domain)
	}
	p.Findings = l.findings
	if err != nil && !a.anew() {
		return p, nil
	}
	e, err := edit(p.Present, Want{domain, terms, a.All}, a)
	if faults, bad := err.(Faults); bad {
		l.syntax(domain, faults)
		p.Findings = l.findings
		return p, nil
	}
	if err != nil {
		return Proposal{}, err
	}
	p.Edited, p.Zone = e, ZoneLine(domain, e.Record)
	p.judge(ctx, r, known, a.Seen)
	return p, nil
}

// judge tries the record.
func (p *Proposal) judge(ctx context.Context, r dns.Resolver, known []Sender, seen []Source) {
	var report Report
	if r == nil {
		report = static(p.Domain, p.Record)
	} else {
		with := proposed{r, p.Domain, p.Record}
		report, p.Counted = Lint(ctx, with, p.Domain), true
		p.Missing = missing(ctx, with, p.Domain, known, seen)
		for _, m := range p.Missing {
			report.Findings = append(report.Findings, m.Finding(p.Domain))
		}
	}
	p.Tree, p.Findings = report.Tree, append(p.Findings, report.Findings...)
	slices.SortStableFunc(p.Findings, func(a, b Finding) int { return finding.Compare(a.Severity, b.Severity) })
}

// anew reports whether the present record does not matter.
func (a *Answers) anew() bool { return a.Fresh || a.Nothing }

// unknown says that the present record is not known, which is no hindrance where it does not matter.
func (l *linter) unknown(domain string, err error, a Answers) {
	l.fault(domain, Span{}, "TXT "+domain, err)
	if a.anew() {
		f := &l.findings[len(l.findings)-1]
		f.Severity, f.Code = finding.Warning, "present-unknown"
		f.Expected, f.Change = wording.Say("to know what the new record takes the place of"), wording.Say("delete every other TXT record of %s that begins with %q", domain, version)
	}
}

// edit is Edit, or a record that owes nothing to the present one.
func edit(present []string, want Want, a Answers) (Edited, error) {
	if want.All == "" && len(a.Senders) > 0 && (len(present) == 0 || a.Fresh) {
		want.All = SoftFail // even where none of them needs a term: somebody sends
	}
	if !a.anew() {
		return Edit(present, want)
	}
	if a.Nothing {
		want.All = Fail
	}
	e, err := Edit(nil, want)
	if len(present) > 0 && err == nil {
		e.Present, e.Changed = present, len(present) != 1 || present[0] != e.Record
		e.Done = []wording.Text{wording.Say("the record was written anew, without regard to the present one")}
	}
	return e, err
}

// static looks at a new record, which has no redirect and nothing behind its end, without asking anybody.
func static(domain, text string) Report {
	l := &linter{known: map[string]*Node{}, found: map[finding.Severity]int{}}
	n := &Node{Domain: domain, Record: text}
	r, _ := Parse(text)
	l.ending(domain, r, true)
	l.inspect(domain, r, true)
	l.size(domain, text, []string{text})
	for i := range r.Mechanisms {
		if r.Mechanisms[i].looksUp() {
			n.cost(1, 0)
		}
	}
	l.count(n)
	if n.Lookups > 0 {
		l.add(Finding{
			Severity: finding.Note, Code: "not-counted", Domain: domain, Found: wording.Say("no DNS server was asked, so only the %d look-ups of the record itself were counted", n.Lookups),
			Expected: wording.Say("at most %d with those of all that it includes", MaxLookups), Change: wording.Say("look at it with: budkavle spf lint, once it is published"),
		})
	}
	return Report{Tree: n, Findings: l.findings}
}
