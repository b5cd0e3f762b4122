package digest

import (
	"context"
	"time"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// MaxAddresses is how many addresses a letter names.
const MaxAddresses = 50

// Digest is a day of an account.
type Digest struct {
	Account      string           `json:"account"`
	Day          string           `json:"day"`
	Sent         int64            `json:"sent"` // recipients of accepted mail
	Delivered    int64            `json:"delivered"`
	Failed       map[string]int64 `json:"failed"`  // bounced or expired, by class of failure
	Stopped      int64            `json:"stopped"` // not sent, since the recipient is on a suppression list
	Listed       int64            `json:"listed"`  // addresses that are no longer sent to from that day on
	Addresses    []string         `json:"addresses"`
	Unsubscribed int64            `json:"unsubscribed"`
	Complained   int64            `json:"complained"`
	Answered     int64            `json:"answered"` // mail that came back and reported nothing
	Domains      []Fault          `json:"domains"`  // that came into a state of fault and are in it

	from *model.Domain // that a letter can be sent from; nil: there is none
}

// Fault is a domain with faults.
type Fault struct {
	Domain string            `json:"domain"`
	State  model.DomainState `json:"state"`
	Reason string            `json:"reason"`
}

// Urgent reports whether there is something that a person should know.
func (d *Digest) Urgent() bool {
	return len(d.Failed) > 0 || d.Listed > 0 || d.Complained > 0 || len(d.Domains) > 0
}

const (
	domainsAtOnce = 100
	eventsAtOnce  = 1000
)

// Of counts a day of an account.
func (s *Service) Of(ctx context.Context, a *model.Account, day Day) (Digest, error) {
	d := Digest{Account: a.Name, Day: day.String(), Failed: map[string]int64{}, Addresses: []string{}, Domains: []Fault{}}
	begin, end := day.begin(s.Location), day.end(s.Location)
	for after := ""; ; {
		domains, err := s.Store.ListDomains(ctx, a.ID, after, domainsAtOnce)
		if err != nil {
			return d, err
		}
		for i := range domains {
			if err := s.domain(ctx, &d, &domains[i], begin, end); err != nil {
				return d, err
			}
			after = domains[i].Name
		}
		if len(domains) < domainsAtOnce {
			return d, nil
		}
	}
}

func (s *Service) domain(ctx context.Context, d *Digest, of *model.Domain, begin, end time.Time) error {
	if of.State.MaySend() && d.from == nil {
		d.from = of
	}
	if (of.State == model.DomainDegraded || of.State == model.DomainStopped) && !of.ChangedAt.Before(begin) && of.ChangedAt.Before(end) {
		d.Domains = append(d.Domains, Fault{of.Name, of.State, of.Reason})
	}
	f := store.EventFilter{Account: of.Account, Domain: of.ID, Begin: begin, End: end}
	counts, err := s.Store.CountEvents(ctx, f)
	if err != nil {
		return err
	}
	d.Sent += counts[model.EventAccepted]
	d.Delivered += counts[model.EventDelivered]
	d.Answered += counts[model.EventReplied]
	var looked int64 // events that must be looked into
	for _, kind := range telling() {
		looked += counts[kind]
	}
	if looked == 0 {
		return nil
	}
	f.Kinds, f.Ascending, f.Limit = telling(), true, eventsAtOnce
	for {
		page, err := s.Store.ListEvents(ctx, f)
		if err != nil {
			return err
		}
		for i := range page {
			d.add(&page[i])
			f.After = page[i].ID
		}
		if len(page) < eventsAtOnce {
			return nil
		}
	}
}

// telling are the kinds of events that say why.
func telling() []model.EventKind {
	return []model.EventKind{model.EventBounced, model.EventExpired, model.EventUnsubscribed, model.EventComplained}
}

func (d *Digest) add(ev *model.Event) {
	switch {
	case ev.Kind == model.EventUnsubscribed:
		d.Unsubscribed++
	case ev.Kind == model.EventComplained:
		d.Complained++
	case ev.Data.Code != 0: // of our own: nothing was tried
		d.Stopped++
	default:
		d.Failed[ev.Data.Class]++ // no more than there are classes
	}
	if ev.Data.Listed && ev.Kind != model.EventUnsubscribed {
		d.Listed++
		if len(d.Addresses) < MaxAddresses {
			d.Addresses = append(d.Addresses, ev.Recipient)
		}
	}
}
