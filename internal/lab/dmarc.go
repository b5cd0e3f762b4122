package lab

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/emersion/go-msgauth/dmarc"
	mdns "github.com/miekg/dns"
)

// maxWalk is the labels of a name that a tree walk goes through one by one (RFC 9989 4.10).
const maxWalk = 8

// policy is a DMARC record and where it was found.
type policy struct {
	dmarc.Record
	domain string
	psd    string       // "y", "n", else unknown
	np     dmarc.Policy // for names that do not exist; empty: none given
}

// align judges by DMARC, RFC 9989 5.3.
func (r resolver) align(v *Verdict) {
	v.DMARC = "fail"
	if v.FromDomain == "" {
		v.because("there is not exactly one author in From")
		return
	}
	walk, err := r.walk(v.FromDomain)
	if err != nil {
		v.because("DMARC of %s: %v", v.FromDomain, err)
		return
	}
	org := organisation(walk, v.FromDomain)
	p := applied(walk, v.FromDomain, org)
	if p == nil {
		v.DMARC = "none"
		return
	}
	v.Policy = string(r.asked(p, v.FromDomain))
	v.AlignedSPF = v.SPF == "pass" && r.stands(v.SPFDomain, v.FromDomain, org, p.SPFAlignment)
	for _, s := range v.Signatures {
		v.AlignedDKIM = v.AlignedDKIM || s.Err == nil && r.stands(ascii(s.Domain), v.FromDomain, org, p.DKIMAlignment)
	}
	if v.AlignedSPF || v.AlignedDKIM {
		v.DMARC = "pass"
		return
	}
	v.because("DMARC of %s (p=%s): neither SPF (%s, %s) nor a DKIM signature stands for it", v.FromDomain, v.Policy, v.SPFDomain, v.SPF)
}

func (v *Verdict) because(format string, args ...any) {
	if v.Why != "" {
		v.Why += "; "
	}
	v.Why += fmt.Sprintf(format, args...)
}

// walk is the tree walk of RFC 9989 4.10: the records at a domain and above it, nearest first.
func (r resolver) walk(domain string) ([]*policy, error) {
	var list []*policy
	for labels := strings.Split(domain, "."); len(labels) > 0; labels = labels[max(1, len(labels)-maxWalk+1):] {
		p, err := r.policy(strings.Join(labels, "."))
		if err != nil {
			return nil, err
		}
		if p == nil {
			continue
		}
		list = append(list, p)
		if p.psd == "y" || p.psd == "n" {
			break
		}
	}
	return list, nil
}

// policy is the record of one domain; nil if there is none, or several. One that cannot be read is an error: with most
// receivers it is as if it were not there, yet whoever published it meant it to be good.
func (r resolver) policy(domain string) (*policy, error) {
	texts, err := r.txt("_dmarc." + domain)
	var de *net.DNSError
	if errors.As(err, &de) && !de.IsNotFound {
		return nil, err
	}
	var found []string
	for _, text := range texts {
		if version, _, _ := strings.Cut(text, ";"); strings.Join(strings.Fields(version), "") == "v=DMARC1" {
			found = append(found, text)
		}
	}
	if len(found) != 1 {
		return nil, nil
	}
	record, err := dmarc.Parse(found[0])
	if err != nil {
		return nil, fmt.Errorf("record of _dmarc.%s: %w", domain, err)
	}
	return &policy{*record, domain, tag(found[0], "psd"), dmarc.Policy(tag(found[0], "np"))}, nil
}

// organisation is the organisational domain that a walk from start found (RFC 9989 4.10.2).
func organisation(walk []*policy, start string) string {
	for _, p := range walk {
		if p.psd == "n" {
			return p.domain
		}
		if below, ok := strings.CutSuffix(start, "."+p.domain); ok && p.psd == "y" {
			return below[strings.LastIndexByte(below, '.')+1:] + "." + p.domain
		}
	}
	if len(walk) == 0 {
		return start
	}
	return walk[len(walk)-1].domain
}

// applied is the author's own record, else that of the organisation, else that of the registry above it (RFC 9989
// 4.10.1); nil without any.
func applied(walk []*policy, author, org string) *policy {
	if len(walk) == 0 {
		return nil
	}
	for _, domain := range []string{author, org} {
		for _, p := range walk {
			if p.domain == domain {
				return p
			}
		}
	}
	return walk[len(walk)-1]
}

// asked is what a record asks for mail of a domain that fails.
func (r resolver) asked(p *policy, domain string) dmarc.Policy {
	switch {
	case p.domain == domain:
		return p.Policy
	case p.np != "" && r.names.lookup(domain, mdns.TypeA).rcode == mdns.RcodeNameError:
		return p.np
	case p.SubdomainPolicy != "":
		return p.SubdomainPolicy
	}
	return p.Policy
}

// stands reports whether a domain that was authenticated stands for the author's (RFC 9989 4.10.3).
func (r resolver) stands(domain, author, org string, mode dmarc.AlignmentMode) bool {
	if domain == author || mode == dmarc.AlignmentStrict {
		return domain == author
	}
	walk, err := r.walk(domain)
	return err == nil && organisation(walk, domain) == org
}
