package proof

import (
	"slices"

	"github.com/budkavle/budkavle/internal/base/finding"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/standard/bimi"
	"github.com/budkavle/budkavle/internal/standard/dane"
	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/standard/mtasts"
	"github.com/budkavle/budkavle/internal/standard/tlsrpt"
)

// extra is a finding about something that is not needed to send. Of what is in order nothing is expected.
func (p *part) extra(s finding.Severity, code, name string, found, expected, change wording.Text) {
	p.add(finding.Finding{Severity: s, Subject: SubjectExtras, Code: code, Name: name, Found: found, Expected: expected, Change: change})
}

// extras looks at what makes mail to the domain safer and its sender better known; none of it is needed to send.
func (p *part) extras() {
	var hosts []string
	if answer, err := p.c.Resolver.LookupMX(p.ctx, p.e.Domain); err == nil {
		for _, mx := range answer.Records[:min(len(answer.Records), maxExchangers)] {
			if mx.Host != "" {
				hosts = append(hosts, mx.Host)
			}
		}
	}
	p.mtasts(hosts)
	p.tlsrpt()
	p.dane(hosts)
	p.bimi()
}

// optional looks up the texts of an extra; ok: there is an answer, be it that there are none.
func (p *part) optional(name string) (texts []string, ok bool) {
	answer, err := p.c.Resolver.LookupTXT(p.ctx, name)
	if faulty(err) {
		p.fault(SubjectExtras, "TXT "+name, err)
		return nil, false
	}
	return answer.Records, true
}

// mtasts looks at the policy that keeps mail to the domain encrypted (RFC 8461).
func (p *part) mtasts(hosts []string) {
	name := mtasts.RecordName(p.e.Domain)
	texts, ok := p.optional(name)
	if !ok {
		return
	}
	if len(texts) == 0 {
		p.extra(finding.Note, "mta-sts-none", name, wording.Say("no MTA-STS: mail to the domain can be sent in the clear, and be read on the way"), wording.Say("a policy, if mail to the domain is to be encrypted always (RFC 8461)"),
			wording.Say("nothing that is needed to send"))
		return
	}
	if _, err := mtasts.ParseRecord(texts); err != nil {
		p.extra(finding.Warning, "mta-sts-record", name, wording.Say("the MTA-STS record does not count: %s", err), wording.Say("one record v=STSv1; id=…"), wording.Say("mend the record, or remove it"))
		return
	}
	if p.c.Policies == nil {
		p.extra(finding.Note, "mta-sts", name, wording.Say("an MTA-STS record; the policy was not fetched"), wording.Text{}, wording.Text{})
		return
	}
	policy, err := p.c.Policies.Fetch(p.ctx, p.e.Domain)
	if err != nil {
		p.extra(finding.Warning, "mta-sts-policy", mtasts.Host(p.e.Domain), wording.Say("the MTA-STS policy cannot be fetched: %s", err), wording.Say("a policy at https://%s/.well-known/mta-sts.txt", mtasts.Host(p.e.Domain)), wording.Say("publish the policy, or remove the record"))
		return
	}
	severity := finding.Warning
	if policy.Mode == mtasts.Enforce {
		severity = finding.Error
	}
	for _, host := range hosts {
		if !policy.Allows(host) && policy.Mode != mtasts.None {
			p.extra(severity, "mta-sts-mx", host, wording.Say("the mail server %s is not in the MTA-STS policy, whose mode is %s", host, string(policy.Mode)), wording.Say("every mail server in the policy: senders deliver to no other when the mode is enforce"),
				wording.Say("add the line mx: %s to the policy, and change the id of the record", host))
			severity = finding.Warning // said once as an error
		}
	}
	p.extra(finding.Note, "mta-sts", name, wording.Say("MTA-STS, mode %s", string(policy.Mode)), wording.Text{}, wording.Text{})
}

// tlsrpt looks at whether the domain hears of trouble with TLS (RFC 8460).
func (p *part) tlsrpt() {
	name := tlsrpt.RecordName(p.e.Domain)
	texts, ok := p.optional(name)
	if !ok {
		return
	}
	_, err := tlsrpt.ParseRecord(texts)
	switch {
	case len(texts) == 0:
		p.extra(finding.Note, "tls-rpt-none", name, wording.Say("no TLS-RPT: nobody tells the domain when mail to it cannot be encrypted"), wording.Say("a mailbox for reports, beside MTA-STS or DANE (RFC 8460)"), wording.Say("nothing that is needed to send"))
	case err != nil:
		p.extra(finding.Warning, "tls-rpt-record", name, wording.Say("the TLS-RPT record does not count: %s", err), wording.Say("one record v=TLSRPTv1; rua=mailto:…"), wording.Say("mend the record, or remove it"))
	default:
		p.extra(finding.Note, "tls-rpt", name, wording.Say("TLS-RPT"), wording.Text{}, wording.Text{})
	}
}

// dane looks at the TLSA records of the mail servers. They bind nobody unless DNSSEC vouches for them (RFC 7672 2.2).
func (p *part) dane(hosts []string) {
	deep, ok := p.c.Resolver.(dns.Deep)
	if !ok || len(hosts) == 0 {
		return
	}
	bound := 0
	for _, host := range hosts {
		name := dane.RecordName(host, 25)
		answer, err := deep.LookupTLSA(p.ctx, name)
		switch {
		case faulty(err):
			p.fault(SubjectExtras, "TLSA "+name, err)
			return
		case err != nil:
			continue
		case !answer.Authentic:
			p.extra(finding.Note, "dane-unsigned", name, wording.Say("TLSA records without DNSSEC, or the resolver does not validate"), wording.Say("an answer that the resolver has validated; others bind nobody (RFC 7672 2.2)"),
				wording.Say("sign the zone, or ask a resolver that validates"))
			continue
		}
		bound++
		if i := slices.IndexFunc(answer.Records, func(r dns.TLSA) bool { return !dane.Fault(r).IsZero() }); i >= 0 {
			p.extra(finding.Warning, "dane-record", name, wording.Say("a TLSA record that cannot be used: %s", dane.Fault(answer.Records[i])), wording.Say("usage 3 or 2, as in 3 1 1 and the SHA-256 of the key (RFC 7672 3.1)"), wording.Say("mend the record, or remove it"))
		}
	}
	if bound > 0 {
		p.extra(finding.Note, "dane", p.e.Domain, wording.Say("DANE for %d of %d mail servers", bound, len(hosts)), wording.Text{}, wording.Text{})
	}
}

// bimi looks for a logo.
func (p *part) bimi() {
	name := bimi.RecordName("", p.e.Domain)
	texts, ok := p.optional(name)
	i := slices.IndexFunc(texts, bimi.IsRecord)
	if !ok || i < 0 {
		return
	}
	record, err := bimi.Parse(texts[i])
	switch {
	case err != nil:
		p.extra(finding.Warning, "bimi-record", name, wording.Say("the BIMI record does not count: %s", err), wording.Say("one record v=BIMI1; l=https://…; a=https://…"), wording.Say("mend the record, or remove it"))
	case !record.Declined():
		p.extra(finding.Note, "bimi", name, wording.Say("a BIMI logo, which mail programs show only beside a DMARC policy of quarantine or reject"), wording.Text{}, wording.Text{})
	}
}

// blocklists asks lists of domains.
func (p *part) blocklists() {
	if p.c.Blocklists != nil {
		p.findings = append(p.findings, p.c.Blocklists.Domain(p.ctx, p.e.Domain)...)
	}
}
