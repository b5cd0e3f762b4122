package deliver

import (
	"context"
	"time"

	"github.com/budkavle/budkavle/internal/engine/policy"
	"github.com/budkavle/budkavle/internal/engine/schedule"
	"github.com/budkavle/budkavle/internal/model"
)

// fresh is for how long the answer that acceptance got from the suppression lists stands for the first attempt.
const fresh = 2 * time.Second

// unlisted ends the recipients that a suppression list keeps the message from by now, and returns the others. If the
// store does not answer, all go back: what somebody asked not to get is not sent because of a fault of ours.
func (w *worker) unlisted(ctx context.Context, a *attempt, handles []schedule.Handle) []schedule.Handle {
	m := a.body.msg
	if m.Origin != model.OriginSystem && a.picked.Sub(m.AcceptedAt) < fresh && handles[0].Attempts == 1 {
		return handles
	}
	keys := make([]string, len(handles))
	for i := range handles {
		keys[i] = model.SuppressionKey(handles[i].Address)
	}
	found, err := w.Store.Suppressed(ctx, m.Account, keys)
	if err != nil {
		if ctx.Err() == nil {
			w.Metrics.StoreFaults.Add(1)
			logFault(w.Log, "suppression lists cannot be read; trying on", err, "message", m.ID)
		}
		w.settler.add(w.unattempted(handles, w.soon()))
		return nil
	}
	if len(found) == 0 {
		return handles
	}
	entries := map[string][]model.Suppression{} // of these recipients, so no more than they
	for _, e := range found {
		entries[e.Key] = append(entries[e.Key], e)
	}
	var stopped []settling
	left := handles[:0:0]
	for i := range handles {
		if e := policy.Suppressed(m, entries[keys[i]]); e != nil {
			stopped = append(stopped, a.stopped(&handles[i], e))
		} else {
			left = append(left, handles[i])
		}
	}
	w.settler.add(stopped)
	return left
}

// stopped ends a recipient without an attempt.
func (a *attempt) stopped(h *schedule.Handle, e *model.Suppression) settling {
	out := a.outcome(h, model.StateBounced, model.EventBounced, model.Reply{Enhanced: "5.7.1", Text: "not sent: " + e.Told(), At: a.picked})
	out.Attempted = false
	out.Event.Data.Reply = nil // nobody refused it
	out.Event.Data.Attempt, out.Event.Data.Code, out.Event.Data.Reason = h.Attempts-1, e.Kind.Code(), out.Reply.Text
	out.Notice = a.failureNotice(h.Notify)
	return out
}
