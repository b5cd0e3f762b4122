package lab

import (
	"maps"
	"sync"

	mdns "github.com/miekg/dns"
)

// authority is the name server of all zones.
type authority struct {
	names  *names
	signer *signer // nil: nothing is signed

	mu      sync.Mutex
	down    Answer         // how the whole server fails; empty: it works
	queries map[string]int // by type, of which there are about 90, and "other"
}

func (s *authority) fail(a Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = a
}

// count counts a question and reports how the server fails.
func (s *authority) count(q *mdns.Msg) Answer {
	kind := "other"
	if len(q.Question) == 1 {
		if name, ok := mdns.TypeToString[q.Question[0].Qtype]; ok {
			kind = name
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queries[kind]++
	return s.down
}

func (s *authority) counted() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.queries)
}

// answer implements answerer. It never recurses, whatever is asked (RFC 1034 4.3.2).
func (s *authority) answer(q *mdns.Msg) *mdns.Msg {
	m := new(mdns.Msg)
	down := s.count(q)
	switch {
	case down != "":
		return failure(q, down)
	case q.Opcode != mdns.OpcodeQuery:
		return m.SetRcode(q, mdns.RcodeNotImplemented)
	case len(q.Question) != 1 || q.Question[0].Qclass != mdns.ClassINET:
		return m.SetRcode(q, mdns.RcodeRefused)
	}
	a := s.names.lookup(q.Question[0].Name, q.Question[0].Qtype)
	if a.fault != "" {
		return failure(q, a.fault)
	}
	m.SetRcode(q, a.rcode)
	m.Authoritative, m.Answer = true, a.records
	if a.zone != nil {
		m.Ns = []mdns.RR{a.zone}
	}
	if opt := q.IsEdns0(); s.signer != nil && opt != nil && opt.Do() {
		return s.sign(q, m, a)
	}
	return m
}

// sign adds what a validator asks for.
func (s *authority) sign(q, m *mdns.Msg, a answer) *mdns.Msg {
	var err, nsErr error
	m.Answer, err = s.signer.sign(m.Answer, a.bogus)
	m.Ns, nsErr = s.signer.sign(append(m.Ns, a.proof...), a.bogus)
	if err != nil || nsErr != nil {
		return failure(q, AnswerServFail)
	}
	return m
}

// failure is the message of a server that fails; nil if it says nothing.
func failure(q *mdns.Msg, a Answer) *mdns.Msg {
	switch a {
	case AnswerNothing:
		return nil
	case AnswerRefused:
		return new(mdns.Msg).SetRcode(q, mdns.RcodeRefused)
	case AnswerNXDomain:
		return new(mdns.Msg).SetRcode(q, mdns.RcodeNameError)
	default:
		return new(mdns.Msg).SetRcode(q, mdns.RcodeServerFailure)
	}
}
