package deliver

import (
	"context"
	"errors"
	"time"

	"github.com/budkavle/budkavle/internal/engine/outbound"
	"github.com/budkavle/budkavle/internal/engine/schedule"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// worker is a session's place in a path: it sends what it is given over one session, over another when that has
// carried its number of messages, and ends when there has been nothing to send for a while.
type worker struct {
	*Service
	place   *schedule.Place
	work    chan []schedule.Handle // handed over by turn while the place waits; nil: close and leave
	session Session                // nil: none is open
	sent    int                    // messages on it
	signal  signal                 // what the last transaction showed of the host
	reason  string
}

// signal is what a transaction says of a host, apart from what it says of the mail.
type signal int

const (
	nothing signal = iota
	reached
	failed
	eased
)

func (w *worker) run(ctx context.Context, handles []schedule.Handle) {
	for handles != nil {
		w.deliver(ctx, handles)
		handles = w.next(ctx)
	}
	w.hangUp(ctx)
	w.act(func(time.Time) {
		w.report()
		w.sched.Leave(w.place)
		delete(w.workers, w.place)
	})
}

// next asks for more, and waits for it with the session open if there is none now. nil: it is time to leave.
func (w *worker) next(ctx context.Context) (handles []schedule.Handle) {
	verdict := schedule.Leave
	w.act(func(time.Time) {
		w.report()
		if !w.draining && ctx.Err() == nil {
			handles, verdict = w.sched.More(w.place)
		}
	})
	if verdict != schedule.Wait {
		return handles
	}
	if w.session == nil {
		return w.withdraw() // nothing is worth waiting with
	}
	t := w.Clock.NewTimer(w.cfg.IdleSession)
	defer t.Stop()
	select {
	case handles = <-w.work:
		return handles
	case <-t.C:
	case <-w.Service.work.Draining():
	case <-ctx.Done():
	}
	return w.withdraw()
}

// withdraw ends the waiting; if work was handed over at the same moment, that is done first.
func (w *worker) withdraw() []schedule.Handle {
	w.mu.Lock()
	waited := w.sched.Withdraw(w.place)
	w.mu.Unlock()
	if waited {
		return nil
	}
	return <-w.work
}

// report tells the scheduler what the last transaction showed.
func (w *worker) report() {
	switch w.signal {
	case reached:
		w.sched.Reached(w.place)
	case failed:
		w.sched.Failed(w.place, w.reason)
	case eased:
		w.sched.Eased(w.place, w.reason)
	}
	w.signal = nothing
}

func (w *worker) hangUp(ctx context.Context) {
	if w.session != nil {
		w.session.Quit(ctx)
		w.session = nil
		w.Metrics.Sessions.Add(-1)
	}
}

// deliver makes one transaction, or as many as the peer wants for these recipients, and hands the outcomes on.
func (w *worker) deliver(ctx context.Context, handles []schedule.Handle) {
	picked := w.Clock.Now()
	b, err := w.bodies.get(ctx, handles[0].Message)
	if err != nil {
		w.withoutBody(handles, err)
		return
	}
	defer w.bodies.done(b, len(handles))
	a := &attempt{Service: w.Service, body: b, picked: picked, began: picked, ready: picked}
	if w.judge(a, handles) {
		return
	}
	p, err := w.planFor(ctx, handles[0].Lane)
	if err != nil {
		w.settler.add(w.unattempted(handles, time.Time{}))
		return
	}
	if p.route == nil {
		a.site = noRoute
		w.settler.add(a.fail(handles, p.fault, outbound.Reply{}))
		return
	}
	a.site = p.path.Site
	for len(handles) > 0 {
		handles = w.transact(ctx, a, p, handles)
	}
}

// judge ends attempts that need no session. It reports whether it did.
func (w *worker) judge(a *attempt, handles []schedule.Handle) bool {
	switch {
	case a.body.msg.TestMode:
		w.settler.add(a.pretend(handles))
	case !a.body.msg.ExpiresAt.IsZero() && a.picked.After(a.body.msg.ExpiresAt):
		w.settler.add(a.expire(handles))
	default:
		return false
	}
	return true
}

// planFor is the plan of the lane; it may have expired since the lane was routed.
func (w *worker) planFor(ctx context.Context, lane model.Lane) (*plan, error) {
	now := w.Clock.Now()
	w.mu.Lock()
	p := w.plan(lane, now)
	w.mu.Unlock()
	if p != nil {
		return p, nil
	}
	p = w.lookUp(ctx, lane)
	if ctx.Err() != nil {
		return nil, ctx.Err() // the fault is ours
	}
	w.mu.Lock()
	w.remember(lane, p, now)
	w.mu.Unlock()
	return p, nil
}

// transact sends to all the handles at once, over a new session if the open one proves to be closed, and returns those
// for which the peer wants another transaction.
func (w *worker) transact(ctx context.Context, a *attempt, p *plan, handles []schedule.Handle) []schedule.Handle {
	for range 2 {
		a.began = w.Clock.Now()
		a.ready = a.began
		if fault := w.connect(ctx, p); fault != nil {
			w.notReached(ctx, a, fault, handles)
			return nil
		}
		a.ready = w.Clock.Now()
		a.session = w.session
		mail := w.mail(a, handles)
		results := w.session.Send(ctx, mail)
		a.ended = w.Clock.Now()
		w.sent++
		stale := results.Recipients[0].Err != nil && results.Recipients[0].Err.Stale
		if stale {
			w.drop()
			continue
		}
		w.observe(results)
		again := w.settle(ctx, a, results, handles)
		if !w.session.Usable() {
			w.drop()
		}
		return again
	}
	w.settler.add(w.unattempted(handles, w.soon()))
	return nil
}

// drop forgets a session that is at its end.
func (w *worker) drop() {
	w.session.Close()
	w.session = nil
	w.Metrics.Sessions.Add(-1)
}

// mail makes the transaction.
func (w *worker) mail(a *attempt, handles []schedule.Handle) *outbound.Mail {
	msg := a.body.msg
	m := &outbound.Mail{
		Raw: a.body.raw, UTF8: msg.UTF8, EightBit: msg.EightBit, EnvelopeID: msg.Meta.EnvelopeID, Return: msg.Meta.Return,
		Recipients: make([]outbound.Recipient, len(handles)),
	}
	if msg.Sender != "" { // RFC 5321 4.5.5: reports keep the null sender, lest they be answered
		m.From = w.ReturnPath(handles[0].RecipientKey, len(handles) > 1)
	}
	for i, h := range handles {
		m.Recipients[i] = outbound.Recipient{Address: h.Address, Notify: h.Notify, ORcpt: h.ORcpt}
	}
	return m
}

// observe reads from the results what they say of the host.
func (w *worker) observe(r outbound.Results) {
	w.signal, w.reason = reached, ""
	for i := range r.Recipients {
		if e := r.Recipients[i].Err; e != nil && e.Closing {
			w.signal, w.reason = eased, e.Error()
			return
		} else if e != nil && e.Lost {
			w.signal = nothing // it was reached, and then it was not
		}
	}
}

// settle hands on the outcomes and returns the handles to send again at once.
func (w *worker) settle(ctx context.Context, a *attempt, r outbound.Results, handles []schedule.Handle) []schedule.Handle {
	var again []schedule.Handle
	out := make([]settling, 0, len(handles))
	for i, h := range handles {
		res := &r.Recipients[i]
		switch {
		case res.Again:
			again = append(again, h)
		case res.Err == nil:
			out = append(out, a.delivered(h, res.Reply, r.DSN))
		case ctx.Err() != nil && res.Err.Lost:
			out = append(out, a.interrupted(h))
		default:
			out = append(out, a.failed(h, res.Err.Err, res.Reply))
		}
	}
	if len(again) == len(handles) { // a peer that takes not even one recipient
		out, again = append(out, w.unattempted(again, w.soon())...), nil
	}
	w.settler.add(out)
	return again
}

// notReached settles an attempt that found no host.
func (w *worker) notReached(ctx context.Context, a *attempt, fault *connectFault, handles []schedule.Handle) {
	a.ready = w.Clock.Now()
	a.ended = a.ready
	if ctx.Err() != nil {
		w.settler.add(w.unattempted(handles, time.Time{}))
		return
	}
	w.Metrics.ConnectFaults.Add(1)
	w.signal, w.reason = failed, fault.err.Error()
	if fault.err.Closing {
		w.signal = eased
	}
	a.fault = fault
	w.settler.add(a.fail(handles, fault.err.Err, fault.err.Reply))
}

// withoutBody settles handles whose message could not be read.
func (w *worker) withoutBody(handles []schedule.Handle, err error) {
	if store.Is(err, store.NotFound) {
		w.Log.Error("message to deliver is not in the store", "message", handles[0].Message, "error", err)
		a := &attempt{Service: w.Service, picked: w.Clock.Now(), body: &body{msg: &model.Message{ID: handles[0].Message, Account: handles[0].Lane.Account}}}
		w.settler.add(a.missing(handles))
		return
	}
	if !errors.Is(err, context.Canceled) {
		w.Metrics.StoreFaults.Add(1)
		logFault(w.Log, "message to deliver cannot be read; trying on", err, "message", handles[0].Message)
	}
	w.settler.add(w.unattempted(handles, w.soon()))
}
