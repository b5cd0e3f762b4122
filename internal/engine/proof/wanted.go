package proof

import (
	"net/netip"
	"strings"

	"github.com/budkavle/budkavle/internal/standard/dkim"
	"github.com/budkavle/budkavle/internal/standard/dmarc"
	"github.com/budkavle/budkavle/internal/standard/spf"
)

// OwnershipPrefix begins the TXT record that proves ownership; the domain's token follows.
const OwnershipPrefix = "budkavle-verification="

// OwnershipName is where that record is, with closing dot.
func OwnershipName(domain string) string { return "_budkavle-challenge." + domain + "." }

// Wanted lists what the owner of a domain publishes, in the order in which a person goes through it. now are the TXT records
// at the domain and at its _dmarc name, others among them are passed over: what is there is changed as little as it can be, and
// never joined by a second record of its kind. An SPF record that cannot be read is not in the list: it must be mended first.
func Wanted(e Expected, now []string) []Record {
	list := []Record{ownershipRecord(e)}
	for _, k := range e.Keys {
		list = append(list, keyRecord(e, k))
	}
	if e.ReturnPath != "" {
		list = append(list, returnRecord(e))
	}
	if r, ok := spfRecord(e, now); ok {
		list = append(list, r)
	}
	return append(list, dmarcRecord(e, now))
}

func ownershipRecord(e Expected) Record {
	return Record{Subject: SubjectOwnership, Name: OwnershipName(e.Domain), Type: "TXT", Value: OwnershipPrefix + e.Token}
}

func keyRecord(e Expected, k Key) Record {
	r := Record{Subject: SubjectDKIM, Name: fqdn(keyName(e.Domain, k.Selector)), Type: "TXT", Value: dkim.Record(k.Algorithm, k.Public)}
	if k.Target != "" {
		r.Type, r.Value = "CNAME", fqdn(k.Target)
	}
	r.Optional = k.Algorithm != dkim.RSA
	return r
}

func keyName(domain, selector string) string { return selector + "._domainkey." + domain }

func returnRecord(e Expected) Record {
	return Record{Subject: SubjectReturnPath, Name: fqdn(e.ReturnPath), Type: "CNAME", Value: fqdn(e.ReturnTarget)}
}

// spfRecord is the domain's own record after the smallest change. It is optional beside an aligned return path.
func spfRecord(e Expected, now []string) (Record, bool) {
	terms := terms(e.Include, e.Sources)
	if len(terms) == 0 {
		return Record{}, false
	}
	edited, err := spf.Edit(now, spf.Want{Domain: e.Domain, Terms: terms})
	if err != nil {
		return Record{}, false
	}
	return Record{Subject: SubjectSPF, Name: fqdn(e.Domain), Type: "TXT", Value: edited.Record, Optional: e.ReturnPath != ""}, true
}

// terms are the mechanisms that let us send.
func terms(include string, sources []netip.Addr) []string {
	if include != "" {
		return []string{"include:" + trimmed(include)}
	}
	var list []string
	for _, a := range sources {
		kind := "ip6:"
		if a.Unmap().Is4() {
			kind = "ip4:"
		}
		list = append(list, kind+a.Unmap().WithZone("").String())
	}
	return list
}

// dmarcRecord is the first step, at which receivers report and treat mail as before. Where there is a record already, all that
// is asked for is that reports come here too.
func dmarcRecord(e Expected, now []string) Record {
	r := Record{Subject: SubjectDMARC, Name: "_dmarc." + fqdn(e.Domain), Type: "TXT", Value: "v=DMARC1; p=none"}
	if e.ReportTo != "" {
		r.Value += "; rua=mailto:" + e.ReportTo
	}
	for _, txt := range now {
		if dmarc.IsRecord(txt) {
			r.Value, r.Optional = withReports(txt, e.ReportTo), true
			break
		}
	}
	return r
}

// withReports adds a mailbox to rua= and leaves all else as it is.
func withReports(record, mailbox string) string {
	if mailbox == "" || strings.Contains(strings.ToLower(record), "mailto:"+strings.ToLower(mailbox)) {
		return record
	}
	fields := strings.Split(record, ";")
	for i, f := range fields {
		if name, value, ok := strings.Cut(f, "="); ok && strings.TrimSpace(name) == "rua" && strings.TrimSpace(value) != "" {
			fields[i] = strings.TrimRight(f, " \t") + ",mailto:" + mailbox
			return strings.Join(fields, ";")
		}
	}
	return strings.TrimRight(record, "; \t") + "; rua=mailto:" + mailbox
}

// ReturnPathOtherwise is what to publish for the return path where the name cannot be an alias, since other records are
// there: MX to each of the hosts that take bounces, and SPF.
func ReturnPathOtherwise(e Expected, hosts []string) []Record {
	var list []Record
	for _, h := range hosts {
		list = append(list, Record{Subject: SubjectReturnPath, Name: fqdn(e.ReturnPath), Type: "MX", Value: "10 " + fqdn(h)})
	}
	value := "v=spf1 " + strings.Join(terms(e.Include, e.Sources), " ") + " -all"
	return append(list, Record{Subject: SubjectReturnPath, Name: fqdn(e.ReturnPath), Type: "TXT", Value: value})
}
