package suppression

import (
	"context"
	"io"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/address"
	"github.com/budkavle/budkavle/internal/store"
)

// ImportOptions say what rows mean that do not say it themselves.
type ImportOptions struct {
	List                      // a row may name another domain of the account
	Kind, Tag, Reason, Source string
	Refused                   func(Refused) error // called for each row that cannot be used; its error ends the import
	Progress                  func(Imported)      // called after each commit; may be nil
}

// Refused is a row that was not listed.
type Refused struct {
	Row  int    // from 1, empty lines not counted
	Text string // at most 300 octets of it
	Why  error  // for people
}

// Imported counts rows. Entries are more than rows where an unsubscription names several tags.
type Imported struct {
	Rows    int `json:"rows"`
	Listed  int `json:"listed"`  // entries
	Allowed int `json:"allowed"` // entries that the allow list kept off the bounce list
	Refused int `json:"refused"` // rows
}

// maxShown bounds what is shown of a refused row, in octets.
const maxShown = 300

// importer holds one batch: at most 5,000 rows and what a row of many tags adds, of under 2 KiB each.
type importer struct {
	*Service
	ImportOptions
	names map[string]named
	batch []model.Suppression
	done  Imported
}

type named struct {
	id  model.DomainID
	why error
}

// maxNames bounds the table of sender domains that rows name. A full one is emptied.
const maxNames = 10_000

// Import reads a file of separated values, of any delimiter and charset, or of JSON lines, and lists what is in it. What it
// returns with an error was done.
func (s *Service) Import(ctx context.Context, in io.Reader, o ImportOptions) (Imported, error) {
	i := &importer{Service: s, ImportOptions: o, names: map[string]named{}}
	f, err := open(in)
	if err != nil {
		return i.done, err
	}
	for {
		r, err := f.next()
		if err == io.EOF {
			return i.done, i.flush(ctx)
		}
		if err != nil {
			return i.done, err
		}
		if err := i.take(ctx, r); err != nil {
			return i.done, err
		}
	}
}

func (i *importer) take(ctx context.Context, r row) error {
	i.done.Rows++
	entries := make([]model.Suppression, 0, len(r.records))
	for _, rec := range r.records {
		e, why, err := i.entry(ctx, rec)
		if err != nil {
			return err
		}
		if why != nil {
			r.why = why
			break
		}
		entries = append(entries, e)
	}
	if r.why != nil {
		i.done.Refused++
		return i.Refused(Refused{Row: r.n, Text: clean(r.text, maxShown), Why: r.why})
	}
	if i.batch = append(i.batch, entries...); len(i.batch) < maxBatch {
		return nil
	}
	return i.flush(ctx)
}

// entry completes a record with the options. why: it cannot be used; err: the store does not answer.
func (i *importer) entry(ctx context.Context, r Record) (e model.Suppression, why, err error) {
	l := i.List
	if r.Domain != "" {
		n, err := i.domain(ctx, r.Domain)
		if err != nil || n.why != nil {
			return e, n.why, err
		}
		l.Domain = n.id
	}
	if r.Kind == "" {
		r.Kind = i.Kind
	}
	if kind, err := ParseKind(r.Kind); err == nil && kind == model.SuppressUnsubscribe && r.Tag == "" {
		r.Tag = i.Tag
	}
	if r.Reason == "" {
		r.Reason = i.Reason
	}
	if r.Source == "" {
		r.Source = i.Source
	}
	e, why = i.Entry(l, r)
	return e, why, nil
}

// domain finds a sender domain of the account.
func (i *importer) domain(ctx context.Context, name string) (named, error) {
	if n, ok := i.names[name]; ok {
		return n, nil
	}
	n := named{why: wording.Errorf("%.80q is no domain of the account", name)}
	if ascii, err := address.ParseDomain(name); err == nil {
		d, err := i.Store.Domain(ctx, ascii)
		if err != nil && !store.Is(err, store.NotFound) {
			return n, err
		}
		if err == nil && d.Account == i.Account {
			n = named{id: d.ID}
		}
	}
	if len(i.names) >= maxNames {
		clear(i.names)
	}
	i.names[name] = n
	return n, nil
}

// flush commits the batch.
func (i *importer) flush(ctx context.Context) error {
	if len(i.batch) == 0 {
		return nil
	}
	added, err := i.Add(ctx, i.batch)
	i.done.Listed += added
	if err != nil {
		return err
	}
	i.done.Allowed += len(i.batch) - added
	i.batch = i.batch[:0]
	if i.Progress != nil {
		i.Progress(i.done)
	}
	return nil
}
