package reports

import (
	"cmp"
	"context"
	"net/netip"
	"slices"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/engine/stage"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/standard/spf"
)

// maxNamed is how many addresses are tried against the records of known senders: 50 × 40 checks, whose names a resolver has
// in its cache after the first.
const maxNamed = 50

// naming says whose addresses are. One goroutine has it.
type naming struct {
	ours   map[netip.Addr]bool
	known  []spf.Sender
	r      dns.Resolver
	owners map[netip.Addr][]string // names of known senders, at most maxNamed
}

// naming begins with what is known without asking: our addresses, and those that pass SPF with a signature of ours, since the
// system may choose them.
func (s *Service) naming(ctx context.Context, d *model.Domain, seen []model.Seen) (*naming, error) {
	n := &naming{ours: map[netip.Addr]bool{}, known: spf.Senders(), r: s.Resolver, owners: map[netip.Addr][]string{}}
	addrs, err := s.Addresses(ctx)
	if err != nil {
		return nil, err
	}
	for _, a := range addrs {
		n.ours[a] = true
	}
	keys, err := s.Store.SigningKeys(ctx, d.ID)
	if err != nil {
		return nil, err
	}
	selectors := map[string]bool{}
	for _, k := range keys {
		selectors[k.Selector] = true
	}
	for _, w := range seen {
		if w.SPF && w.DKIM && selectors[w.Selector] && w.Signer == d.Name {
			n.ours[w.Source] = true
		}
	}
	return n, nil
}

// kind is whose a source is, as far as it is known without looking up.
func (n *naming) kind(w *model.Seen) stage.Kind {
	switch {
	case !w.Source.IsValid():
		return stage.Stranger
	case n.ours[w.Source]:
		return stage.Ours
	case w.Forwarded:
		return stage.Forwarder
	}
	return stage.Unknown
}

// look names the senders that an address belongs to.
func (n *naming) look(ctx context.Context, addr netip.Addr) []string {
	names, there := n.owners[addr]
	if there || n.r == nil || len(n.owners) >= maxNamed {
		return names
	}
	for _, s := range spf.SendersOf(ctx, n.r, n.known, addr) {
		names = append(names, s.Name)
	}
	n.owners[addr] = names
	return names
}

// Sender is an address that has sent as a domain.
type Sender struct {
	Source    netip.Addr     `json:"source,omitzero"` // absent: several that reporters or we have summed up
	Kind      stage.Kind     `json:"kind"`
	Names     []string       `json:"names"` // known senders that it belongs to
	Messages  int64          `json:"messages"`
	Passing   int64          `json:"passing"`
	SPF       int64          `json:"spf_aligned"`
	DKIM      int64          `json:"dkim_aligned"`
	Refused   int64          `json:"refused"`
	Suspected int64          `json:"suspected"`
	From      []string       `json:"header_from"` // at most maxNames
	Why       []wording.Text `json:"why"`         // why what fails does, at most maxNames
}

// maxNames is how many names and reasons are shown of one sender.
const maxNames = 3

// senders sums up lines by address, the most messages first, and names the first ones.
func (n *naming) senders(ctx context.Context, seen []model.Seen, domain string) []Sender {
	at := map[netip.Addr]int{}
	var list []Sender
	for i := range seen {
		w := &seen[i]
		j, ok := at[w.Source]
		if !ok {
			j = len(list)
			at[w.Source] = j
			list = append(list, Sender{Source: w.Source, Kind: n.kind(w), Names: []string{}, From: []string{}, Why: []wording.Text{}})
		}
		list[j].add(w, domain)
	}
	slices.SortStableFunc(list, func(a, b Sender) int { return cmp.Or(cmp.Compare(b.Messages, a.Messages), a.Source.Compare(b.Source)) })
	for i := range list {
		s := &list[i]
		if s.Kind != stage.Unknown && s.Kind != stage.Forwarder {
			continue
		}
		if names := n.look(ctx, s.Source); len(names) > 0 {
			s.Names = names
			if s.Kind == stage.Unknown {
				s.Kind = stage.Known
			}
		}
		if s.Kind == stage.Unknown {
			s.Kind = stage.Stranger
		}
	}
	return list
}

func (s *Sender) add(w *model.Seen, domain string) {
	s.Messages += w.Count
	if w.SPF {
		s.SPF += w.Count
	}
	if w.DKIM {
		s.DKIM += w.Count
	}
	if !slices.Contains(s.From, w.From) && len(s.From) < maxNames {
		s.From = append(s.From, w.From)
	}
	if w.Passes() {
		s.Passing += w.Count
		return
	}
	switch w.Disposition {
	case "reject":
		s.Refused += w.Count
	case "quarantine":
		s.Suspected += w.Count
	}
	for _, why := range reasons(w, domain) {
		alike := func(t wording.Text) bool { return t.String() == why.String() }
		if !slices.ContainsFunc(s.Why, alike) && len(s.Why) < maxNames {
			s.Why = append(s.Why, why)
		}
	}
}

// reasons say why mail failed, in words.
func reasons(w *model.Seen, domain string) []wording.Text {
	if !w.Source.IsValid() {
		return nil
	}
	var list []wording.Text
	if w.Forwarded {
		list = append(list, wording.Say("the receiver says that it came by a forwarder or a mailing list"))
	}
	switch {
	case w.Envelope == "":
	case within(w.Envelope, domain):
		list = append(list, wording.Say("SPF of %s does not let the address send (%s)", w.Envelope, cmp.Or(w.SPFResult, "?")))
	case w.SPFResult == "pass":
		list = append(list, wording.Say("SPF passes for %s, which does not stand for %s", w.Envelope, domain))
	default:
		list = append(list, wording.Say("the return path is of %s, which does not stand for %s", w.Envelope, domain))
	}
	switch {
	case w.Signer == "":
		list = append(list, wording.Say("it is not signed"))
	case within(w.Signer, domain):
		list = append(list, wording.Say("the signature of %s with the key %s does not hold: the mail was changed on the way, or the key is not in DNS", w.Signer, cmp.Or(w.Selector, "?")))
	default:
		list = append(list, wording.Say("it is signed by %s, which does not stand for %s", w.Signer, domain))
	}
	return list
}
