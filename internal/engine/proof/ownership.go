package proof

import (
	"strings"

	"github.com/budkavle/budkavle/internal/base/finding"
	"github.com/budkavle/budkavle/internal/base/wording"
)

// ownership looks for the token.
func (p *part) ownership() State {
	want := ownershipRecord(p.e)
	name := trimmed(want.Name)
	found, err := p.txt(SubjectOwnership, name, has(want.Value))
	state := Proved
	switch {
	case faulty(err):
		state = p.fault(SubjectOwnership, "TXT "+name, err)
	case err == nil && has(want.Value)(found):
	default:
		state = p.unproved(want, name, found)
	}
	p.answered(want, state, found...)
	return state
}

// unproved says what stands in the token's place.
func (p *part) unproved(want Record, name string, found []string) State {
	f := finding.Finding{
		Severity: finding.Error, Subject: SubjectOwnership, Name: name, Expected: wording.Say("a TXT record with the text %s", want.Value), Change: wording.Say("publish it as it stands here"),
	}
	state := Wrong
	for _, txt := range found {
		switch bare := strings.Trim(txt, "\" \t"); {
		case bare == want.Value:
			f.Code, f.Found = "quotes", wording.Say("the text has quotes or spaces around it: %s", txt)
			f.Change = wording.Say("leave the quotes out; the DNS service adds them itself")
		case f.Code == "" && strings.HasPrefix(bare, OwnershipPrefix):
			f.Code, f.Found = "other-token", wording.Say("the token of another account, or an older one: %s", txt)
			f.Change = wording.Say("put the text expected here in its place")
		}
	}
	if f.Code != "" {
		p.add(f)
		return state
	}
	if p.misplaced(SubjectOwnership, name) {
		return Wrong
	}
	apex, err := p.last().LookupTXT(p.ctx, p.e.Domain)
	switch {
	case err == nil && has(want.Value)(apex.Records):
		f.Code, f.Found, f.Change = "at-domain", wording.Say("the text is at %s itself", p.e.Domain), wording.Say("publish it at %s instead", name)
	case len(found) > 0: // a wildcard
		f.Code, f.Found = "not-token", wording.Say("another text: %s", shorten(found[0]))
	default:
		f.Code, f.Found, state = "missing", wording.Say("no such record"), Missing
	}
	p.add(f)
	return state
}

// shorten keeps a foreign text within a line.
func shorten(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "…"
	}
	return s
}
