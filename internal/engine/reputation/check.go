package reputation

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/budkavle/budkavle/internal/base/finding"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/standard/address"
	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/standard/spf"
)

// Query is what is asked about an address.
type Query struct {
	IP    netip.Addr
	Helo  string // the name given with EHLO, in A-labels; empty: not checked
	SPF   string // the domain in whose SPF the address should lie; empty: not checked
	Lists []List // those of kind Addresses are asked
}

// Report is what was found about an address.
type Report struct {
	Address  netip.Addr        `json:"address"`
	PTR      []Name            `json:"ptr"`
	Helo     *Name             `json:"helo,omitempty"`
	SPF      *spf.Result       `json:"spf,omitempty"`
	Lists    []Listing         `json:"lists"`
	Findings []finding.Finding `json:"findings"` // the worst first
}

// DomainReport is what lists say of a domain.
type DomainReport struct {
	Domain   string            `json:"domain"` // A-labels
	Lists    []Listing         `json:"lists"`
	Findings []finding.Finding `json:"findings"` // the worst first
}

// Faulty reports whether mail from the address suffers, or whether that could not be told. That a list refuses to answer is a
// matter of the resolver, and says nothing of the address.
func (r *Report) Faulty() bool {
	return slices.ContainsFunc(r.Findings, func(f finding.Finding) bool {
		return f.Severity == finding.Error || f.Severity == finding.Unknown && f.Code != codeRefused || f.Code == codeListed
	})
}

// Check looks at an address from outside. It is done soon after the context is; what had no answer by then is Unknown.
func Check(ctx context.Context, r dns.Resolver, q Query) Report {
	q.IP = q.IP.Unmap().WithZone("")
	c := &check{ctx: ctx, dns: r, q: q, name: q.IP.String(), report: Report{Address: q.IP}}
	c.ptr()
	c.helo()
	c.spf()
	c.lists()
	finding.Sort(c.report.Findings)
	return c.report
}

// CheckDomain asks the lists of kind Domains about a domain. The error says that it is none.
func CheckDomain(ctx context.Context, r dns.Resolver, domain string, lists []List) (DomainReport, error) {
	name, err := address.ParseDomain(strings.TrimSuffix(domain, "."))
	if err != nil || strings.HasPrefix(name, "[") || !strings.Contains(name, ".") {
		return DomainReport{}, wording.Errorf("%q is not a domain such as school.example", domain)
	}
	c := &check{ctx: ctx, dns: r, name: name}
	base, err := publicsuffix.EffectiveTLDPlusOne(name)
	if err != nil {
		base = name // a public suffix itself
	}
	listings := askAll(ctx, r, ofKind(lists, Domains), subject{of: name, label: name, base: base, never: "invalid"})
	c.tell(listings)
	finding.Sort(c.report.Findings)
	return DomainReport{Domain: name, Lists: listings, Findings: c.report.Findings}, nil
}

// check is one run of Check or CheckDomain.
type check struct {
	ctx    context.Context
	dns    dns.Resolver
	q      Query
	name   string // what findings are about
	report Report
}

func (c *check) add(s finding.Severity, subject, code string, found, expected, change wording.Text) {
	c.report.Findings = append(c.report.Findings, finding.Finding{
		Severity: s, Subject: subject, Code: code, Name: c.name, Found: found, Expected: expected, Change: change,
	})
}

func (c *check) unknown(subject, code string, found wording.Text) {
	c.add(finding.Unknown, subject, code, found, wording.Say("an answer, or that there is none"), wording.Say("try again; if it stays, see that the resolver and the name servers asked answer"))
}

// spf asks whether the address may send for the domain.
func (c *check) spf() {
	if c.q.SPF == "" {
		return
	}
	r := spf.Check(c.ctx, c.dns, spf.Query{IP: c.q.IP, Sender: "postmaster@" + c.q.SPF, Helo: c.q.Helo})
	c.report.SPF = &r
	mechanism := "ip6:"
	if c.q.IP.Is4() {
		mechanism = "ip4:"
	}
	want := wording.Say("that the SPF record of %s passes the address", r.Domain)
	switch r.Verdict {
	case spf.Pass:
	case spf.TempError:
		c.unknown(SubjectSPF, "spf-unknown", r.Reason)
	case spf.None:
		c.add(finding.Error, SubjectSPF, "no-spf", r.Reason, want, wording.Say("publish one that names all who send for it, %s among them; budkavle spf build puts it together", mechanism+c.q.IP.String()))
	case spf.PermError:
		c.add(finding.Error, SubjectSPF, "spf-wrong", r.Reason, want, wording.Say("mend the record; see: budkavle spf lint %s", r.Domain))
	default:
		c.add(finding.Error, SubjectSPF, "not-in-spf", wording.Say("the result is %s: %s", string(r.Verdict), r.Reason), want,
			wording.Say("add %s in front of \"all\"", mechanism+c.q.IP.String()))
	}
}

func ofKind(lists []List, k Kind) []List {
	return slices.DeleteFunc(slices.Clone(lists), func(l List) bool { return l.Kind != k })
}

// DomainLists asks the same lists about one domain after another, for checks that want findings alone.
type DomainLists struct {
	Resolver dns.Resolver
	Lists    []List
}

// Domain is CheckDomain. What is no domain has no findings: whoever checks it finds that out first.
func (d DomainLists) Domain(ctx context.Context, domain string) []finding.Finding {
	r, err := CheckDomain(ctx, d.Resolver, domain, d.Lists)
	if err != nil {
		return nil
	}
	return r.Findings
}
