package reputation

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"unicode/utf8"

	mdns "github.com/miekg/dns"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/standard/dns"
)

const (
	maxAtATime = 8   // lists asked at the same time
	maxReason  = 500 // octets of a list's own words
)

// Listing is what one list says.
type Listing struct {
	Zone    string       `json:"zone"`
	Name    string       `json:"name"`
	Of      string       `json:"of"` // the address, or the domain as this list wants it
	State   State        `json:"state"`
	Weight  Weight       `json:"weight"`
	Answers []netip.Addr `json:"answers,omitempty"`
	Codes   []Meaning    `json:"codes,omitempty"`  // what the answers mean
	Reason  string       `json:"reason,omitempty"` // the list's own words about a listing; not to be trusted
	Removal string       `json:"removal,omitempty"`
	Why     wording.Text `json:"why,omitzero"` // of Broken, Unclear, Skipped
}

// Meaning is a Code as a person reads it.
type Meaning struct {
	Name   string       `json:"name,omitempty"`
	Weight Weight       `json:"weight"`
	Means  wording.Text `json:"means"`
	Change wording.Text `json:"change,omitzero"`
}

// subject is what lists are asked about.
type subject struct {
	of    string // the name or address itself
	label string // in front of a list's zone
	base  string // the domain as it was registered; empty: an address
	never string // an entry that no list may have (RFC 5782 5)
	ipv6  bool
}

// askAll asks all lists, maxAtATime at the same time, and returns what they say in their order.
func askAll(ctx context.Context, r dns.Resolver, lists []List, s subject) []Listing {
	found := make([]Listing, len(lists))
	turns := make(chan struct{}, maxAtATime)
	var wg sync.WaitGroup
	for i := range lists {
		turns <- struct{}{}
		wg.Go(func() {
			found[i] = lists[i].ask(ctx, r, s)
			<-turns
		})
	}
	wg.Wait()
	return found
}

// ask asks one list, and then for an entry that shows whether it is to be believed: one that it must not have after a
// listing, one that it must have after none.
func (l *List) ask(ctx context.Context, r dns.Resolver, s subject) Listing {
	if l.Base && s.base != "" {
		s.of, s.label = s.base, s.base
	}
	f := Listing{Zone: l.Zone, Name: l.Name, Of: s.of, Weight: l.Weight, Removal: l.Removal}
	if s.ipv6 && !l.IPv6 {
		f.State, f.Why = Skipped, wording.Say("it knows IPv4 addresses only")
		return f
	}
	answers, err := l.lookup(ctx, r, s.label)
	if err != nil {
		f.State, f.Why = Unclear, dns.Reason(err)
		return f
	}
	state, codes := l.read(answers)
	f.State, f.Answers = state, answers
	switch state {
	case Listed:
		if l.names(ctx, r, s.never) {
			f.State, f.Why = Broken, wording.Say("it also lists %s, which no list may have: it lists everything", l.shown(s.never))
			return f
		}
		f.Reason = l.reason(ctx, r, s.label)
	case Clear:
		return l.alive(ctx, r, f)
	case Broken:
		f.Why = wording.Say("it answers %s, outside 127.0.0.0/8: the zone is parked or in other hands", stray(answers).String())
	}
	for _, c := range codes {
		f.Codes = append(f.Codes, l.meaning(c))
	}
	return f
}

// alive turns Clear into what it is worth, by an entry that the list always has.
func (l *List) alive(ctx context.Context, r dns.Resolver, f Listing) Listing {
	if l.Test == "" {
		return f
	}
	answers, err := l.lookup(ctx, r, l.Test)
	if err != nil {
		f.State, f.Why = Unclear, dns.Reason(err)
		return f
	}
	switch state, codes := l.read(answers); state {
	case Clear:
		f.State, f.Why = Broken, wording.Say("it does not list %s, which it must for tests: it is empty or closed, does not serve this resolver, or the resolver drops answers in 127.0.0.0/8", l.shown(l.Test))
	case Broken:
		f.State, f.Why = Broken, wording.Say("it answers %s, outside 127.0.0.0/8: the zone is parked or in other hands", stray(answers).String())
	case Refused:
		f.State, f.Codes = Refused, []Meaning{l.meaning(codes[0])}
	}
	return f
}

// lookup asks for a label; that there is no such name is an answer.
func (l *List) lookup(ctx context.Context, r dns.Resolver, label string) ([]netip.Addr, error) {
	answer, err := r.LookupA(ctx, l.question(label))
	if err != nil && !dns.IsDenied(err) {
		return nil, err
	}
	return answer.Records, nil
}

func (l *List) names(ctx context.Context, r dns.Resolver, label string) bool {
	answers, err := l.lookup(ctx, r, label)
	state, _ := l.read(answers)
	return err == nil && state == Listed
}

// question is the name to look up. It holds the key.
func (l *List) question(label string) string {
	if l.key != "" {
		label += "." + l.key
	}
	return label + "." + l.Zone
}

// shown is a question as it may be read by anybody.
func (l *List) shown(label string) string { return label + "." + l.Zone }

// reason fetches what the list says in words (RFC 5782 2.1). None is no fault.
func (l *List) reason(ctx context.Context, r dns.Resolver, label string) string {
	answer, err := r.LookupTXT(ctx, l.question(label))
	if err != nil {
		return ""
	}
	text := strings.ToValidUTF8(strings.Join(answer.Records, "; "), "\uFFFD")
	if l.key != "" && strings.Contains(strings.ToLower(text), l.key) {
		return "" // it repeats the question
	}
	if len(text) > maxReason {
		end := maxReason
		for !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end] + "…"
	}
	return text
}

func (l *List) meaning(c Code) Meaning {
	m := Meaning{Name: c.Name, Weight: c.Weight, Means: wording.Say(c.Means), Change: wording.Say(c.Change)}
	if m.Weight == "" {
		m.Weight = l.Weight
	}
	if c.Means == "" {
		m.Means = wording.Say("what this answer means is not known here")
	}
	return m
}

func stray(answers []netip.Addr) netip.Addr {
	for _, a := range answers {
		if !a.Is4() || a.As4()[0] != 127 {
			return a
		}
	}
	return netip.Addr{}
}

// reversed is an address as lists and PTR records are asked for it: octets or nibbles from the last to the first (RFC 5782
// 2.1 and 2.4).
func reversed(a netip.Addr) string {
	name, err := mdns.ReverseAddr(a.Unmap().WithZone("").String())
	if err != nil {
		return "" // not an address
	}
	return strings.TrimSuffix(strings.TrimSuffix(name, ".in-addr.arpa."), ".ip6.arpa.")
}
