package proof

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/budkavle/budkavle/internal/base/finding"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/standard/dns"
)

// maxExchangers bounds the hosts whose addresses are looked up.
const maxExchangers = 10

func (p *part) mx(s finding.Severity, code, name string, found, expected, change wording.Text) {
	p.add(finding.Finding{Severity: s, Subject: SubjectMX, Code: code, Name: name, Found: found, Expected: expected, Change: change})
}

// exchangers asks whether replies and bounces can come back to the domain.
func (p *part) exchangers() {
	domain := p.e.Domain
	takes := func(list []dns.MX) bool { return len(list) > 0 && list[0].Host != "" }
	list, err := settle(p, SubjectMX, domain, func(r dns.Resolver) (dns.Answer[dns.MX], error) { return r.LookupMX(p.ctx, domain) }, takes)
	if p.any {
		p.seen(list, err)
	}
	switch {
	case faulty(err):
		p.fault(SubjectMX, "MX "+domain, err)
	case dns.Is(err, dns.NXDomain):
		p.mx(finding.Error, "no-domain", domain, wording.Say("the domain does not exist"), wording.Say("a domain that is registered and delegated to name servers"),
			wording.Say("check the spelling; see with the registrar that it is paid for and has name servers"))
	case err != nil:
		p.implicit()
	case len(list) == 1 && list[0].Host == "": // RFC 7505 3
		p.mx(finding.Error, "null-mx", domain, wording.Say("a null MX: the domain takes no mail"), wording.Say("a server that takes replies; many receivers refuse mail that cannot be answered (RFC 7505 4.2)"),
			wording.Say("publish MX records, or send from a domain that takes mail"))
	default:
		p.hosts(list)
	}
}

// seen notes the MX records that are there.
func (p *part) seen(list []dns.MX, err error) {
	state := Proved
	switch {
	case faulty(err):
		state = Unclear
	case err != nil:
		state = Missing
	case len(list) == 1 && list[0].Host == "":
		state = Wrong
	}
	var records []string
	for _, mx := range list {
		records = append(records, strconv.Itoa(int(mx.Preference))+" "+fqdn(mx.Host))
	}
	p.answered(Record{Subject: SubjectMX, Name: fqdn(p.e.Domain), Type: "MX"}, state, records...)
}

// implicit looks at a domain without MX, which is its own mail server (RFC 5321 5.1).
func (p *part) implicit() {
	domain := p.e.Domain
	addrs, err := p.addresses(domain)
	switch {
	case len(addrs) > 0:
		p.mx(finding.Warning, "implicit-mx", domain, wording.Say("no MX; replies go to the address of the domain itself, %s", addrs[0].String()), wording.Say("MX records that name the mail servers"),
			wording.Say("publish MX records, or a null MX (0 .) where no mail is taken"))
	case faulty(err):
		p.fault(SubjectMX, "A "+domain, err)
	default:
		p.mx(finding.Error, "no-mx", domain, wording.Say("neither MX nor an address: nobody can reply"), wording.Say("MX records that name the mail servers"),
			wording.Say("publish MX records; many receivers refuse mail from domains without"))
	}
}

func (p *part) addresses(name string) ([]netip.Addr, error) {
	four, err := p.c.Resolver.LookupA(p.ctx, name)
	if faulty(err) {
		return nil, err
	}
	six, err := p.c.Resolver.LookupAAAA(p.ctx, name)
	return append(four.Records, six.Records...), err
}

// hosts looks at each mail server.
func (p *part) hosts(list []dns.MX) {
	reached := 0
	for _, mx := range list[:min(len(list), maxExchangers)] {
		if p.host(mx.Host) {
			reached++
		}
	}
	if reached > 0 {
		return
	}
	for i := range p.findings {
		p.findings[i].Severity = finding.Error
	}
	if len(list) > 1 {
		p.mx(finding.Error, "unreachable", p.e.Domain, wording.Say("none of the %d mail servers can be reached from outside", len(list)), wording.Say("at least one that has a public address"),
			wording.Say("mend the MX records; nobody can reply until then"))
	}
}

// host looks at one mail server and reports whether it may be reached. What DNS does not tell counts as if it may.
func (p *part) host(host string) bool {
	domain := p.e.Domain
	switch _, err := netip.ParseAddr(strings.Trim(host, "[]")); {
	case host == "":
		p.mx(finding.Warning, "null-mx-beside", domain, wording.Say("a null MX beside other MX records"), wording.Say("one or the other (RFC 7505 3)"), wording.Say("remove the null MX (0 .)"))
		return false
	case err == nil:
		p.mx(finding.Error, "mx-address", domain, wording.Say("the MX record names the address %s", host), wording.Say("the name of a host (RFC 1035 3.3.9)"), wording.Say("give the host a name with an A record, and put that name in the MX record"))
		return false
	}
	if alias := p.alias(p.c.Resolver, host); alias != "" {
		p.mx(finding.Warning, "mx-alias", host, wording.Say("the mail server %s is an alias of %s", host, alias), wording.Say("a host with addresses of its own (RFC 5321 5.1)"), wording.Say("name %s in the MX record", alias))
	}
	addrs, err := p.addresses(host)
	outside := 0
	for _, a := range addrs {
		if p.c.Inside || !dns.Inside(a) {
			outside++
		}
	}
	switch {
	case outside > 0:
		return true
	case len(addrs) > 0:
		p.mx(finding.Warning, "mx-inside", host, wording.Say("%s is an address inside a private network", addrs[0].String()), wording.Say("a public address"), wording.Say("put the public address in its place, or remove the MX record"))
	case faulty(err):
		p.fault(SubjectMX, "A "+host, err)
		return true
	case strings.HasSuffix(host, "."+domain+"."+domain):
		right := strings.TrimSuffix(host, "."+domain)
		p.mx(finding.Error, "missing-dot", domain, wording.Say("an MX record to %s", fqdn(host)), wording.Say("an MX record to %s", fqdn(right)), wording.Say("write the target with a closing dot: %s", fqdn(right)))
	default:
		p.mx(finding.Warning, "mx-no-address", host, wording.Say("the mail server %s has no address", host), wording.Say("a host with an A or AAAA record"), wording.Say("mend the name in the MX record, or remove it"))
	}
	return false
}
