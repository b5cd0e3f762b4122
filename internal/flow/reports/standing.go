package reports

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/engine/stage"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dmarc"
	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/standard/spf"
)

// maxFailing is how many failures by day and source are read for a decision.
const maxFailing = 5_000

// Standing is how a domain stands with DMARC, and what comes next.
type Standing struct {
	Domain    string              `json:"domain"`
	At        string              `json:"at,omitempty"`     // the domain whose record applies; empty: none does
	Record    string              `json:"record,omitempty"` // as it is published
	Unread    wording.Text        `json:"unread,omitzero"`  // why DNS did not tell; then nothing is decided
	Explained []dmarc.Explanation `json:"explained"`
	Reports   bool                `json:"reports"` // the record asks for reports to our mailbox
	Verdict   stage.Verdict       `json:"verdict"`
	Days      []stage.Day         `json:"days"` // that were looked at
	// Next is the record to publish for the next stage, and Zone the same as a line of a BIND zone; without a record, the first.
	Next string `json:"next,omitempty"`
	Zone string `json:"zone,omitempty"`
	// Advice may be followed now, whatever the stage.
	Advice []Advice `json:"advice"`
}

// Advice is a record that is better than the one that is there.
type Advice struct {
	Text wording.Text `json:"text"`
	Zone string       `json:"zone"`
}

// Standing looks up the record that applies to a domain and decides what comes next.
func (s *Service) Standing(ctx context.Context, d model.Domain) (Standing, error) {
	t, err := s.Store.Stage(ctx, d.ID)
	if err != nil {
		return Standing{}, err
	}
	return s.standing(ctx, &d, t, true)
}

// standing decides; names says that every source is to be named, whether it makes a difference or not.
func (s *Service) standing(ctx context.Context, d *model.Domain, t model.Stage, names bool) (Standing, error) {
	out := Standing{Domain: d.Name, Explained: []dmarc.Explanation{}, Days: []stage.Day{}, Advice: []Advice{}}
	found, err := s.found(ctx, d.Name)
	if err != nil {
		out.Unread = wording.Say("the DMARC record of %s could not be looked up: %s", d.Name, dns.Reason(err))
		return out, nil //nolint:nilerr // said in the answer
	}
	e := stage.Evidence{Policy: dmarc.None}
	if found.Record != nil && !found.Record.Void { // a void one is as good as none
		e.Record = found.Record
		e.Policy = found.Record.PolicyFor(found.Below(), true)
		out.At, out.Record, out.Explained = found.At, found.Record.Text, dmarc.Explain(found.Record)
		out.Reports = slices.ContainsFunc(found.Record.Aggregate, func(u dmarc.URI) bool { return strings.EqualFold(u.Address, s.ReportTo) })
	}
	first, last := s.window(t, string(e.Applied()))
	if e.Days, err = s.days(ctx, d, first, last); err != nil {
		return out, err
	}
	if e.Failing, err = s.failing(ctx, d, &e, first, last, names); err != nil {
		return out, err
	}
	out.Days, out.Verdict = append(out.Days, e.Days...), stage.Decide(e, s.Days)
	for i := range out.Days {
		out.Days[i].Failing = ownFailing(e.Failing, out.Days[i].Day)
	}
	out.propose(s, e.Record, found.Below())
	return out, nil
}

func (s *Service) found(ctx context.Context, domain string) (dmarc.Found, error) {
	if s.Resolver == nil {
		return dmarc.Found{Domain: domain}, nil
	}
	return dmarc.Discover(ctx, s.Resolver, domain)
}

// window are the days that count: those that are over, not before the policy is as it is.
func (s *Service) window(t model.Stage, policy string) (first, last model.Day) {
	last = s.today() - 1
	first = max(last-model.Day(stage.Stretch*s.Days)+1, 0)
	switch {
	case t.Policy == "": // what was before the watch first saw a policy counts
	case t.Policy != policy:
		first = max(first, s.today())
	default:
		first = max(first, t.Since)
	}
	return first, last
}

// days brings together what we sent and what was reported.
func (s *Service) days(ctx context.Context, d *model.Domain, first, last model.Day) ([]stage.Day, error) {
	seen, err := s.Store.SeenDays(ctx, d.ID, first, last)
	if err != nil {
		return nil, err
	}
	sent, err := s.Store.SentDays(ctx, d.ID, first, last)
	if err != nil {
		return nil, err
	}
	var list []stage.Day
	for day := first; day <= last; day++ { // at most Stretch × Days
		one := stage.Day{Day: day}
		if i := slices.IndexFunc(seen, func(x model.SeenDay) bool { return x.Day == day }); i >= 0 {
			one.Reporters, one.Messages, one.Passing = seen[i].Reporters, seen[i].Messages, seen[i].Passing
		}
		if i := slices.IndexFunc(sent, func(x model.SentDay) bool { return x.Day == day }); i >= 0 {
			one.Sent, one.Aligned = sent[i].Delivered, sent[i].Aligned
		}
		list = append(list, one)
	}
	return list, nil
}

// failing reads who failed, and finds out who they are, unless nothing is proposed anyway and nobody wants their names: of most
// domains, on most days, the sums of the days say so.
func (s *Service) failing(ctx context.Context, d *model.Domain, e *stage.Evidence, first, last model.Day, names bool) ([]stage.Failing, error) {
	for _, day := range e.Days {
		if n := day.Messages - day.Passing; n > 0 {
			e.Failing = append(e.Failing, stage.Failing{Day: day.Day, Count: n})
		}
	}
	if len(e.Failing) == 0 || !names && stage.Stays(*e, s.Days) {
		return nil, nil
	}
	rows, err := s.Store.FailingSources(ctx, d.ID, first, last, maxFailing)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	seen, err := s.Store.SeenSources(ctx, d.ID, first, last, maxSources)
	if err != nil {
		return nil, err
	}
	n, err := s.naming(ctx, d, seen)
	if err != nil {
		return nil, err
	}
	list := make([]stage.Failing, len(rows))
	counts := map[netip.Addr]int64{}
	for i := range rows {
		list[i] = stage.Failing{Day: rows[i].Day, Source: rows[i].Source, Kind: n.kind(&rows[i].Seen), Count: rows[i].Count}
		counts[rows[i].Source] += rows[i].Count
	}
	e.Failing = list
	if !names && stage.Stays(*e, s.Days) {
		return list, nil
	}
	order := slices.Clone(list) // those with the most mail are looked up first
	slices.SortStableFunc(order, func(a, b stage.Failing) int { return cmp.Compare(counts[b.Source], counts[a.Source]) })
	for _, f := range order {
		if f.Kind == stage.Unknown {
			n.look(ctx, f.Source)
		}
	}
	for i := range list {
		if list[i].Kind != stage.Unknown {
			continue
		}
		list[i].Kind = stage.Stranger
		if names := n.owners[list[i].Source]; len(names) > 0 {
			list[i].Kind, list[i].Name = stage.Known, names[0]
		}
	}
	return list, nil
}

func ownFailing(list []stage.Failing, day model.Day) (n int64) {
	for _, f := range list {
		if f.Day == day && (f.Kind == stage.Ours || f.Kind == stage.Known) {
			n += f.Count
		}
	}
	return n
}

// propose words the records.
func (t *Standing) propose(s *Service, r *dmarc.Record, below bool) {
	name := "_dmarc." + t.Domain
	switch {
	case r == nil:
		t.Next = dmarc.Build(dmarc.Want{Aggregate: mailboxes(s.ReportTo)})
	case t.Verdict.Next != t.Verdict.Policy:
		own := *r
		if below { // the domain's first: what stands above says of names below it, and of itself, is not for here
			own.Subdomains, own.NonExistent, own.Tags = "", "", nil
		}
		t.Next = dmarc.Change(&own, t.Verdict.Next, s.ReportTo)
	}
	if t.Next != "" {
		t.Zone = spf.ZoneLine(name, t.Next)
	}
	if r != nil && !below && r.PolicyFor(true, false) != dmarc.Reject {
		t.Advice = append(t.Advice, Advice{
			wording.Say("np=reject is safe at every stage: it has mail refused only that claims to be from names below %s which do not exist in DNS, and nobody sends from those", t.Domain),
			spf.ZoneLine(name, dmarc.Protect(r, s.ReportTo)),
		})
	}
}

func mailboxes(address string) []string {
	if address == "" {
		return nil
	}
	return []string{address}
}
