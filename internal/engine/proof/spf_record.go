package proof

import (
	"strings"

	"github.com/budkavle/budkavle/internal/base/finding"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/standard/spf"
)

// joined looks for strings of one record between which a space was lost: they are joined as they stand (RFC 7208 3.3).
func (p *part) joined(r dns.Resolver, domain string) {
	deep, ok := r.(dns.Deep)
	if !ok {
		return
	}
	answer, err := deep.LookupStrings(p.ctx, domain)
	if err != nil {
		return
	}
	for _, parts := range answer.Records {
		for i := 1; i < len(parts) && spf.IsRecord(strings.Join(parts, "")); i++ {
			before, after := parts[i-1], parts[i]
			if strings.HasSuffix(before, " ") || !beginsTerm(after) || len(before) == 255 {
				continue
			}
			p.add(finding.Finding{
				Severity: finding.Error, Subject: SubjectSPF, Code: "lost-space", Name: domain, Found: wording.Say("two strings are joined without a space: %s", before[strings.LastIndexByte(before, ' ')+1:]+firstTerm(after)),
				Expected: wording.Say("a space at the end of each string but the last"), Change: wording.Say("put a space at the end of the string before %s", firstTerm(after)),
			})
		}
	}
}

// beginsTerm reports whether a text begins with a whole term, and not in the midst of one.
func beginsTerm(s string) bool {
	r, err := spf.Parse("v=spf1 " + firstTerm(s))
	return err == nil && (len(r.Mechanisms) > 0 || r.Redirect != nil)
}

func firstTerm(s string) string {
	term, _, _ := strings.Cut(s, " ")
	return term
}

// linted is a finding of the lint as one of this check.
func (p *part) linted(f spf.Finding, s State) finding.Finding {
	g := finding.Finding{Severity: f.Severity, Subject: SubjectSPF, Code: f.Code, Name: f.Domain, Found: f.Found, Expected: f.Expected, Change: f.Change}
	if f.Term != "" {
		g.Found = wording.Say("%s, octet %d: %s", f.Term, f.Offset, f.Found)
	}
	if f.Code == "no-record" && s == Missing && f.Domain == p.e.Domain && f.Term == "" {
		if len(terms(p.e.Include, p.e.Sources)) > 0 {
			g.Change = wording.Say("publish the record that is shown for the domain")
		}
		if p.e.ReturnPath != "" {
			g.Severity = finding.Warning
		}
	}
	return g
}
