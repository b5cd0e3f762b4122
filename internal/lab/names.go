package lab

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"

	mdns "github.com/miekg/dns"
)

const (
	maxChain = 8  // CNAMEs followed for one question
	soaTTL   = 60 // seconds for which a denial is kept
)

// names is what the DNS server knows. A name it does not know does not exist.
type names struct {
	zone *Zone // read only

	mu     sync.RWMutex
	tree   *tree
	faults map[string]Answer // names that fail, with all below them
}

// newNames publishes what the zone describes.
func newNames(z *Zone) (*names, error) {
	n := &names{zone: z, faults: map[string]Answer{}}
	for i := range z.Providers {
		if p := &z.Providers[i]; p.Answer == AnswerServFail || p.Answer == AnswerNothing {
			for _, domain := range p.Domains {
				n.faults[fold(domain)] = p.Answer
			}
		}
	}
	return n, n.replace(z.Records)
}

// replace publishes records instead of all but the providers' own; all of them, or an error and those from before.
func (n *names) replace(records string) error {
	list, err := parseRecords(records, n.zone.TTL)
	if err != nil {
		return err
	}
	fresh := newTree()
	if err := fresh.add(list); err != nil {
		return err
	}
	var text strings.Builder
	for i := range n.zone.Providers {
		fresh.describe(&text, &n.zone.Providers[i])
	}
	if list, err = parseRecords(text.String(), n.zone.TTL); err != nil {
		return err
	}
	if err := fresh.add(list); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.tree = fresh
	return nil
}

// publish adds records; all of them, or none and an error.
func (n *names) publish(records string) error {
	list, err := parseRecords(records, n.zone.TTL)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.tree.add(list)
}

// lookup answers a question. fault is the way in which the name fails, empty if it does not.
func (n *names) lookup(name string, qtype uint16) (answer []mdns.RR, rcode int, fault Answer) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	name = fold(name)
	for range maxChain {
		for _, i := range mdns.Split(name) {
			if f := n.faults[name[i:]]; f != "" {
				return nil, mdns.RcodeServerFailure, f
			}
		}
		if found := n.tree.ofType(name, qtype); len(found) > 0 {
			return append(answer, found...), mdns.RcodeSuccess, ""
		}
		alias := n.tree.ofType(name, mdns.TypeCNAME)
		if len(alias) == 0 {
			if !n.tree.exists[name] {
				return answer, mdns.RcodeNameError, "" // RFC 6604 2.1: the code tells of the last name
			}
			return answer, mdns.RcodeSuccess, ""
		}
		answer = append(answer, alias[0])
		name = fold(alias[0].(*mdns.CNAME).Target)
	}
	return nil, mdns.RcodeServerFailure, AnswerServFail
}

// txt is for the DKIM verifier.
func (n *names) txt(name string) ([]string, error) {
	answer, rcode, fault := n.lookup(name, mdns.TypeTXT)
	if fault != "" {
		return nil, &net.DNSError{Err: string(fault), Name: name, IsTemporary: true}
	}
	var list []string
	for _, rr := range answer {
		if t, ok := rr.(*mdns.TXT); ok {
			list = append(list, strings.Join(t.Txt, ""))
		}
	}
	if rcode == mdns.RcodeNameError || len(list) == 0 {
		return nil, &net.DNSError{Err: "no such record", Name: name, IsNotFound: true}
	}
	return list, nil
}

// describe writes the records of a provider's domains and servers. Domains with records of their own keep those.
func (t *tree) describe(w io.Writer, p *Provider) {
	hosts := map[string]bool{}
	for _, domain := range p.Domains {
		if p.Answer == AnswerNullMX {
			fmt.Fprintf(w, "%s. MX 0 .\n", domain)
		}
		own := t.has(domain, mdns.TypeMX) || t.has(domain, mdns.TypeA) || t.has(domain, mdns.TypeCNAME)
		for i := range p.Servers {
			s := &p.Servers[i]
			host := s.hostFor([]string{domain})
			switch {
			case p.Answer == AnswerImplicit && own:
				continue
			case p.Answer == AnswerImplicit:
				host = domain
			case !own:
				fmt.Fprintf(w, "%s. MX %d %s.\n", domain, s.Preference, host)
			}
			if p.Answer == AnswerMX && hosts[host] {
				continue
			}
			hosts[host] = true
			for _, a := range s.Addresses {
				kind := "A"
				if strings.Contains(a, ":") {
					kind = "AAAA"
				}
				fmt.Fprintf(w, "%s. %s %s\n", host, kind, a)
			}
		}
	}
}
