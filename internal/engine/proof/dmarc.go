package proof

import (
	"slices"
	"strings"

	"github.com/budkavle/budkavle/internal/base/finding"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/standard/dmarc"
)

// maxReportTo bounds the mailboxes for reports whose permission is looked up; RFC 9990 4 has receivers take a few.
const maxReportTo = 5

// dmarc finds the policy in force by the tree walk, and whether how we send is aligned with it.
func (p *part) dmarc() (State, string) {
	found, err := dmarc.Discover(p.ctx, p.c.Resolver, p.e.Domain)
	if !faulty(err) && p.c.Authority != nil && (found.Record == nil || found.Record.Void || worst(found) == finding.Error) {
		if fresh, ferr := dmarc.Discover(p.ctx, p.c.Authority, p.e.Domain); !faulty(ferr) {
			if fresh.Record != nil && found.Record == nil {
				p.cached(SubjectDMARC, "_dmarc."+fresh.At, p.expiry("_dmarc."+fresh.At))
			}
			found, err = fresh, ferr
		}
	}
	if faulty(err) {
		return p.fault(SubjectDMARC, "TXT _dmarc."+p.e.Domain, err), ""
	}
	var texts []string
	if len(found.Steps) > 0 {
		texts = found.Steps[0].Texts
	}
	state, policy := p.judgeDMARC(found, texts), ""
	want := dmarcRecord(p.e, texts)
	if p.any && found.Record != nil {
		want.Name, want.Value, texts = "_dmarc."+fqdn(found.At), found.Record.Text, []string{found.Record.Text}
	}
	if found.Record != nil {
		policy = string(found.Record.PolicyFor(found.Below(), true))
		p.aligned(found)
		p.permitted(found)
		if found.Below() { // it speaks for this domain too
			want.Optional = true
		}
	}
	p.answered(want, state, texts...)
	return state, policy
}

func worst(f dmarc.Found) finding.Severity {
	for _, s := range f.Steps {
		if s.Domain == f.At {
			return s.Faults.Worst()
		}
	}
	return ""
}

// judgeDMARC says whether there is a record that receivers apply.
func (p *part) judgeDMARC(found dmarc.Found, texts []string) State {
	name := "_dmarc." + p.e.Domain
	f := finding.Finding{Severity: finding.Error, Subject: SubjectDMARC, Name: name, Expected: wording.Say("one TXT record that begins with v=DMARC1; at least %s", "v=DMARC1; p=none")}
	for _, s := range found.Steps {
		if len(s.Texts) > 1 {
			f.Code, f.Name = "two-records", "_dmarc."+s.Domain
			f.Found, f.Change = wording.Say("%d DMARC records, which count as none", len(s.Texts)), wording.Say("leave one of them")
			p.add(f)
		}
		if s.Domain == found.At {
			for _, fault := range s.Faults {
				p.add(finding.Finding{
					Severity: fault.Severity, Subject: SubjectDMARC, Code: fault.Code, Name: "_dmarc." + s.Domain, Found: wording.Say("%s, octet %d: %s", fault.Text, fault.Offset, fault.Problem),
					Expected: wording.Say("a record that receivers read as it was meant (RFC 9989 4.7)"), Change: fault.Change,
				})
			}
		}
	}
	switch {
	case found.Record != nil && found.Record.Void:
		return Wrong // its faults say why
	case found.Record != nil:
		return Proved
	case f.Code == "two-records":
		return Wrong
	case p.misplaced(SubjectDMARC, name):
		return Wrong
	}
	f.Code, f.Found, f.Change = "missing", wording.Say("no such record, neither here nor above"), wording.Say("publish: %s", dmarcRecord(p.e, nil).Value)
	state := Missing
	if answer, err := p.last().LookupTXT(p.ctx, name); err == nil {
		state, f.Code, f.Found = Wrong, "not-dmarc", wording.Say("a text that is no DMARC record for receivers: %s", shorten(answer.Records[0]))
	}
	p.add(f)
	return state
}

// aligned compares strict modes with how mail is really sent: signed as the domain, under the return path.
func (p *part) aligned(found dmarc.Found) {
	name := "_dmarc." + found.At
	if p.e.ReturnPath != "" && trimmed(p.e.ReturnPath) != p.e.Domain && found.Record.SPF == dmarc.Strict {
		p.strictSPF = true
		p.add(finding.Finding{
			Severity: finding.Warning, Subject: SubjectDMARC, Code: "strict-spf", Name: name, Found: wording.Say("aspf=s, and mail goes out under %s", trimmed(p.e.ReturnPath)),
			Expected: wording.Say("aspf=r, so that SPF counts too where a signature is broken on the way"), Change: wording.Say("remove aspf=s; DKIM alone carries the mail until then"),
		})
	}
	below := func(a string) bool { return strings.HasSuffix(domainOf(a), "."+p.e.Domain) }
	if i := slices.IndexFunc(p.e.Senders, below); i >= 0 && found.Record.DKIM == dmarc.Strict {
		p.add(finding.Finding{
			Severity: finding.Error, Subject: SubjectDMARC, Code: "strict-dkim", Name: name, Found: wording.Say("adkim=s, and mail from %s is signed as %s", p.e.Senders[i], p.e.Domain),
			Expected: wording.Say("adkim=r, so that the signature counts for subdomains"), Change: wording.Say("remove adkim=s, or add %s as a domain of its own", domainOf(p.e.Senders[i])),
		})
	}
}

// permitted asks whether mailboxes of other organisations want the reports (RFC 9990 3): without, receivers send none there.
func (p *part) permitted(found dmarc.Found) {
	for _, uri := range found.Record.Aggregate[:min(len(found.Record.Aggregate), maxReportTo)] {
		domain := domainOf(uri.Address)
		if domain == "" || domain == found.Organisation || strings.HasSuffix(domain, "."+found.Organisation) {
			continue
		}
		name := found.At + "._report._dmarc." + domain
		records, err := p.txt(SubjectDMARC, name, func(list []string) bool { return slices.ContainsFunc(list, dmarc.IsRecord) })
		switch {
		case faulty(err):
			p.fault(SubjectDMARC, "TXT "+name, err)
		case !slices.ContainsFunc(records, dmarc.IsRecord):
			p.add(finding.Finding{
				Severity: finding.Warning, Subject: SubjectDMARC, Code: "report-refused", Name: name, Found: wording.Say("%s does not say that it takes reports about %s", domain, found.At),
				Expected: wording.Say("a TXT record v=DMARC1 there (RFC 9990 4)"), Change: wording.Say("ask the owner of %s to publish it, or remove the mailbox from rua", domain),
			})
		}
	}
}

// domainOf is the domain of an address in lower case; empty if it has none.
func domainOf(address string) string {
	return trimmed(address[strings.LastIndexByte(address, '@')+1:])
}
