package lab

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/budkavle/budkavle/internal/base/wording"
)

const (
	maxRecords = 10_000 // of a lab: about 200 octets each, 2 MB
	maxChain   = 8      // CNAMEs followed for one question
	soaTTL     = 60     // seconds for which a denial is kept
)

// names is what the DNS server knows. A name it does not know does not exist.
type names struct {
	mu      sync.RWMutex
	records map[string][]mdns.RR // by name with closing dot, lower case
	inner   map[string]bool      // names that exist because others below them do (RFC 8020)
	faults  map[string]Answer    // names that fail, with all below them
	count   int
}

func newNames() *names {
	return &names{records: map[string][]mdns.RR{}, inner: map[string]bool{}, faults: map[string]Answer{}}
}

// parseRecords reads the notation of a BIND zone file. It includes no files, and takes no address outside loopback.
func parseRecords(text string, ttl time.Duration) ([]mdns.RR, error) {
	if text == "" {
		return nil, nil
	}
	parser := mdns.NewZoneParser(strings.NewReader(text), ".", "")
	parser.SetDefaultTTL(uint32(ttl / time.Second))
	var list []mdns.RR
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		if len(list) >= maxRecords { // $GENERATE can ask for any number
			return nil, wording.Errorf("over %d records", maxRecords)
		}
		if err := onLoopback(rr); err != nil {
			return nil, err
		}
		list = append(list, rr)
	}
	return list, parser.Err()
}

func onLoopback(rr mdns.RR) error {
	var ip net.IP
	switch rr := rr.(type) {
	case *mdns.A:
		ip = rr.A
	case *mdns.AAAA:
		ip = rr.AAAA
	default:
		return nil
	}
	if a, ok := netip.AddrFromSlice(ip); !ok || !a.Unmap().IsLoopback() {
		return wording.Errorf("%s has address %s, which is not loopback; the lab leads nowhere outside this machine", rr.Header().Name, ip)
	}
	return nil
}

// add publishes records; all of them, or none and an error.
func (n *names) add(list []mdns.RR) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.count+len(list) > maxRecords {
		return wording.Errorf("the lab holds at most %d DNS records", maxRecords)
	}
	for _, rr := range list {
		name := strings.ToLower(rr.Header().Name)
		n.records[name] = append(n.records[name], rr)
		for _, i := range mdns.Split(name) {
			n.inner[name[i:]] = true
		}
	}
	n.count += len(list)
	return nil
}

func (n *names) fail(name string, a Answer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.faults[mdns.Fqdn(name)] = a
}

// has reports whether a name has records of a type.
func (n *names) has(name string, qtype uint16) bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return len(n.ofType(mdns.Fqdn(name), qtype)) > 0
}

func (n *names) ofType(name string, qtype uint16) []mdns.RR {
	var list []mdns.RR
	for _, rr := range n.records[name] {
		if t := rr.Header().Rrtype; t == qtype || qtype == mdns.TypeANY {
			list = append(list, rr)
		}
	}
	return list
}

// lookup answers a question. fault is the way in which the name fails, empty if it does not.
func (n *names) lookup(name string, qtype uint16) (answer []mdns.RR, rcode int, fault Answer) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	name = strings.ToLower(mdns.Fqdn(name))
	for range maxChain {
		for _, i := range mdns.Split(name) {
			if f := n.faults[name[i:]]; f != "" {
				return nil, mdns.RcodeServerFailure, f
			}
		}
		if found := n.ofType(name, qtype); len(found) > 0 {
			return append(answer, found...), mdns.RcodeSuccess, ""
		}
		alias := n.ofType(name, mdns.TypeCNAME)
		if len(alias) == 0 {
			if len(n.records[name]) == 0 && !n.inner[name] {
				return answer, mdns.RcodeNameError, "" // RFC 6604 2.1: the code tells of the last name
			}
			return answer, mdns.RcodeSuccess, ""
		}
		answer = append(answer, alias[0])
		name = strings.ToLower(alias[0].(*mdns.CNAME).Target)
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

// publish puts what the zone describes into DNS.
func (n *names) publish(z *Zone) error {
	records, err := parseRecords(z.Records, z.TTL)
	if err != nil {
		return err
	}
	if err := n.add(records); err != nil {
		return err
	}
	var text strings.Builder
	for i := range z.Providers {
		n.describe(&text, &z.Providers[i])
	}
	if records, err = parseRecords(text.String(), z.TTL); err != nil {
		return err
	}
	return n.add(records)
}

// describe writes the records of a provider's domains and servers.
func (n *names) describe(w io.Writer, p *Provider) {
	hosts := map[string]bool{}
	for _, domain := range p.Domains {
		switch p.Answer {
		case AnswerServFail, AnswerNothing:
			n.fail(domain, p.Answer)
		case AnswerNullMX:
			fmt.Fprintf(w, "%s. MX 0 .\n", domain)
		}
		own := n.has(domain, mdns.TypeMX) || n.has(domain, mdns.TypeA) || n.has(domain, mdns.TypeCNAME)
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
