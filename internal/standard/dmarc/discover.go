package dmarc

import (
	"context"
	"strings"

	"github.com/budkavle/budkavle/internal/standard/address"
	"github.com/budkavle/budkavle/internal/standard/dns"
)

// MaxWalk is how many names one tree walk asks for at most (RFC 9989 4.10).
const MaxWalk = 8

// Found is what a tree walk found for a domain.
type Found struct {
	Domain       string  // whose walk it is: A-labels, lower case, no closing dot
	Record       *Record // that applies to mail From the domain; nil: none
	At           string  // the domain that has it: Domain, its organisational domain, or the public suffix; empty: none
	Organisation string  // organisational domain of Domain; Domain itself where no record says otherwise
	Steps        []Step  // names asked for, from Domain upwards
}

// Step is one name of a walk.
type Step struct {
	Domain string
	Record *Record  // nil: none, or several
	Faults Faults   // of Record
	Texts  []string // v=DMARC1 records that are there: several count as none
}

// Below reports whether the record was found above the domain, so that sp or np speak for it.
func (f *Found) Below() bool { return f.At != "" && f.At != f.Domain }

// Discover walks up the tree of names from a domain (RFC 9989 4.10). The error is a *dns.Error for the first name that could
// not be asked for: what lies above it might decide, so nothing is found then.
func Discover(ctx context.Context, r dns.Resolver, domain string) (Found, error) {
	name, err := address.ParseDomain(strings.TrimSuffix(domain, "."))
	if err != nil || strings.HasPrefix(name, "[") {
		return Found{}, &dns.Error{Kind: dns.BadName, Name: domain, Type: "TXT"}
	}
	f := Found{Domain: name, Organisation: name}
	labels := strings.Split(name, ".")
	for x := len(labels); x > 0; {
		step, err := lookUp(ctx, r, strings.Join(labels[len(labels)-x:], "."))
		if err != nil {
			return Found{Domain: name}, err
		}
		f.Steps = append(f.Steps, step)
		if step.Record != nil && step.Record.PSD != SuffixOpen {
			break // steps 2 and 6
		}
		x = min(x-1, MaxWalk-1) // step 4: of a long name, seven labels remain
	}
	f.Organisation = f.organisation()
	f.apply()
	return f, nil
}

// lookUp asks for the record of one domain.
func lookUp(ctx context.Context, r dns.Resolver, domain string) (Step, error) {
	s := Step{Domain: domain}
	answer, err := r.LookupTXT(ctx, "_dmarc."+domain)
	if err != nil && !dns.IsDenied(err) && !dns.Is(err, dns.BadName) { // a name too long to be asked for has no record
		return s, err
	}
	for _, txt := range answer.Records {
		if IsRecord(txt) {
			s.Texts = append(s.Texts, txt)
		}
	}
	if len(s.Texts) == 1 { // steps 2 and 6: several are discarded
		s.Record, s.Faults = Parse(s.Texts[0])
	}
	return s, nil
}

// organisation is chosen from the longest name to the shortest (RFC 9989 4.10.2).
func (f *Found) organisation() string {
	org := f.Domain
	for i, s := range f.Steps {
		switch {
		case s.Record == nil:
		case s.Record.PSD == NoSuffix:
			return s.Domain
		case s.Record.PSD == IsSuffix && i > 0:
			below := strings.TrimSuffix(f.Domain, "."+s.Domain)
			return below[strings.LastIndexByte(below, '.')+1:] + "." + s.Domain
		default:
			org = s.Domain // the one with the fewest labels remains
		}
	}
	return org
}

// apply picks the record of the domain, else of its organisation, else of the public suffix above it (RFC 9989 4.10.1).
func (f *Found) apply() {
	for _, domain := range []string{f.Domain, f.Organisation} {
		for _, s := range f.Steps {
			if s.Record != nil && s.Domain == domain {
				f.Record, f.At = s.Record, s.Domain
				return
			}
		}
	}
	if last := f.Steps[len(f.Steps)-1]; last.Record != nil && last.Record.PSD == IsSuffix {
		f.Record, f.At = last.Record, last.Domain
	}
}
