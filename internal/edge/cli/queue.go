package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

type queueCommand struct {
	List    queueList    `cmd:"" help:"List recipients in the queue."`
	Show    queueShow    `cmd:"" help:"Tell one message's whole story."`
	Hold    queueHold    `cmd:"" help:"Hold waiting mail until it is released."`
	Release queueRelease `cmd:"" help:"Let held mail go."`
	Retry   queueRetry   `cmd:"" help:"Try waiting mail now instead of when it is due."`
	Cancel  queueCancel  `cmd:"" help:"Take mail out of the queue for good; its senders are not told."`
}

// selection is which recipients a command means.
type selection struct {
	Message []string `arg:"" optional:"" help:"Messages by identifier."`
	Account string   `help:"Only this account."`
	Domain  string   `help:"Only this recipient domain."`
	Site    string   `help:"Only recipient domains whose mail goes to this site, as queue list --sites names it."`
	All     bool     `help:"The whole queue."`
}

// filters turns the selection into the store's filters, one after the other to be worked through.
func (s *selection) filters(ctx context.Context, a *app, o *office, mustSelect bool) ([]store.Filter, error) {
	account, err := a.accountID(ctx, o, s.Account)
	if err != nil {
		return nil, err
	}
	base := store.Filter{Account: account, Domain: strings.ToLower(s.Domain)}
	if mustSelect && !s.All && len(s.Message) == 0 && s.Account == "" && s.Domain == "" && s.Site == "" {
		return nil, &usageError{wording.Errorf("say which mail: a message, --account, --domain, --site, or --all")}
	}
	if s.Site != "" {
		return o.siteFilters(ctx, base, s.Site)
	}
	if len(s.Message) == 0 {
		return []store.Filter{base}, nil
	}
	var fs []store.Filter
	for _, text := range s.Message {
		id, err := ident.Parse(text)
		if err != nil {
			return nil, &usageError{err}
		}
		f := base
		f.Message = id
		fs = append(fs, f)
	}
	return fs, nil
}

type queueList struct {
	selection
	State []string `help:"Only these states: waiting, leased, held, delivered, bounced, expired, cancelled (default: the first three)."`
	Limit int      `help:"Rows at most." default:"1000"`
	Sites bool     `help:"Count by site instead of listing recipients."`
}

func (c *queueList) Run(a *app) error {
	return a.withOffice(func(ctx context.Context, o *office) error {
		if c.Sites {
			return a.listSites(ctx, o)
		}
		states, err := parseStates(c.State)
		if err != nil {
			return err
		}
		filters, err := c.filters(ctx, a, o, false)
		if err != nil {
			return err
		}
		held, err := o.held(ctx)
		if err != nil {
			return err
		}
		t := a.listing("message", "recipient", "state", "due", "attempts", "account", "class", "last reply", "held by")
		left := c.Limit
		for _, f := range filters {
			f.States = states
			var after model.RecipientKey
			for left > 0 {
				limit := min(left, pageSize)
				page, err := o.store.ListQueue(ctx, f, after, limit)
				if err != nil {
					return err
				}
				if err := held.lookUp(ctx, recipientsOf(page)); err != nil {
					return err
				}
				for _, r := range page {
					by := held.by(&r.Recipient)
					if err := t.item(queueItem(r, o.accountName(ctx, r.Account), by), a.queueCells(ctx, o, r, by)...); err != nil {
						return err
					}
					after = r.RecipientKey
				}
				if left -= len(page); len(page) < limit {
					break
				}
			}
		}
		return t.end()
	})
}

func recipientsOf(page []store.QueueRow) []model.Recipient {
	list := make([]model.Recipient, len(page))
	for i := range page {
		list[i] = page[i].Recipient
	}
	return list
}

func (a *app) queueCells(ctx context.Context, o *office, r store.QueueRow, by *model.PathState) []string {
	limit := "-"
	if by != nil {
		limit = a.heldText(by)
	}
	return []string{
		r.Message.String(), r.Address, a.T(r.State.String()), when(r.Due), number(r.Attempts),
		o.accountName(ctx, r.Account), a.T(r.Class.String()), orDash(shorten(replyText(r.Last), 70)), limit,
	}
}

func queueItem(r store.QueueRow, account string, by *model.PathState) map[string]any {
	item := map[string]any{
		"message": r.Message, "n": r.N, "recipient": r.Address, "domain": r.Domain, "state": r.State.String(),
		"attempts": r.Attempts, "account": account, "class": r.Class.String(), "last": replyText(r.Last),
		"sender": r.Sender, "subject": r.Subject, "accepted": r.AcceptedAt, "size": r.Size,
	}
	if !r.Due.IsZero() { // held mail is due when it is released
		item["due"] = r.Due
	}
	if by != nil {
		item["held_by"], item["held_rule"], item["held_reason"] = by.HeldBy, by.Rule, by.Reason
	}
	return item
}

func parseStates(names []string) ([]model.RecipientState, error) {
	if len(names) == 0 {
		return []model.RecipientState{model.StateWaiting, model.StateLeased, model.StateHeld}, nil
	}
	var states []model.RecipientState
	for _, name := range names {
		s, ok := model.ParseState(name)
		if !ok {
			return nil, &usageError{wording.Errorf("state %q: use waiting, leased, held, delivered, bounced, expired or cancelled", name)}
		}
		states = append(states, s)
	}
	return states, nil
}

func replyText(r model.Reply) string {
	if r.Code == 0 {
		return r.Text
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s %s", r.Code, r.Enhanced, r.Text))
}

func shorten(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

type queueHold struct{ selection }

func (c *queueHold) Run(a *app) error {
	return a.change(&c.selection, "held", func(ctx context.Context, o *office, f store.Filter) (int, error) {
		return o.store.HoldWaiting(ctx, f, pageSize, o.eventFor(model.EventHeld, "held by the operator"))
	})
}

type queueRelease struct{ selection }

func (c *queueRelease) Run(a *app) error {
	return a.change(&c.selection, "released", func(ctx context.Context, o *office, f store.Filter) (int, error) {
		return o.store.ReleaseHeld(ctx, f, pageSize, o.clock.Now(), o.eventFor(model.EventReleased, "released by the operator"))
	})
}

type queueRetry struct{ selection }

func (c *queueRetry) Run(a *app) error {
	now := time.Time{}
	return a.change(&c.selection, "to be tried now", func(ctx context.Context, o *office, f store.Filter) (int, error) {
		if now.IsZero() {
			now = o.clock.Now() // one instant for all steps, so that each step finds only what is left
		}
		return o.store.RetryWaiting(ctx, f, pageSize, now)
	})
}

type queueCancel struct{ selection }

func (c *queueCancel) Run(a *app) error {
	return a.change(&c.selection, "cancelled", func(ctx context.Context, o *office, f store.Filter) (int, error) {
		return o.store.CancelQueued(ctx, f, pageSize, o.clock.Now(), o.eventFor(model.EventCancelled, "cancelled by the operator"))
	})
}

// change applies step to everything selected, a page a commit, and tells a running node.
func (a *app) change(s *selection, done string, step func(context.Context, *office, store.Filter) (int, error)) error {
	return a.withOffice(func(ctx context.Context, o *office) error {
		filters, err := s.filters(ctx, a, o, true)
		if err != nil {
			return err
		}
		total := 0
		for _, f := range filters {
			for {
				n, err := step(ctx, o, f)
				if err != nil {
					return wording.Errorf("%d recipients were %s before the fault: %w", total, a.T(done), err)
				}
				if total += n; n < pageSize {
					break
				}
			}
		}
		if err := o.store.Signal(ctx, store.SignalQueue); err != nil {
			return err
		}
		return a.done(map[string]int{"recipients": total}, "%d recipients: %s", total, a.T(done))
	})
}

// eventFor makes the events of a change by the operator.
func (o *office) eventFor(kind model.EventKind, reason string) store.EventFor {
	return func(r model.Recipient) model.Event {
		return model.Event{
			ID: o.ids.Next(), Kind: kind, At: o.clock.Now(), Account: r.Account, Message: r.Message, N: r.N,
			Recipient: r.Address, Data: model.EventData{Reason: reason},
		}
	}
}
