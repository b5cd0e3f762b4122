package onboard

import (
	"context"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// Open lets other accounts add subdomains of a domain, or no more.
func (s *Service) Open(ctx context.Context, name string, open bool) (model.Domain, error) {
	return s.edit(ctx, name, func(c *store.DomainChange) error {
		c.Domain.Open = open
		text := "subdomains are closed to other accounts"
		if open {
			text = "subdomains are open to other accounts"
		}
		ev := s.event(&c.Domain, text)
		c.Event = &ev
		return nil
	})
}

// Waive records the operator's reason to let a domain send whatever DNS says; empty takes the waiver back, and the next
// check decides.
func (s *Service) Waive(ctx context.Context, name, reason string) (model.Domain, error) {
	return s.edit(ctx, name, func(c *store.DomainChange) error {
		d := &c.Domain
		d.Waiver, d.NextCheck = reason, s.clock.Now()
		text := "waiver taken back"
		if reason != "" {
			text = "waived: " + reason
			if d.State != model.DomainLive {
				d.State, d.ChangedAt = model.DomainLive, s.clock.Now()
				d.Reason = Reason(d.State).String()
			}
		}
		ev := s.event(d, text)
		c.Event = &ev
		return nil
	})
}

// edits bounds how often a change is tried again because a check came between.
const edits = 5

// edit reads a domain, changes it and stores it; if it has changed meanwhile, again.
func (s *Service) edit(ctx context.Context, name string, change func(c *store.DomainChange) error) (model.Domain, error) {
	name, err := domainName(name)
	if err != nil {
		return model.Domain{}, err
	}
	for range edits {
		var d model.Domain
		if d, err = s.store.Domain(ctx, name); err != nil {
			return d, err
		}
		c := store.DomainChange{Domain: d, From: d.State}
		if err := change(&c); err != nil {
			return d, err
		}
		if err = s.store.ChangeDomain(ctx, c); err == nil {
			c.Domain.Revision++
			return c.Domain, s.store.Signal(ctx, store.SignalDirectory)
		}
		if !store.Is(err, store.Conflict) {
			return d, err
		}
	}
	return model.Domain{}, err
}
