package cli

import (
	"context"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/lab"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

const (
	watchEvery = 200 * time.Millisecond
	// watchIdle is how long nothing may change before the demo is given up: above the longest rest between two attempts
	// that the lab gives reason for.
	watchIdle = time.Minute
)

// watch shows progress until everything is sent and settled as far as it ever will be, or until nothing moves any more:
// that is stuck.
func (w *world) watch(ctx context.Context, o *office, m *mailing, sent <-chan error) (stuck, err error) {
	t := newTerminal(w.app.Out, w.app.environ)
	defer func() {
		if !w.app.json {
			t.settle()
		}
	}()
	began, moved := time.Now(), time.Now()
	stays, returns := w.expected(m)
	last, all := -1, len(m.addresses)
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for sending := true; ; {
		select {
		case err := <-sent:
			if sending, sent = false, nil; err != nil {
				return nil, err
			}
		case <-tick.C:
		case <-ctx.Done():
			return nil, wording.Errorf("the demo was interrupted: %w", ctx.Err())
		}
		left, told, err := unsettled(ctx, o)
		if err != nil {
			return nil, err
		}
		taken, now := int(m.accepted.Load()), time.Now()
		back := w.lab.Report().Total()
		done := max(0, min(taken-left+stays, all)) - (returns - back.Returned)
		if !w.app.json {
			rate := float64(max(done, 0)) / now.Sub(began).Seconds()
			t.progress(now, done, all, w.app.T("%s of %s settled, %s taken in, %.0f a second", w.app.count(max(done, 0)), w.app.count(all), w.app.count(taken), rate))
		}
		if !sending && left <= stays && told && back.Returned+back.Unreturned >= returns {
			return nil, nil
		}
		if sign := taken - left + back.Returned; sign != last {
			last, moved = sign, now
		}
		if now.Sub(moved) > watchIdle {
			return wording.Errorf("nothing has moved for %s: %d recipients are in the queue where %d should be, %d of %d failure reports came", watchIdle, left, stays, back.Returned, returns), nil
		}
	}
}

// expected is how many recipients stay in the queue, and how many reports come back.
func (w *world) expected(m *mailing) (stays, returns int) {
	for _, address := range m.addresses {
		switch e, _ := w.lab.Expect(address); e.Final {
		case lab.Waiting:
			stays++
		case lab.Returned:
			returns++
		}
	}
	return stays, returns
}

// unsettled counts what is in the queue, and says whether senders have been told all they are to be told.
func unsettled(ctx context.Context, o *office) (left int, told bool, err error) {
	depths, err := o.store.Census(ctx)
	if err != nil {
		return 0, false, err
	}
	for _, d := range depths {
		left += int(d.Count)
	}
	notices, err := o.store.ListNotices(ctx, 1)
	return left, len(notices) == 0, err
}

// outcome is what the node says has become of one recipient.
type outcome struct {
	message   ident.ID
	messageID string // without angle brackets
	alone     bool   // the only recipient of its message
	state     model.RecipientState
	reply     model.Reply // the last one
	accepted  time.Time
	delivered time.Time // when the receiver took it; zero: it did not
	deferrals int
	again     bool // in the queue more than once
}

// final is the outcome in the lab's words.
func (o *outcome) final() lab.Final {
	switch {
	case o.state == model.StateDelivered:
		return lab.Delivered
	case o.state == model.StateBounced && !o.delivered.IsZero():
		return lab.Returned
	case o.state == model.StateBounced:
		return lab.Bounced
	case !o.state.Final():
		return lab.Waiting
	}
	return lab.Final(o.state.String())
}

// readOutcomes reads all recipients of the account, by address.
func readOutcomes(ctx context.Context, o *office, account model.AccountID) (map[string]*outcome, error) {
	outcomes := map[string]*outcome{}
	f := store.Filter{Account: account, States: []model.RecipientState{
		model.StateWaiting, model.StateLeased, model.StateHeld, model.StateDelivered, model.StateBounced, model.StateExpired, model.StateCancelled,
	}}
	var last *outcome
	for after := (model.RecipientKey{N: -1}); ; {
		rows, err := o.store.ListQueue(ctx, f, after, pageSize)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			if after = r.RecipientKey; outcomes[r.Address] != nil {
				outcomes[r.Address].again = true
				continue
			}
			out := &outcome{message: r.Message, alone: true, state: r.State, reply: r.Last, accepted: r.AcceptedAt}
			if last != nil && last.message == r.Message {
				out.messageID, out.alone, last.alone = last.messageID, false, false
			} else if m, err := o.store.Message(ctx, r.Message); err == nil {
				out.messageID = strings.Trim(m.Meta.MessageID, "<>")
			} else {
				return nil, err
			}
			outcomes[r.Address], last = out, out
		}
		if len(rows) < pageSize {
			return outcomes, readTimes(ctx, o, account, outcomes)
		}
	}
}

// readTimes reads from the events when recipients were delivered and how often they were deferred.
func readTimes(ctx context.Context, o *office, account model.AccountID, outcomes map[string]*outcome) error {
	f := store.EventFilter{Account: account, Ascending: true, Limit: pageSize, Kinds: []model.EventKind{model.EventDelivered, model.EventDeferred}}
	for {
		events, err := o.store.ListEvents(ctx, f)
		if err != nil {
			return err
		}
		for _, ev := range events {
			f.After = ev.ID
			switch out := outcomes[ev.Recipient]; {
			case out == nil:
			case ev.Kind == model.EventDelivered:
				out.delivered = ev.At
			default:
				out.deferrals++
			}
		}
		if len(events) < pageSize {
			return nil
		}
	}
}
