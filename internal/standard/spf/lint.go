package spf

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/budkavle/budkavle/internal/base/finding"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/standard/dns"
)

// Finding is one thing about a record.
type Finding struct {
	Severity finding.Severity `json:"severity"`
	Code     string           `json:"code"` // for programs, such as "too-many-lookups"
	Domain   string           `json:"domain"`
	Term     string           `json:"term,omitempty"` // empty: the record as a whole
	Offset   int              `json:"offset"`         // of the term, in octets of the record
	Found    wording.Text     `json:"found"`
	Expected wording.Text     `json:"expected"`
	Change   wording.Text     `json:"change"` // what to do
}

// Node is a domain in the tree of includes and redirects.
type Node struct {
	Domain   string  `json:"domain"`
	Term     string  `json:"term,omitempty"`   // what leads here; empty at the top
	Record   string  `json:"record,omitempty"` // empty: there is none that counts
	Lookups  int     `json:"lookups"`          // terms that look up in this record and below
	Voids    int     `json:"voids"`            // of them without an answer
	Repeated bool    `json:"repeated,omitempty"`
	Below    []*Node `json:"below,omitempty"` // empty where Repeated
}

// Report is what Lint found. Lookups and Voids are those of the top.
type Report struct {
	Tree     *Node     `json:"tree"`
	Findings []Finding `json:"findings"` // the worst first
}

// Faulty reports whether there is anything that must be mended, or that could not be told.
func (r *Report) Faulty() bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Severity == finding.Error || f.Severity == finding.Unknown })
}

const (
	// maxQuestions bounds what one Lint asks. A tree within the limits needs one for each of its 11 records and at most
	// two for each of 10 terms.
	maxQuestions = 200
	// maxFindings bounds a report, for each severity: a record of 64 kB can have 10,000 faults, which nobody reads, and
	// warnings must not crowd out errors.
	maxFindings = 100
	// maxCount is where counting ends: a tree that includes itself twice over doubles with each level.
	maxCount = 999
)

// legacyResolver is a resolver that knows the withdrawn type SPF. dns.Client does.
type legacyResolver interface {
	LookupSPF(ctx context.Context, name string) (dns.Answer[string], error)
}

// Lint looks for faults in a domain's record and in all that it includes. It counts what a message would cost that
// matches nothing before the end, which is the worst case.
func Lint(ctx context.Context, r dns.Resolver, domain string) Report {
	l := &linter{ctx: ctx, dns: r, known: map[string]*Node{}, found: map[finding.Severity]int{}}
	domain = strings.ToLower(aLabels(strings.TrimSuffix(domain, ".")))
	root := &Node{Domain: domain}
	if !isName(domain) || !strings.Contains(domain, ".") {
		l.add(Finding{
			Severity: finding.Error, Code: "bad-domain", Domain: domain,
			Found: wording.Say("%q is not a domain name", domain), Expected: wording.Say("a domain such as school.example"), Change: wording.Say("check the spelling"),
		})
	} else {
		root = l.domain(domain, origin{}, true, nil)
		l.count(root)
		l.legacy(domain)
	}
	slices.SortStableFunc(l.findings, func(a, b Finding) int {
		return finding.Compare(a.Severity, b.Severity)
	})
	return Report{Tree: root, Findings: l.findings}
}

type linter struct {
	ctx      context.Context
	dns      dns.Resolver
	known    map[string]*Node // domains seen; at most maxQuestions
	findings []Finding
	found    map[finding.Severity]int
	asked    int
	named    bool // %{p} was counted, which costs one look-up in a whole tree
}

func (l *linter) add(f Finding) {
	if l.found[f.Severity]++; l.found[f.Severity] <= maxFindings {
		l.findings = append(l.findings, f)
	}
}

// may takes one of the questions that are allowed.
func (l *linter) may() bool {
	if l.asked++; l.asked == maxQuestions+1 {
		l.add(Finding{
			Severity: finding.Unknown, Code: "too-large", Found: wording.Say("the tree needs over %d questions; the rest was not looked at", maxQuestions),
			Expected: wording.Say("a tree within the limits of SPF"), Change: wording.Say("mend what is found here first"),
		})
	}
	return l.asked <= maxQuestions
}

// count measures the whole tree by the limits of RFC 7208 4.6.4.
func (l *linter) count(root *Node) {
	if root.Lookups > MaxLookups {
		change := wording.Say("replace a and mx by ip4 and ip6, and remove what no longer sends")
		if worst := costliest(root); worst != nil {
			change = wording.Say("remove what no longer sends, and replace a and mx by ip4 and ip6; %s costs most: %d", worst.Term, worst.Lookups+1)
		}
		l.add(Finding{
			Severity: finding.Error, Code: "too-many-lookups", Domain: root.Domain,
			Found: wording.Say("%d look-ups in all", root.Lookups), Expected: wording.Say("at most %d; beyond that receivers answer permerror", MaxLookups), Change: change,
		})
	}
	if root.Voids > MaxVoids {
		l.add(Finding{
			Severity: finding.Error, Code: "too-many-voids", Domain: root.Domain,
			Found: wording.Say("%d look-ups without an answer", root.Voids), Expected: wording.Say("at most %d; beyond that receivers answer permerror", MaxVoids),
			Change: wording.Say("remove the terms whose names do not exist"),
		})
	}
}

func costliest(n *Node) *Node {
	if len(n.Below) == 0 {
		return nil
	}
	return slices.MaxFunc(n.Below, func(a, b *Node) int { return cmp.Compare(a.Lookups, b.Lookups) })
}

// legacy looks for a record of the withdrawn type.
func (l *linter) legacy(domain string) {
	r, ok := l.dns.(legacyResolver)
	if !ok || !l.may() {
		return
	}
	if _, err := r.LookupSPF(l.ctx, domain); err == nil {
		l.add(Finding{
			Severity: finding.Warning, Code: "type-spf", Domain: domain, Found: wording.Say("a record of type SPF (99)"),
			Expected: wording.Say("a TXT record alone; the type was withdrawn (RFC 7208 3.1)"), Change: wording.Say("remove the record of type SPF"),
		})
	}
}
