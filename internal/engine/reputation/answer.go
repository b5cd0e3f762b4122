package reputation

import (
	"net/netip"
	"slices"
)

// State is what came of asking a list.
type State string

// States. Only Listed speaks against an address or a domain, and only Clear for it.
const (
	Listed  State = "listed"
	Clear   State = "not listed"
	Refused State = "refused"   // the list did not answer the question, and says why
	Broken  State = "broken"    // it names everything or nothing, or answers from outside 127.0.0.0/8
	Unclear State = "unclear"   // DNS did not answer
	Skipped State = "not asked" // the list cannot know the address
)

// maxAnswers bounds the answers of one list that are looked at; ZEN gives up to 5.
const maxAnswers = 32

// read says what a list's answers mean. Refusals go first: a list that refuses may do so beside an old listing.
func (l *List) read(answers []netip.Addr) (State, []Code) {
	answers = answers[:min(len(answers), maxAnswers)]
	if len(answers) == 0 {
		return Clear, nil
	}
	loopback := netip.PrefixFrom(netip.AddrFrom4([4]byte{127}), 8) // RFC 5782 2.1
	var refusals, listings []Code
	for _, a := range answers {
		if !loopback.Contains(a) {
			return Broken, nil
		}
		if c, ok := l.refusal(a); ok {
			refusals = append(refusals, c)
			continue
		}
		for _, c := range l.listing(a) {
			if !slices.ContainsFunc(listings, func(o Code) bool { return o.Name == c.Name && o.Means == c.Means }) {
				listings = append(listings, c)
			}
		}
	}
	if len(refusals) > 0 {
		return Refused, refusals[:1]
	}
	return Listed, listings
}

func (l *List) refusal(a netip.Addr) (Code, bool) {
	for _, c := range slices.Concat(l.Codes, l.refusals) {
		if c.Refusal && c.matches(a) {
			return c, true
		}
	}
	return Code{}, false
}

// listing is what an answer says of what was asked about: several things, where the last octet is a mask. An answer that
// nobody has described is still a listing (RFC 5782 2.1).
func (l *List) listing(a netip.Addr) []Code {
	var found []Code
	for _, c := range l.Codes {
		if !c.Refusal && c.matches(a) {
			found = append(found, c)
		}
	}
	if len(found) == 0 {
		found = []Code{{Name: a.String()}}
	}
	return found
}

func (c *Code) matches(a netip.Addr) bool {
	if c.Bit != 0 {
		return a.As4()[3]&c.Bit != 0
	}
	return slices.ContainsFunc(c.Answers, func(r Range) bool { return r.Contains(a) })
}
