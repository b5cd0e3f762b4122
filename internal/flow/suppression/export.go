package suppression

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"
	"time"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// Kinds are the lists in the order of an export. The allow list is last: what was listed before it said no comes back when
// the file is read in.
func Kinds() []model.SuppressionKind {
	return []model.SuppressionKind{model.SuppressBounce, model.SuppressUnsubscribe, model.SuppressComplaint, model.SuppressAllow}
}

// Each calls f with every entry that matches, list by list, in the order of domain and address.
func (s *Service) Each(ctx context.Context, filter store.SuppressionFilter, f func(model.Suppression, Record) error) error {
	domains, err := s.domains(ctx, filter)
	if err != nil {
		return err
	}
	names := map[model.DomainID]string{}
	for _, kind := range Kinds() {
		if filter.Kind != "" && filter.Kind != kind {
			continue
		}
		for i := range domains {
			part := filter
			part.Kind, part.Domain = kind, &domains[i]
			if err := s.each(ctx, part, names, f); err != nil {
				return err
			}
		}
	}
	return nil
}

// domains are those that have entries: each is one step in the order of the lists.
func (s *Service) domains(ctx context.Context, filter store.SuppressionFilter) ([]model.DomainID, error) {
	if filter.Domain != nil {
		return []model.DomainID{*filter.Domain}, nil
	}
	all := store.SuppressionFilter{Account: filter.Account}
	var list []model.DomainID
	for after := (model.Suppression{}); ; {
		next, err := s.Store.ListSuppressions(ctx, all, after, false, 1)
		if err != nil || len(next) == 0 {
			return list, err
		}
		list = append(list, next[0].Domain)
		after = model.Suppression{Domain: next[0].Domain + 1, Key: "!"} // before every list of the next domain
	}
}

// each reads one domain's part of one list.
func (s *Service) each(ctx context.Context, part store.SuppressionFilter, names map[model.DomainID]string, f func(model.Suppression, Record) error) error {
	for after := (model.Suppression{}); ; {
		list, err := s.Store.ListSuppressions(ctx, part, after, false, maxBatch)
		if err != nil {
			return err
		}
		for i := range list {
			r, ok, err := s.record(ctx, &list[i], names)
			if err == nil && ok {
				err = f(list[i], r)
			}
			if err != nil {
				return err
			}
		}
		if len(list) < maxBatch {
			return nil
		}
		after = list[len(list)-1]
	}
}

// record names the entry's domain. Of a domain that is gone only bounces can still stop mail, since they count for the whole
// account: they are given as its own, and ok is false for the rest.
func (s *Service) record(ctx context.Context, e *model.Suppression, names map[model.DomainID]string) (r Record, ok bool, err error) {
	r = Record{
		Kind: string(e.Kind), Address: e.Address, Tag: e.Tag, Code: e.Code, Reason: e.Reason, Source: e.Source, Count: e.Count, CreatedAt: e.CreatedAt.UTC(),
	}
	if e.Domain == 0 {
		return r, true, nil
	}
	if r.Domain, ok = names[e.Domain]; !ok {
		d, err := s.Store.DomainByID(ctx, e.Domain)
		if err != nil && !store.Is(err, store.NotFound) {
			return r, false, err
		}
		if len(names) >= maxNames {
			clear(names)
		}
		names[e.Domain], r.Domain = d.Name, d.Name
	}
	return r, r.Domain != "" || e.Kind == model.SuppressBounce, nil
}

// Writer writes records to a file.
type Writer interface {
	Write(r Record) error
	Flush() error
}

// columns are the heading of a file.
func columns() []string {
	return []string{"kind", "address", "domain", "tag", "code", "reason", "source", "count", "created_at"}
}

type csvWriter struct{ *csv.Writer }

// NewCSV writes separated values with a heading (RFC 4180, lines ended by LF).
func NewCSV(w io.Writer) Writer {
	c := csvWriter{csv.NewWriter(w)}
	_ = c.Writer.Write(columns()) // the writer keeps its error for Flush
	return c
}

func (c csvWriter) Write(r Record) error {
	return c.Writer.Write([]string{r.Kind, r.Address, r.Domain, r.Tag, r.Code, r.Reason, r.Source, strconv.Itoa(r.Count), r.CreatedAt.Format(time.RFC3339Nano)})
}

func (c csvWriter) Flush() error {
	c.Writer.Flush()
	return c.Writer.Error()
}

type jsonWriter struct {
	*bufio.Writer
	encoder *json.Encoder
}

// NewJSON writes an object a line.
func NewJSON(w io.Writer) Writer {
	b := bufio.NewWriter(w)
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	return jsonWriter{b, e}
}

func (j jsonWriter) Write(r Record) error { return j.encoder.Encode(r) }
