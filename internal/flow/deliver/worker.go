package deliver

import (
	"context"
	"time"

	"github.com/budkavle/budkavle/internal/engine/outbound"
	"github.com/budkavle/budkavle/internal/engine/schedule"
	"github.com/budkavle/budkavle/internal/model"
)

// worker is a session's place in a path: it sends what it is given over one session, over another when that has
// carried its number of messages, and ends when there has been nothing to send for a while.
type worker struct {
	*Service
	place   *schedule.Place
	work    chan []schedule.Handle // handed over by turn while the place waits; nil: close and leave
	session Session                // nil: none is open
	path    schedule.PathKey       // of the session
	sent    int                    // messages on it
	carries int                    // messages it may carry
	dialed  bool                   // a connection was begun
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
	w.act(func(now time.Time) {
		w.report()
		if !w.draining && !w.lapsed(now) && ctx.Err() == nil && !w.spent() {
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

// spent reports that another message would need another connection, which the scheduler has to grant.
func (w *worker) spent() bool {
	return w.dialed && (w.session == nil || w.sent >= w.carries || !w.session.Usable())
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
	if w.judge(ctx, a, handles) {
		return
	}
	if handles = w.unlisted(ctx, a, handles); len(handles) == 0 {
		return
	}
	p, err := w.planFor(ctx, handles[0].Lane)
	if err != nil {
		w.settler.add(w.unattempted(handles, time.Time{}))
		return
	}
	if p, handles, err = w.admit(ctx, a, p, handles); err != nil {
		w.settler.add(w.unattempted(handles, time.Time{}))
		return
	}
	if len(handles) == 0 {
		return
	}
	defer w.restore(ctx, a)
	if p.route == nil {
		a.site = noRoute
		out := a.fail(handles, p.fault, outbound.Reply{})
		w.learn(ctx, a.body.msg, out)
		w.settler.add(out)
		return
	}
	a.site, a.fixed = p.path.Site, p.route.Fixed
	w.carries = p.messages
	for len(handles) > 0 {
		handles = w.transact(ctx, a, p, handles)
	}
}

// judge ends attempts that need no session. It reports whether it did.
func (w *worker) judge(ctx context.Context, a *attempt, handles []schedule.Handle) bool {
	switch {
	case a.body.msg.TestMode:
		w.settler.add(a.pretend(handles))
	case a.expired():
		out := a.expire(handles)
		w.learn(ctx, a.body.msg, out)
		w.settler.add(out)
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
