package reports

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/address"
	"github.com/budkavle/budkavle/internal/standard/dmarc"
	"github.com/budkavle/budkavle/internal/standard/tlsrpt"
	"github.com/budkavle/budkavle/internal/store"
)

// about is a report about a domain of this node.
type about struct {
	name string
	model.Report
}

// owner finds the domain of this node that a name is, or lies below. known is false where there is none.
func (s *Service) owner(ctx context.Context, name string) (d model.Domain, known bool, err error) {
	name, err = address.ParseDomain(strings.TrimSuffix(name, "."))
	if err != nil {
		return d, false, nil // what is no name is nobody's domain
	}
	labels := strings.Split(name, ".")
	for i := max(0, len(labels)-dmarc.MaxWalk); i < len(labels)-1; i++ {
		d, err = s.Store.Domain(ctx, strings.Join(labels[i:], "."))
		if err == nil || !store.Is(err, store.NotFound) {
			return d, err == nil, err
		}
	}
	return d, false, nil
}

// ofDMARC sorts a report by the domains of this node: that of the policy, or, where the policy is published above them, those
// that its lines are about.
func (s *Service) ofDMARC(ctx context.Context, a *dmarc.Aggregate) ([]about, error) {
	r := model.Report{Kind: model.ReportDMARC, Reporter: reporter(a.Organisation, a.Email), ID: clip(a.ID), Day: middle(a.Begin, a.End)}
	d, known, err := s.owner(ctx, a.Published.Domain)
	if err != nil {
		return nil, err
	}
	if known {
		r.Domain, r.Seen = d.ID, fold(a.Rows, d.Name)
		return []about{{d.Name, r}}, nil
	}
	rows := map[string][]dmarc.Row{} // by From, at most maxSubjects
	for _, row := range a.Rows {
		if _, there := rows[row.From]; there || len(rows) < maxSubjects {
			rows[row.From] = append(rows[row.From], row)
		}
	}
	var list []about
	for from, rows := range rows {
		if d, known, err = s.owner(ctx, from); err != nil {
			return nil, err
		}
		if known {
			r.Domain, r.Seen = d.ID, fold(rows, d.Name)
			list = append(list, about{d.Name, r})
		}
	}
	if len(list) == 0 {
		return nil, wording.Errorf("it is about %s, which is no sender domain here", clip(a.Published.Domain))
	}
	slices.SortFunc(list, func(a, b about) int { return strings.Compare(a.name, b.name) })
	return joined(list), nil
}

// joined puts together what is about one domain: its own mail and that of names below it.
func joined(list []about) []about {
	var out []about
	for _, a := range list {
		if n := len(out); n > 0 && out[n-1].Domain == a.Domain {
			out[n-1].Seen = summed(append(slices.Clone(out[n-1].Seen), a.Seen...), maxLines, a.name)
			continue
		}
		out = append(out, a)
	}
	return out
}

// ofTLS sorts a report by the domains of its policies.
func (s *Service) ofTLS(ctx context.Context, t *tlsrpt.Report) ([]about, error) {
	var list []about
	for _, p := range t.Policies {
		d, known, err := s.owner(ctx, p.Policy.Domain)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(list, func(a about) bool { return a.Domain == d.ID })
		if !known || i < 0 && len(list) == maxSubjects {
			continue
		}
		if i < 0 {
			i = len(list)
			list = append(list, about{d.Name, model.Report{
				Domain: d.ID, Kind: model.ReportTLS, Reporter: reporter(t.Organisation, t.Contact), ID: clip(t.ID), Day: middle(t.Range.Start, t.Range.End),
			}})
		}
		list[i].Sessions = sessions(list[i].Sessions, &p)
	}
	if len(list) == 0 {
		return nil, wording.Errorf("it is about %s, which is no sender domain here", clip(t.Domain()))
	}
	return list, nil
}

// maxKinds bounds the kinds of failures of one report; the standard has eleven.
const maxKinds = 50

// sessions adds a policy's sessions. What failed and is not told apart is a failure without a name of its own.
func sessions(list []model.Sessions, p *tlsrpt.Policy) []model.Sessions {
	add := func(failure string, n int64) {
		kind := clip(p.Policy.Type)
		i := slices.IndexFunc(list, func(s model.Sessions) bool { return s.Policy == kind && s.Failure == failure })
		switch {
		case n <= 0:
		case i >= 0:
			list[i].Count += n
		case len(list) < maxKinds:
			list = append(list, model.Sessions{Policy: kind, Failure: failure, Count: n})
		}
	}
	add("", p.Summary.Successful)
	rest := p.Summary.Failed
	for _, f := range p.Failures {
		n := min(f.Sessions, rest) // the summary is the truth: details may count a session twice
		add(cmp.Or(clip(f.Type), "unspecified"), n)
		rest -= n
	}
	add("unspecified", rest)
	return list
}

// fold turns rows of a report into lines, alike ones together.
func fold(rows []dmarc.Row, domain string) []model.Seen {
	at := make(map[model.Seen]int, min(len(rows), maxLines)) // no more than rows, which the reader bounds
	var list []model.Seen
	for i := range rows {
		w := line(&rows[i], domain)
		n := w.Count
		w.Count = 0
		if n <= 0 {
			continue
		}
		j, ok := at[w]
		if !ok {
			j = len(list)
			at[w] = j
			list = append(list, w)
		}
		list[j].Count += n
	}
	return summed(list, maxLines, domain)
}

// summed keeps the lines with the most messages, and of the rest only whether they pass and what became of them.
func summed(list []model.Seen, most int, domain string) []model.Seen {
	if len(list) <= most {
		return list
	}
	slices.SortStableFunc(list, func(a, b model.Seen) int { return cmp.Compare(b.Count, a.Count) })
	out := slices.Clone(list[:most])
	for _, w := range list[most:] {
		rest := model.Seen{From: domain, SPF: w.SPF, DKIM: w.DKIM, Disposition: w.Disposition, Forwarded: w.Forwarded, Count: w.Count}
		i := slices.IndexFunc(out[most:], func(o model.Seen) bool { o.Count = rest.Count; return o == rest })
		if i < 0 {
			out = append(out, rest)
		} else {
			out[most+i].Count += w.Count
		}
	}
	return out
}

// line is a row as it is kept: of several signatures and return paths the one that tells most.
func line(r *dmarc.Row, domain string) model.Seen {
	w := model.Seen{
		Source: r.Source, From: cmp.Or(clip(r.From), domain), SPF: r.SPF == dmarc.Pass, DKIM: r.DKIM == dmarc.Pass, Disposition: disposition(r.Disposition),
		Envelope: clip(r.EnvelopeFrom), Count: r.Count,
	}
	if i := slices.IndexFunc(r.Senders, func(s dmarc.Sender) bool { return s.Scope != "helo" }); i >= 0 {
		w.Envelope, w.SPFResult = clip(r.Senders[i].Domain), clip(r.Senders[i].Result)
	} else if len(r.Senders) > 0 {
		w.Envelope, w.SPFResult = clip(r.Senders[0].Domain), clip(r.Senders[0].Result)
	}
	best := 0
	for _, s := range r.Signatures {
		worth := 1
		if s.Result == dmarc.Pass {
			worth++
		}
		if within(s.Domain, domain) {
			worth += 2
		}
		if worth > best {
			best, w.Signer, w.Selector, w.DKIMResult = worth, clip(s.Domain), clip(s.Selector), clip(s.Result)
		}
	}
	for _, reason := range r.Reasons {
		switch strings.ToLower(reason.Type) {
		case "forwarded", "mailing_list", "trusted_forwarder": // RFC 7489 Appendix C, RFC 9990
			w.Forwarded = true
		}
	}
	return w
}

// within reports whether a name is the domain or lies below it.
func within(name, domain string) bool {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	return name == domain || strings.HasSuffix(name, "."+domain)
}

func disposition(s string) string {
	switch s = strings.ToLower(s); s {
	case string(dmarc.Quarantine), string(dmarc.Reject):
		return s
	}
	return string(dmarc.None) // pass is what RFC 9990 writes where nothing failed
}

// middle is the day of a report: receivers' days begin at all hours.
func middle(begin, end time.Time) model.Day {
	if end.Before(begin) {
		end = begin
	}
	return model.DayOf(begin.Add(end.Sub(begin) / 2))
}

// reporter is the name that a receiver gives itself, else that of its address.
func reporter(organisation, email string) string {
	return clip(strings.ToLower(cmp.Or(strings.TrimSpace(organisation), strings.TrimSpace(email[strings.LastIndexByte(email, '@')+1:]), "?")))
}

// clip is a text of a report as it is kept: without control characters, and not too long.
func clip(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\ufffd' {
			return -1
		}
		return r
	}, s)
	if len(s) > model.MaxReportText {
		s = strings.ToValidUTF8(s[:model.MaxReportText], "")
	}
	return s
}
