package lab

import (
	"strings"
	"sync"

	mdns "github.com/miekg/dns"
)

const maxChain = 8 // CNAMEs followed for one question

// names is what the DNS server knows. A name it does not know does not exist.
type names struct {
	zone  *Zone     // read only
	fixed []mdns.RR // that the DNS server itself needs

	mu     sync.RWMutex
	tree   *tree
	faults map[string]Answer // names that fail, with all below them
}

// newNames publishes what the zone describes.
func newNames(z *Zone, fixed ...mdns.RR) (*names, error) {
	n := &names{zone: z, fixed: fixed, faults: map[string]Answer{}}
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
	if err := fresh.add(append(list, n.fixed...)); err != nil {
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

// answer is what names say to a question.
type answer struct {
	records []mdns.RR // aliases first
	last    string    // the name at the end of the aliases
	zone    mdns.RR   // SOA of the last name's zone, if what was asked for is not there (RFC 2308 2)
	proof   []mdns.RR // NSEC of that
	rcode   int
	fault   Answer // the way in which a name fails; empty if none does
	bogus   bool   // its signatures are to be wrong
}

// lookup answers a question.
func (n *names) lookup(name string, qtype uint16) answer {
	n.mu.RLock()
	defer n.mu.RUnlock()
	a := answer{last: fold(name)}
	for range maxChain {
		switch f := n.fault(a.last); f {
		case "":
		case AnswerBogus:
			a.bogus = true
		case AnswerNXDomain:
			return n.deny(a, n.tree.nothing(a.last), mdns.RcodeNameError)
		default:
			return answer{rcode: mdns.RcodeServerFailure, fault: f}
		}
		if found := n.tree.find(a.last, qtype); len(found) > 0 {
			a.records = append(a.records, found...)
			return a
		}
		alias := n.tree.find(a.last, mdns.TypeCNAME)
		switch {
		case len(alias) > 0:
			a.records = append(a.records, alias[0])
			a.last = fold(alias[0].(*mdns.CNAME).Target)
		case n.tree.source(a.last) == "":
			return n.deny(a, n.tree.nothing(a.last), mdns.RcodeNameError) // RFC 6604 2.1: the code tells of the last name
		default:
			return n.deny(a, n.tree.others(a.last, qtype), mdns.RcodeSuccess)
		}
	}
	return answer{rcode: mdns.RcodeServerFailure, fault: AnswerServFail}
}

// deny says that what was asked for is not there. A zone's given SOA stands before the lab's.
func (n *names) deny(a answer, proof []mdns.RR, rcode int) answer {
	a.rcode, a.proof, a.zone = rcode, proof, n.tree.ofType(n.tree.apex(a.last), mdns.TypeSOA)[0]
	return a
}

// fault is the way in which a name fails, by itself or by one above it.
func (n *names) fault(name string) Answer {
	for _, i := range mdns.Split(name) {
		if f := n.faults[name[i:]]; f != "" {
			return f
		}
	}
	return ""
}

// fail has a name fail, with all below it; with an empty Answer no longer. There are as many as the caller names.
func (n *names) fail(name string, a Answer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if a == "" {
		delete(n.faults, fold(name))
		return
	}
	n.faults[fold(name)] = a
}
