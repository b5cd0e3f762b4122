package reports

import (
	"context"
	"log/slog"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/spf"
	"github.com/budkavle/budkavle/internal/store"
)

// Bounds of what is read to be shown.
const (
	maxSources   = 5_000 // lines by source, 1 MB
	maxReporters = 50
	maxTLS       = 2_000
	// MaxDays is how far back reports are shown.
	MaxDays = 400
)

// Overview is what receivers saw of a domain.
type Overview struct {
	Domain    string           `json:"domain"`
	First     model.Day        `json:"first"`
	Last      model.Day        `json:"last"`
	Messages  int64            `json:"messages"`
	Passing   int64            `json:"passing"`
	Days      []model.SeenDay  `json:"days"`    // those with reports
	Senders   []Sender         `json:"senders"` // the most messages first
	Reporters []store.Reporter `json:"reporters"`
	TLS       []model.SeenTLS  `json:"tls"`      // by day
	Complete  bool             `json:"complete"` // false: there were more sources than are read
}

// Overview sums up the last days, today included.
func (s *Service) Overview(ctx context.Context, d model.Domain, days int) (Overview, error) {
	last := s.today()
	first := max(last-model.Day(min(max(days, 1), MaxDays))+1, 0)
	o := Overview{Domain: d.Name, First: first, Last: last, Days: []model.SeenDay{}, Senders: []Sender{}, Reporters: []store.Reporter{}, TLS: []model.SeenTLS{}}
	byDay, err := s.Store.SeenDays(ctx, d.ID, first, last)
	if err != nil {
		return o, err
	}
	for _, day := range byDay {
		o.Days = append(o.Days, day)
		o.Messages, o.Passing = o.Messages+day.Messages, o.Passing+day.Passing
	}
	seen, err := s.Store.SeenSources(ctx, d.ID, first, last, maxSources)
	if err != nil {
		return o, err
	}
	n, err := s.naming(ctx, &d, seen)
	if err != nil {
		return o, err
	}
	o.Complete = len(seen) < maxSources
	o.Senders = append(o.Senders, n.senders(ctx, seen, d.Name)...)
	reporters, err := s.Store.Reporters(ctx, d.ID, first, last, maxReporters)
	if err != nil {
		return o, err
	}
	o.Reporters = append(o.Reporters, reporters...)
	tls, err := s.Store.SeenTLS(ctx, d.ID, first, last, maxTLS)
	o.TLS = append(o.TLS, tls...)
	return o, err
}

// seenDays is how far back the SPF guide looks.
const seenDays = 60

// Sources are the addresses, not ours, that have sent for a domain in the last 60 days without passing SPF in alignment: for the
// guide, which tells whether a record lets them through. What was forwarded is not among them: SPF cannot let it through.
func (s *Service) Sources(ctx context.Context, d model.Domain) ([]spf.Source, error) {
	last := s.today()
	seen, err := s.Store.SeenSources(ctx, d.ID, max(last-seenDays, 0), last, maxSources)
	if err != nil {
		return nil, err
	}
	n, err := s.naming(ctx, &d, seen)
	if err != nil {
		return nil, err
	}
	var list []spf.Source
	at := map[string]int{} // by address, no more than lines
	for i := range seen {
		w := &seen[i]
		if w.SPF || !w.Source.IsValid() || w.Forwarded || n.ours[w.Source] {
			continue
		}
		j, ok := at[w.Source.String()]
		if !ok {
			j = len(list)
			at[w.Source.String()] = j
			list = append(list, spf.Source{Address: w.Source})
		}
		list[j].Messages += int(w.Count)
	}
	return list, nil
}

// SeenOf is Sources for checks of domains by name, which go on without where there are none.
func (s *Service) SeenOf(ctx context.Context, name string) []spf.Source {
	d, err := s.Store.Domain(ctx, name)
	if err != nil {
		return nil // a domain that is not of this node has no reports
	}
	list, err := s.Sources(ctx, d)
	if err != nil {
		s.Log.LogAttrs(ctx, slog.LevelWarn, "reports: the senders of a domain cannot be read", slog.String("domain", name), slog.Any("error", err))
	}
	return list
}
