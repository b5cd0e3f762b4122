package proof

import (
	"context"
	"slices"

	"github.com/budkavle/budkavle/internal/base/finding"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/standard/dkim"
	"github.com/budkavle/budkavle/internal/standard/dns"
)

// everywhere asks every authoritative server for a key that is about to sign. One that does not answer receivers either does
// not speak against it.
func (p *part) everywhere(k Key) State {
	all, ok := p.c.Authority.(interface {
		LookupTXTEverywhere(ctx context.Context, name string) ([]dns.Shown, error)
	})
	if !ok {
		return Proved
	}
	name := keyName(p.e.Domain, k.Selector)
	shown, err := all.LookupTXTEverywhere(p.ctx, name)
	if err != nil {
		return p.fault(SubjectDKIM, "TXT "+name, err)
	}
	state, silent := Unclear, error(nil)
	for _, s := range shown {
		holds := slices.ContainsFunc(s.Records, func(txt string) bool {
			r, err := dkim.ParseRecord(txt)
			return err == nil && r.Holds(k.Algorithm, k.Public)
		})
		switch {
		case holds:
			state = Proved
		case faulty(s.Err):
			silent = s.Err
		default:
			p.add(finding.Finding{
				Severity: finding.Warning, Subject: SubjectDKIM, Code: "servers-disagree", Name: name, Found: wording.Say("%s does not have the new key yet", s.Server),
				Expected: wording.Say("the same from all %d name servers", len(shown)), Change: wording.Say("nothing yet; if it lasts, see that the zone is copied to all name servers"),
			})
			return Wrong
		}
	}
	if silent != nil {
		p.fault(SubjectDKIM, "TXT "+name, silent)
	}
	return state
}
