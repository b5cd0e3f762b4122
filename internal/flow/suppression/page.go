package suppression

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// Listing is an address on a list, with all that the list has of it: the oldest date, the newest words, the sum of counts.
type Listing struct {
	model.Suppression
	Tags []string // in order; "" is all mail
}

// Query asks for a page of a domain's list: its own entries and those for every domain of the account, by address.
type Query struct {
	Domain *model.Domain
	Kind   model.SuppressionKind
	Prefix string // of the address, in lower case; empty: all
	After  string // the key that the page begins behind; empty: at the end it is read from
	// Backward reads towards the beginning; the page is in the order of addresses all the same.
	Backward bool
	Limit    int // addresses; at least 1
}

// Page returns a page.
func (s *Service) Page(ctx context.Context, q Query) ([]Listing, error) {
	var runs []*run
	for _, domain := range []model.DomainID{0, q.Domain.ID} {
		r, err := s.newRun(ctx, q, domain)
		if err != nil {
			return nil, err
		}
		runs = append(runs, r)
	}
	var list []Listing
	for {
		e, err := nearest(ctx, runs, q.Backward)
		if err != nil {
			return nil, err
		}
		switch n := len(list); {
		case e != nil && n > 0 && list[n-1].Key == e.Key:
			list[n-1].join(e)
		case e == nil || n == q.Limit:
			if q.Backward {
				slices.Reverse(list)
			}
			return list, nil
		default:
			list = append(list, Listing{*e, []string{e.Tag}})
		}
	}
}

// Find returns what a domain's list has of an address; ok is false if nothing. A dead address is found whichever domain of
// the account found it so.
func (s *Service) Find(ctx context.Context, d *model.Domain, kind model.SuppressionKind, key string) (found Listing, ok bool, err error) {
	list, err := s.Store.Suppressed(ctx, d.Account, []string{key})
	for i := range list {
		e := &list[i]
		if e.Kind != kind || e.Account == 0 || kind != model.SuppressBounce && e.Domain != 0 && e.Domain != d.ID {
			continue
		}
		if !ok {
			found, ok = Listing{*e, []string{e.Tag}}, true
			continue
		}
		found.join(e)
	}
	return found, ok, err
}

// join adds another entry for the same address.
func (l *Listing) join(e *model.Suppression) {
	count := l.Count + e.Count
	created := l.CreatedAt
	if e.CreatedAt.Before(created) {
		created = e.CreatedAt
	} else {
		l.Suppression = *e
	}
	l.Count, l.CreatedAt = count, created
	if i, there := slices.BinarySearch(l.Tags, e.Tag); !there {
		l.Tags = slices.Insert(l.Tags, i, e.Tag)
	}
}

// run reads one domain's part of a list in its order, some entries ahead.
type run struct {
	store    Store
	filter   store.SuppressionFilter
	prefix   string
	backward bool
	limit    int
	after    model.Suppression
	ahead    []model.Suppression // at most limit
	ended    bool
}

const (
	// lastTag is behind every tag, whose characters are printable ASCII.
	lastTag = "\x7f"
	// lastKey is behind everything that can follow a prefix.
	lastKey = "\U0010ffff"
)

func (s *Service) newRun(ctx context.Context, q Query, domain model.DomainID) (*run, error) {
	r := &run{
		store: s.Store, filter: store.SuppressionFilter{Account: q.Domain.Account, Domain: &domain, Kind: q.Kind}, prefix: q.Prefix, backward: q.Backward,
		limit: q.Limit + 1, after: model.Suppression{Domain: domain, Kind: q.Kind, Key: q.After},
	}
	switch {
	case q.After != "" && !q.Backward:
		r.after.Tag = lastTag
	case q.After == "" && q.Prefix != "" && q.Backward:
		r.after.Key = q.Prefix + lastKey
	case q.After == "" && q.Prefix != "": // what is the prefix and no more is not behind it
		exact := r.filter
		exact.Key = q.Prefix
		var err error
		if r.ahead, err = s.Store.ListSuppressions(ctx, exact, model.Suppression{}, false, maxKeys); err != nil {
			return nil, err
		}
		r.after.Key, r.after.Tag = q.Prefix, lastTag
	}
	return r, nil
}

// peek gives the next entry without taking it; nil at the end.
func (r *run) peek(ctx context.Context) (*model.Suppression, error) {
	if len(r.ahead) == 0 && !r.ended {
		var err error
		if r.ahead, err = r.store.ListSuppressions(ctx, r.filter, r.after, r.backward, r.limit); err != nil {
			return nil, err
		}
		r.ended = len(r.ahead) < r.limit
		if n := len(r.ahead); n > 0 {
			r.after = r.ahead[n-1]
		}
	}
	if len(r.ahead) == 0 || !strings.HasPrefix(r.ahead[0].Key, r.prefix) {
		r.ahead, r.ended = nil, true
		return nil, nil
	}
	return &r.ahead[0], nil
}

// nearest takes the next entry of several runs; nil when all have ended.
func nearest(ctx context.Context, runs []*run, backward bool) (*model.Suppression, error) {
	var first *run
	var next *model.Suppression
	for _, r := range runs {
		e, err := r.peek(ctx)
		if err != nil {
			return nil, err
		}
		if e == nil {
			continue
		}
		order := -1
		if next != nil {
			order = cmp.Or(cmp.Compare(e.Key, next.Key), cmp.Compare(e.Tag, next.Tag))
		}
		if next == nil || order < 0 != backward && order != 0 {
			first, next = r, e
		}
	}
	if first != nil {
		first.ahead = first.ahead[1:]
	}
	return next, nil
}
