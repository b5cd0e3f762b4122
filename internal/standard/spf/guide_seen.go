package spf

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/budkavle/budkavle/internal/base/finding"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/standard/dns"
)

// maxSeen bounds how many sources one proposal tries. Each costs one check of the domain and, if it does not pass, one of each
// known sender's records: 100 x 40 checks of mostly the same names, which a resolver's cache answers.
const maxSeen = 100

// Source is a server that has sent mail for a domain, as DMARC reports tell.
type Source struct {
	Address  netip.Addr `json:"address"`
	Name     string     `json:"name,omitempty"`     // what is known of it, such as its host name
	Messages int        `json:"messages,omitempty"` // 0: not known
}

// Missing is a source that a record does not let through.
type Missing struct {
	Source
	Verdict Verdict  `json:"result"` // what receivers would say of it
	Known   []Sender `json:"known"`  // senders of the list that it belongs to
}

// missing tries those who have sent, those with the most mail first, at most maxSeen.
func missing(ctx context.Context, r dns.Resolver, domain string, known []Sender, seen []Source) []Missing {
	list := []Missing{}
	seen = slices.Clone(seen)
	slices.SortStableFunc(seen, func(a, b Source) int { return cmp.Compare(b.Messages, a.Messages) })
	for _, s := range seen[:min(len(seen), maxSeen)] {
		if got := Check(ctx, r, Query{IP: s.Address, Sender: domain}); got.Verdict != Pass {
			list = append(list, Missing{s, got.Verdict, SendersOf(ctx, r, known, s.Address)})
		}
	}
	return list
}

// Unlisted is Missing of the record that is published now.
func Unlisted(ctx context.Context, r dns.Resolver, domain string, seen []Source) []Missing {
	return missing(ctx, r, domain, Senders(), seen)
}

// SendersOf are the known senders whose own records let an address send. It makes a check of each of their records, which are
// the same names again and again.
func SendersOf(ctx context.Context, r dns.Resolver, known []Sender, addr netip.Addr) []Sender {
	list := []Sender{}
	for _, s := range known {
		if slices.ContainsFunc(slices.Concat(s.Include, s.KnownBy), func(name string) bool {
			return Check(ctx, r, Query{IP: addr, Sender: name}).Verdict == Pass
		}) {
			list = append(list, s)
		}
	}
	return list
}

func (s Source) text() wording.Text {
	who := wording.Say("%s", s.Address.String())
	if s.Name != "" {
		who = wording.Say("%s (%s)", s.Address.String(), s.Name)
	}
	if s.Messages > 0 {
		return wording.Say("%s, seen with %d messages,", who, s.Messages)
	}
	return who
}

// Finding words it, for the domain.
func (m *Missing) Finding(domain string) Finding {
	f := Finding{
		Severity: finding.Warning, Code: "missing-sender", Domain: domain, Found: wording.Say("%s sends for the domain and does not pass: %s", m.text(), string(m.Verdict)),
		Expected: wording.Say("that all pass who send for the domain"), Change: wording.Say("name the server if it is yours; if nobody knows it, somebody may be forging your mail"),
	}
	switch m.Verdict { // which have findings of their own, and say nothing of the source
	case TempError:
		f.Severity, f.Change = finding.Unknown, wording.Say("try again when DNS answers")
		return f
	case PermError:
		f.Change = wording.Say("mend the errors of the record first")
		return f
	}
	var names, includes []string
	for _, s := range m.Known {
		names = append(names, s.Name)
		for _, name := range s.Include {
			if term := "include:" + name; !slices.Contains(includes, term) {
				includes = append(includes, term)
			}
		}
	}
	switch {
	case len(includes) > 0:
		f.Change = wording.Say("it is a server of %s; add %s if they send for you", strings.Join(names, ", "), strings.Join(includes, " "))
	case len(names) > 0:
		f.Severity = finding.Note
		f.Change = wording.Say("nothing in this record: it is a server of %s, which does not use your domain as return path; see to its DKIM", strings.Join(names, ", "))
	}
	return f
}
