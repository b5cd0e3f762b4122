package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

const (
	// scanStep is how many events are read at a time, and scanSteps how often for one page: at most 50,000 events of
	// about 500 octets are looked at, 1,000 held.
	scanStep  = 1000
	scanSteps = 50
)

// eventPage is the answer.
type eventPage struct {
	Items  []event           `json:"items"`
	Paging map[string]string `json:"paging"`
}

// events answers one page of the record of a domain.
func (a *API) events(w http.ResponseWriter, c *call) error {
	var s *search
	var err error
	if token := c.PathValue("token"); token != "" {
		s, err = parseToken(token)
	} else {
		s, err = parseSearch(c.URL.Query())
	}
	if err != nil {
		return err
	}
	scan := &scan{api: a, search: s, domain: &c.domain, messages: map[ident.ID]*model.Message{}}
	if err := scan.run(c.Context()); err != nil {
		return err
	}
	body, err := json.Marshal(scan.page())
	if err != nil {
		return unavailable(err, "The events cannot be shown now, try again later")
	}
	answer(w, http.StatusOK, body)
	return nil
}

// scan reads events until a page is full.
type scan struct {
	*search
	api      *API
	domain   *model.Domain
	messages map[ident.ID]*model.Message // of the events looked at; at most those of one step
	items    []event
	ids      []ident.ID // of the items
	at       ident.ID   // the last event looked at
}

// run looks at events in the order of the page. The store finds them by domain or by message; the other filters are
// applied here, to a bounded number.
func (s *scan) run(ctx context.Context) error {
	f := store.EventFilter{
		Account: s.domain.Account, Domain: s.domain.ID, Begin: s.low, Ascending: s.ascending != s.search.page.backwards(), After: s.pivot, Limit: scanStep,
	}
	if !s.high.IsZero() {
		f.End = s.high.Add(time.Millisecond) // of the event's number, which holds milliseconds: end is included
	}
	if err := s.narrow(ctx, &f); err != nil {
		return err
	}
	s.at = s.pivot
	for range s.api.scanSteps {
		if len(s.conditions) == 0 {
			f.Limit = s.limit - len(s.items)
		}
		list, err := s.api.Store.ListEvents(ctx, f)
		if err != nil {
			return unavailable(err, "The events cannot be read now, try again later")
		}
		full, err := s.take(ctx, list)
		if err != nil || full || len(list) < f.Limit {
			return err
		}
		f.After = s.at
	}
	if len(s.items) == 0 {
		return badField("None of the %d events looked at, back or on to %s, is one of those asked for; narrow the search with begin and end",
			scanStep*s.api.scanSteps, s.at.Time().UTC().Format(time.RFC1123Z))
	}
	return nil
}

// narrow makes a search by Message-ID cheap: one of ours tells the message or, of those that share it, since when there can
// be events.
func (s *scan) narrow(ctx context.Context, f *store.EventFilter) error {
	first, shared, ok := firstOf(s.messageID)
	if !ok {
		return nil
	}
	m, err := s.load(ctx, first)
	if err != nil {
		return unavailable(err, "The events cannot be read now, try again later")
	}
	if m.Domain != s.domain.ID || m.Meta.MessageID != s.messageID {
		return nil // another's that looks like ours
	}
	if !shared {
		f.Message = first
	} else if f.Begin.Before(first.Time()) {
		f.Begin = first.Time()
	}
	return nil
}

// take keeps the events that are wanted; full: no more fit.
func (s *scan) take(ctx context.Context, list []model.Event) (full bool, err error) {
	clear(s.messages)
	for i := range list {
		ev := &list[i]
		s.at = ev.ID
		name, _, _ := wordsFor(ev)
		if name == "" || ev.Message == 0 {
			continue
		}
		m, err := s.load(ctx, ev.Message)
		if err != nil {
			return false, unavailable(err, "The events cannot be read now, try again later")
		}
		e := render(ev, m)
		if !s.wants(&e) {
			continue
		}
		s.items = append(s.items, e)
		s.ids = append(s.ids, ev.ID)
		if len(s.items) == s.limit {
			return true, nil
		}
	}
	return false, nil
}

// load finds a message; one that is no longer kept is an empty one.
func (s *scan) load(ctx context.Context, id ident.ID) (*model.Message, error) {
	if m := s.messages[id]; m != nil {
		return m, nil
	}
	m, err := s.api.Store.Message(ctx, id)
	if err != nil && !store.Is(err, store.NotFound) {
		return nil, err
	}
	s.messages[id] = &m
	return &m, nil
}

func (s *scan) wants(e *event) bool {
	return !slices.ContainsFunc(s.conditions, func(c condition) bool { return !c.holds(valuesOf(e, c.field)...) })
}

// valuesOf is what a filter looks at.
func valuesOf(e *event, field string) []string {
	switch field {
	case "event":
		return []string{e.Event}
	case "recipient", "recipients":
		return []string{e.Recipient}
	case "severity":
		return []string{e.Severity}
	case "tags":
		return slices.Clone(e.Tags)
	case "size":
		return []string{strconv.FormatInt(e.Message.Size, 10)}
	case "attachment":
		var names []string
		for _, a := range e.Message.Attachments {
			names = append(names, a.Name)
		}
		return names
	default: // message-id, subject, from, to
		return []string{e.Message.Headers[field]}
	}
}

// page makes the answer. next is always there, so that a client which stops at an empty page does, and one that polls goes
// on from where it was.
func (s *scan) page() eventPage {
	if s.search.page.backwards() {
		slices.Reverse(s.items)
		slices.Reverse(s.ids)
	}
	before, after := s.pivot, s.at
	if s.search.page.backwards() {
		before, after = s.at, s.pivot
	}
	if n := len(s.ids); n > 0 {
		before = s.ids[0]
		if n == s.limit || s.search.page.backwards() {
			after = s.ids[n-1]
		}
	}
	url := func(p page, pivot ident.ID) string {
		return strings.Join([]string{s.api.BaseURL, "v3", s.domain.Name, "events", s.token(p, pivot)}, "/")
	}
	paging := map[string]string{"first": url(pageFirst, 0), "last": url(pageLast, 0), "next": url(pageNext, after), "previous": url(pagePrevious, before)}
	if len(s.ids) == 0 { // beyond either end, the way back begins with the page at that end, and the pivot in it
		if s.search.page.backwards() {
			paging["next"] = paging["first"]
		} else {
			paging["previous"] = paging["last"]
		}
	}
	return eventPage{Items: notNil(s.items), Paging: paging}
}
