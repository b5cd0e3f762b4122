package proof

import (
	"slices"
	"strings"

	"github.com/budkavle/budkavle/internal/base/finding"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/standard/spf"
)

// returnPath asks whether bounces come back to us, and whether the name they come back to lets our addresses send.
func (p *part) returnPath() State {
	if p.e.ReturnPath == "" {
		return ""
	}
	want := returnRecord(p.e)
	name, target := trimmed(p.e.ReturnPath), trimmed(p.e.ReturnTarget)
	alias, found, err := p.leads(name, target)
	if faulty(err) {
		state := p.fault(SubjectReturnPath, "MX "+name, err)
		p.answered(want, state)
		return state
	}
	state := Proved
	if !found {
		state = p.astray(name, target, alias)
	} else if refused, _ := p.refused(SubjectReturnPath, name); len(refused) > 0 {
		state = p.returnRefused(name, alias, refused)
	}
	var has []string
	if alias != "" {
		has = []string{fqdn(alias)}
	}
	p.answered(want, state, has...)
	return state
}

// leads reports whether a name is an alias of the target, or has MX records of the same hosts.
func (p *part) leads(name, target string) (alias string, ok bool, err error) {
	try := func(r dns.Resolver) (string, bool, error) {
		alias := p.alias(r, name)
		if alias == target {
			return alias, true, nil
		}
		ours, err := r.LookupMX(p.ctx, name)
		if err != nil {
			return alias, false, err
		}
		theirs, err := r.LookupMX(p.ctx, target)
		return alias, err == nil && slices.Equal(hosts(ours.Records), hosts(theirs.Records)), err
	}
	alias, ok, err = try(p.c.Resolver)
	if ok || faulty(err) || p.c.Authority == nil {
		return alias, ok, err
	}
	fresh, ok, ferr := try(p.c.Authority)
	if faulty(ferr) {
		return alias, false, err
	}
	if ok {
		p.cached(SubjectReturnPath, name, p.expiry(name))
	}
	return fresh, ok, ferr
}

func hosts(records []dns.MX) []string {
	var list []string
	for _, mx := range records {
		list = append(list, mx.Host)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// astray says where a return path leads that does not lead to us.
func (p *part) astray(name, target, alias string) State {
	f := finding.Finding{
		Severity: finding.Error, Subject: SubjectReturnPath, Name: name, Expected: wording.Say("a CNAME to %s", fqdn(target)),
		Change: wording.Say("publish it as it stands here; where other records are at the name, MX and SPF records as for %s do too", fqdn(target)),
	}
	state := Wrong
	switch {
	case alias != "" && isDotless(alias, target):
		f.Code, f.Found, f.Change = "missing-dot", wording.Say("a CNAME to %s", fqdn(alias)), wording.Say("write the target with a closing dot: %s", fqdn(target))
	case alias != "":
		f.Code, f.Found = "other-target", wording.Say("a CNAME to %s", fqdn(alias))
	case p.misplaced(SubjectReturnPath, name):
		return Wrong
	default:
		f.Code, f.Found, state = "missing", wording.Say("no such record"), Missing
		if answer, err := p.last().LookupMX(p.ctx, name); err == nil {
			f.Code, f.Found, state = "other-hosts", wording.Say("MX records to other hosts: %s", strings.Join(hosts(answer.Records), ", ")), Wrong
		}
	}
	p.add(f)
	return state
}

// isDotless reports an alias to which the name server has added the zone, since the closing dot is missing.
func isDotless(alias, target string) bool { return strings.HasPrefix(alias, target+".") }

// returnRefused says which of our addresses do not pass under the return path.
func (p *part) returnRefused(name, alias string, refused []refusal) State {
	first := refused[0].result
	if unclear(refused) {
		p.add(finding.Finding{
			Severity: finding.Unknown, Subject: SubjectReturnPath, Code: "dns", Name: name, Found: first.Reason,
			Expected: wording.Say("an answer, or that there is none"), Change: wording.Say("nothing yet; if it lasts, see that the name servers of the domain answer"),
		})
		return Unclear
	}
	f := p.notListed(refused)
	f.Severity, f.Subject, f.Name, f.Code = finding.Error, SubjectReturnPath, name, "return-spf"
	if alias != "" { // its records are the operator's
		f.Change = wording.Say("nothing in this domain: the operator must list the addresses in the SPF record of %s", p.e.ReturnTarget)
	} else if first.Verdict == spf.None {
		f.Change = wording.Say("publish an SPF record at the name: %s", "v=spf1 "+strings.Join(terms(p.e.Include, p.e.Sources), " ")+" -all")
	}
	p.add(f)
	return Wrong
}
