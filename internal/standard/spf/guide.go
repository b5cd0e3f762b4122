package spf

import (
	"context"
	"net/netip"
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
// terms of the new one and leaves Seen out. Wrong answers are errors, and so is a present record that could not be
// looked up, for a second one would be the end of the first. Faults of a present record that cannot be read are Findings, and
// Record is empty then.
func Build(ctx context.Context, r dns.Resolver, a Answers) (Proposal, error) {
	domain := strings.ToLower(aLabels(strings.TrimSuffix(a.Domain, ".")))
	if !isName(domain) || !strings.Contains(domain, ".") {
		return Proposal{}, wording.Errorf("%q is not a domain name such as school.example", a.Domain)
	}
	known := Senders()
	senders, err := choose(known, a.Senders)
	if err != nil {
		return Proposal{}, err
	}
	terms, err := termsOf(senders, a)
	if err != nil {
		return Proposal{}, err
	}
	present, err := presentRecords(ctx, r, domain, a.Fresh || a.Nothing)
	if err != nil {
		return Proposal{}, err
	}
	if len(present)+len(terms)+len(senders) == 0 && !a.Nothing {
		return Proposal{}, wording.Errorf("%s has no SPF record, and nobody was named who sends for it; name the senders, or say that it sends nothing", domain)
	}
	p := Proposal{Domain: domain, Senders: senders, Missing: []Missing{}}
	if p.Edited, err = edit(present, Want{domain, terms, a.All}, a); err != nil {
		faults, bad := err.(Faults)
		if !bad {
			return Proposal{}, err
		}
		l := &linter{found: map[finding.Severity]int{}}
		l.syntax(domain, faults)
		p.Present, p.Done, p.Findings = present, []wording.Text{}, l.findings
		return p, nil
	}
	p.Zone = ZoneLine(domain, p.Record)
	report := static(domain, p.Record)
	if r != nil {
		with := proposed{r, domain, p.Record}
		report, p.Counted = Lint(ctx, with, domain), true
		p.Missing = missing(ctx, with, domain, known, a.Seen)
		for _, m := range p.Missing {
			report.Findings = append(report.Findings, m.finding(domain))
		}
	}
	p.Tree, p.Findings = report.Tree, report.Findings
	slices.SortStableFunc(p.Findings, func(a, b Finding) int { return finding.Compare(a.Severity, b.Severity) })
	return p, nil
}

// edit is Edit, or a record that owes nothing to the present one.
func edit(present []string, want Want, a Answers) (Edited, error) {
	if a.Nothing {
		want.All = Fail
	} else if !a.Fresh {
		return Edit(present, want)
	}
	e, err := Edit(nil, want)
	if len(present) > 0 && err == nil {
		e.Present, e.Changed = present, len(present) != 1 || present[0] != e.Record
		e.Done = []wording.Text{wording.Say("the record was written anew, without regard to the present one")}
	}
	return e, err
}

// termsOf gives the mechanisms for those who send.
func termsOf(senders []Sender, a Answers) ([]string, error) {
	if a.Nothing && len(a.Senders)+len(a.Includes)+len(a.Servers) > 0 {
		return nil, wording.Errorf("the domain sends nothing, and yet senders are named; leave out one of the two")
	}
	var terms []string
	for _, s := range a.Servers {
		term, err := serverTerm(s)
		if err != nil {
			return nil, err
		}
		terms = append(terms, term)
	}
	for _, s := range senders {
		for _, name := range s.Include {
			terms = append(terms, "include:"+name)
		}
	}
	for _, s := range a.Includes {
		name := aLabels(strings.TrimPrefix(s, "include:"))
		if bare := strings.TrimSuffix(name, "."); !strings.Contains(name, "%") && (!isName(bare) || !strings.Contains(bare, ".")) {
			return nil, wording.Errorf("%q is not a domain name such as _spf.host.example", s)
		}
		terms = append(terms, "include:"+name)
	}
	return terms, nil
}

// serverTerm is the mechanism for one of the domain's own servers.
func serverTerm(s string) (string, error) {
	kind := func(a netip.Addr) string {
		if a.Is4() {
			return "ip4:"
		}
		return "ip6:"
	}
	if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return kind(addr) + addr.String(), nil
	}
	if net, err := netip.ParsePrefix(s); err == nil {
		return kind(net.Addr()) + net.Masked().String(), nil
	}
	if strings.EqualFold(s, string(MX)) || strings.EqualFold(s, string(A)) {
		return strings.ToLower(s), nil
	}
	name := strings.TrimSuffix(aLabels(s), ".")
	if !isName(name) || !strings.Contains(name, ".") {
		return "", wording.Errorf("%q is no address, network or host name; give one such as 192.0.2.1, 2001:db8::/32 or mail.school.example, or mx", s)
	}
	return "a:" + name, nil
}

// presentRecords looks up the SPF records that a domain has now. anyway: that they are not known is no reason to stop.
func presentRecords(ctx context.Context, r dns.Resolver, domain string, anyway bool) ([]string, error) {
	if r == nil {
		return nil, nil
	}
	records, err := findRecords(ctx, r, domain)
	if err != nil && !anyway {
		return nil, wording.Errorf("the present record of %s could not be looked up: %s; try again, so that it gets no second one", domain, dns.Reason(err))
	}
	return records, nil
}

// static looks at a record without asking anybody.
func static(domain, text string) Report {
	l := &linter{known: map[string]*Node{}, found: map[finding.Severity]int{}}
	n := &Node{Domain: domain, Record: text}
	r, _ := Parse(text)
	l.ending(domain, r, true)
	l.inspect(domain, r, true)
	l.size(domain, text, []string{text})
	for i := range r.Mechanisms {
		if r.Mechanisms[i].Kind == All {
			break
		}
		if r.Mechanisms[i].looksUp() {
			n.cost(1, 0)
		}
	}
	if r.Redirect != nil && r.all() == nil {
		n.cost(1, 0)
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
