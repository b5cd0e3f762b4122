package dns

import (
	"time"

	mdns "github.com/miekg/dns"
)

// reading is what one message says about one question.
type reading struct {
	name    string    // end of the CNAME chain
	records []mdns.RR // of the type asked for, at name
	ttl     time.Duration
	denial  time.Duration // how long a denial holds; 0: the message does not say
	zone    string        // of a denial; empty: the message does not say
	kind    Kind          // empty: records were found
	aliases int           // CNAMEs gone along
	open    bool          // the chain ends in a name about which the message says nothing: ask for it
	looped  bool
}

// read follows the CNAME chain from name through the answer section. The message's rcode is NOERROR or NXDOMAIN, which
// speaks of the end of the chain (RFC 6604 3).
func read(msg *mdns.Msg, name string, qtype uint16) reading {
	r := reading{name: name}
	least := ^uint32(0)
	for {
		next := ""
		for _, rr := range msg.Answer {
			h := rr.Header()
			if h.Class != mdns.ClassINET || plain(h.Name) != r.name {
				continue
			}
			if h.Rrtype == qtype {
				r.records = append(r.records, rr)
				least = min(least, h.Ttl)
			} else if c, ok := rr.(*mdns.CNAME); ok && next == "" {
				next = plain(c.Target)
				least = min(least, h.Ttl)
			}
		}
		if len(r.records) > 0 || next == "" {
			break
		}
		r.name = next
		if r.aliases++; r.aliases > maxChain {
			r.looped = true
			break
		}
	}
	if least != ^uint32(0) {
		r.ttl = seconds(least)
	}
	if len(r.records) > 0 {
		return r
	}
	soa := soaOf(msg)
	if soa != nil {
		r.zone = plain(soa.Hdr.Name)
		r.denial = seconds(min(soa.Minttl, soa.Hdr.Ttl)) // RFC 2308 5
	}
	if r.aliases == 0 {
		r.ttl = r.denial
	}
	r.kind = NoData
	if msg.Rcode == mdns.RcodeNameError {
		r.kind = NXDomain
	}
	// A recursive server gives the whole chain. One that is only authoritative stops where its zones end, and says so
	// by giving no SOA for what lies beyond.
	r.open = r.aliases > 0 && soa == nil && msg.Rcode == mdns.RcodeSuccess
	return r
}

func soaOf(msg *mdns.Msg) *mdns.SOA {
	for _, rr := range msg.Ns {
		if soa, ok := rr.(*mdns.SOA); ok {
			return soa
		}
	}
	return nil
}

// seconds reads a TTL; one with the high bit set is 0 (RFC 2181 8).
func seconds(ttl uint32) time.Duration {
	if ttl > 1<<31-1 {
		return 0
	}
	return time.Duration(ttl) * time.Second
}
