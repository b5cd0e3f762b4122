package reports

import (
	"context"
	"fmt"
	"time"

	"github.com/budkavle/budkavle/internal/engine/stage"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

const (
	watchEvery = 10 * time.Minute      // between looks whether a day has ended, and after a fault
	watchPause = 20 * time.Millisecond // between domains: 10,000 take some minutes, and the queue's commits go first
	watchPage  = 200
	// again is how long the owner is left alone about a step that was proposed.
	again = 30 * 24 * time.Hour
)

// Watch does the work of each day, for every domain that may send, once a day. Several may work on one store: what one has
// stored, the others find done. It may end at any moment, and whoever comes next goes on.
func (s *Service) Watch(ctx context.Context) error {
	var done model.Day // the last day that all domains are done with
	for {
		if yesterday := s.today() - 1; done < yesterday {
			err := s.round(ctx)
			switch {
			case err == nil:
				done = yesterday
			case ctx.Err() == nil:
				s.Log.Warn("reports: the day's work is not done, trying again in a while", "error", err, "again_in", watchEvery)
			}
		}
		if err := s.pause(ctx, watchEvery); err != nil {
			return err
		}
	}
}

func (s *Service) pause(ctx context.Context, d time.Duration) error {
	t := s.Clock.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// round goes through all domains. One that fails keeps none of the others; what is done already costs little when the round is
// made again.
func (s *Service) round(ctx context.Context) error {
	var failed error
	for after := ""; ; {
		page, err := s.Store.ListDomains(ctx, 0, after, watchPage)
		if err != nil {
			return err
		}
		for i := range page {
			after = page[i].Name
			if !page[i].State.MaySend() {
				continue
			}
			if err := s.look(ctx, &page[i]); err != nil && !store.Is(err, store.Conflict) && failed == nil { // conflict: another node has done it
				failed = fmt.Errorf("%s: %w", after, err)
			}
			if err := s.pause(ctx, watchPause); err != nil {
				return err
			}
		}
		if len(page) < watchPage {
			return failed
		}
	}
}

// look does the work of the day for one domain: it counts what we sent, sees what policy there is, and proposes a step.
func (s *Service) look(ctx context.Context, d *model.Domain) error {
	t, err := s.Store.Stage(ctx, d.ID)
	if err != nil {
		return err
	}
	yesterday, from := s.today()-1, t.Looked
	if t.Looked >= yesterday {
		return nil
	}
	if err := s.count(ctx, d, max(t.Looked+1, yesterday-model.Day(stage.Stretch*s.Days)+1), yesterday); err != nil {
		return err
	}
	standing, err := s.standing(ctx, d, t, false)
	if err != nil {
		return err
	}
	t.Looked = yesterday
	if !standing.Unread.IsZero() { // what was true before holds
		return s.Store.SetStage(ctx, t, from, nil)
	}
	v := &standing.Verdict
	if policy := string(v.Policy); policy != t.Policy {
		if t.Policy != "" {
			t.Since = s.today()
		}
		t.Policy, t.Proposed = policy, "" // whatever was proposed, the owner has decided
	}
	if v.Move == stage.Stay || t.Proposed == string(v.Next) && s.Clock.Now().Sub(t.ProposedAt) < again {
		return s.Store.SetStage(ctx, t, from, nil)
	}
	t.Proposed, t.ProposedAt = string(v.Next), s.Clock.Now()
	ev := model.Event{
		ID: s.IDs.Next(), Kind: model.EventReport, At: t.ProposedAt, Account: d.Account, Domain: d.ID,
		Data: model.EventData{Class: "dmarc-" + string(v.Move), Reason: string(v.Policy) + " to " + string(v.Next) + ": " + v.Why.String()},
	}
	if err := s.Store.SetStage(ctx, t, from, &ev); err != nil {
		return err
	}
	s.Log.Info("dmarc", "domain", d.Name, "move", v.Move, "policy", v.Policy, "next", v.Next, "why", v.Why.String())
	s.write(ctx, d, &standing)
	return nil
}

// count records what was delivered on days that are over, from their events: a seek in the index and the day's events of the
// domain, each read once ever. Whether that mail was aligned is what is proved of the domain now.
func (s *Service) count(ctx context.Context, d *model.Domain, first, last model.Day) error {
	keys, err := s.Store.SigningKeys(ctx, d.ID)
	if err != nil {
		return err
	}
	aligned := d.ReturnPath
	for _, k := range keys {
		aligned = aligned || k.State == model.KeyActive && k.Algorithm == model.AlgorithmRSA
	}
	var list []model.SentDay
	for day := first; day <= last; day++ {
		n, err := s.Store.CountEvents(ctx, store.EventFilter{
			Domain: d.ID, Kinds: []model.EventKind{model.EventDelivered}, Begin: day.Begin(), End: (day + 1).Begin(),
		})
		if err != nil {
			return err
		}
		if n[model.EventDelivered] > 0 {
			list = append(list, model.SentDay{Day: day, Delivered: n[model.EventDelivered], Aligned: aligned})
		}
	}
	if len(list) == 0 {
		return nil
	}
	return s.Store.AddSentDays(ctx, d.ID, list)
}

// write tells the account's contact, if it has one. The event is stored already: a letter that fails is not written again
// before the proposal is.
func (s *Service) write(ctx context.Context, d *model.Domain, t *Standing) {
	if s.Notifier == nil {
		return
	}
	a, err := s.Store.AccountByID(ctx, d.Account)
	if err == nil && a.Contact != "" {
		subject, text := letter(t)
		err = s.Notifier.Tell(ctx, a, d.Name, subject, text)
	}
	if err != nil {
		s.Log.Warn("reports: the owner of a domain could not be written to", "domain", d.Name, "error", err)
	}
}
