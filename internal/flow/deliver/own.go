package deliver

import (
	"context"

	"github.com/budkavle/budkavle/internal/engine/outbound"
	"github.com/budkavle/budkavle/internal/engine/route"
	"github.com/budkavle/budkavle/internal/engine/schedule"
	"github.com/budkavle/budkavle/internal/engine/shaping"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// Relay keeps the accounts' own servers; *relay.Service of flow/relay does.
type Relay interface {
	// Take counts up to n recipients of the day before they are sent to, and returns how many. Over: the day's are used up, and
	// routing says so from now on. Return follows with those taken, and those of them that were not sent to.
	Take(ctx context.Context, o *route.Own, n int) (day model.Day, granted int, over bool, err error)
	Return(ctx context.Context, o *route.Own, day model.Day, taken, unused int)
	// Failed tells that no session came about, and reports whether mail is routed another way from now on; Reached, that one did.
	Failed(ctx context.Context, o *route.Own, fault *outbound.Error) (turned bool)
	Reached(ctx context.Context, o *route.Own)
	// Proved reports whether we may deliver a message ourselves for want of its account's own server.
	Proved(ctx context.Context, m *model.Message) (bool, error)
}

// allowance is what an attempt by an account's own server took of the day's recipients.
type allowance struct {
	own   *route.Own // nil: the attempt goes another way
	day   model.Day
	taken int
	spent int // of them, those that were sent to, or may have been
}

// RoutesChanged tells that accounts' own servers may have changed. All is routed anew.
func (s *Service) RoutesChanged() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.plans)
}

// admit asks what the account's own server has to do with the attempt, and returns the plan and the recipients that may go by it. Mail
// of this node itself, such as a DSN, is not the customer's to send: it goes the way of everybody's.
func (w *worker) admit(ctx context.Context, a *attempt, p *plan, handles []schedule.Handle) (*plan, []schedule.Handle, error) {
	system := a.body.msg.Origin == model.OriginSystem
	switch r := p.route; {
	case r == nil || r.Own == nil && (r.Instead == "" || system):
		return p, handles, nil
	case r.Own != nil && system:
		lane := handles[0].Lane
		lane.Account = 0
		p, err := w.planFor(ctx, lane)
		return p, handles, err
	case r.Own != nil:
		return p, w.take(ctx, a, p, handles), nil
	}
	proved, err := w.Relay.Proved(ctx, a.body.msg)
	if err != nil {
		w.Metrics.StoreFaults.Add(1)
		w.settler.add(w.unattempted(handles, w.soon()))
		return p, nil, nil
	}
	if !proved {
		w.settler.add(a.fail(handles, smtp.Errorf(451, "4.7.1", "Waits, since %s, and %s is not proved for our own delivery", p.route.Instead, a.body.msg.DomainName), outbound.Reply{}))
		return p, nil, nil
	}
	return p, handles, nil
}

// take counts the recipients of the day. For those that it has no room for the path rests until the next, or they go another way.
func (w *worker) take(ctx context.Context, a *attempt, p *plan, handles []schedule.Handle) []schedule.Handle {
	day, granted, over, err := w.Relay.Take(ctx, p.route.Own, len(handles))
	if err != nil {
		w.Metrics.StoreFaults.Add(1)
		logFault(w.Log, "recipients of an account's own server cannot be counted; trying on", err, "account", p.route.Own.Account)
		w.settler.add(w.unattempted(handles, w.soon()))
		return nil
	}
	a.allowance = allowance{own: p.route.Own, day: day, taken: granted}
	if granted == len(handles) {
		return handles
	}
	w.putOff(ctx, p, handles[granted:], over)
	return handles[:granted]
}

// putOff returns recipients that the day has no room for: until the next, until the attempts under way are over, or for another way.
func (w *worker) putOff(ctx context.Context, p *plan, handles []schedule.Handle, over bool) {
	if !over {
		w.settler.add(w.unattempted(handles, w.soon()))
		return
	}
	next, err := w.reroute(ctx, p, handles[0].Lane)
	o := ownOf(next)
	if err != nil || o == nil || o.Closed == "" {
		w.settler.add(w.unattempted(handles, w.Clock.Now()))
		return
	}
	stranded := make([]schedule.Stranded, len(handles))
	for i, h := range handles {
		stranded[i] = schedule.Stranded{Handle: h, Due: o.Until, Site: p.path.Site, Rest: schedule.HeldRule, Why: o.Closed}
	}
	w.giveBack(ctx, stranded)
}

// restore gives back what was taken of the day and not used. A node that is stopped at once leaves it counted.
func (w *worker) restore(ctx context.Context, a *attempt) {
	if a.own != nil {
		w.Relay.Return(ctx, a.own, a.day, a.taken, a.taken-a.spent)
	}
}

// reroute plans an account's mail anew when what its own server takes has changed, and has the path follow: it rests, or is left.
func (w *worker) reroute(ctx context.Context, p *plan, lane model.Lane) (*plan, error) {
	w.mu.Lock()
	for key, other := range w.plans {
		if other.path == p.path {
			delete(w.plans, key)
		}
	}
	w.mu.Unlock()
	next, err := w.planFor(ctx, lane)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.Clock.Now()
	w.sched.Advance(now)
	l := w.limitsOf(p, now)
	switch {
	case next.route == nil:
		return next, nil
	case next.path == p.path:
		l = w.limitsOf(next, now)
	case next.route.Instead != "":
		l.Rests, l.Why, l.Leave = next.expires, next.route.Instead, true
	}
	w.sched.SetLimits(p.path, l)
	w.turn(now)
	return next, nil
}

// reached tells what a connection to an account's own server showed.
func (w *worker) reached(ctx context.Context, a *attempt) {
	if a.own != nil && w.signal != nothing {
		w.Relay.Reached(ctx, a.own)
	}
}

// unreached tells that none came about. A server that says 421 is there.
func (w *worker) unreached(ctx context.Context, a *attempt, p *plan, fault *outbound.Error, lane model.Lane) {
	if a.own == nil || fault.Closing || !w.Relay.Failed(ctx, a.own, fault) {
		return
	}
	if _, err := w.reroute(ctx, p, lane); err != nil && ctx.Err() == nil {
		logFault(w.Log, "mail cannot be routed around an account's own server; it waits", err, "account", a.own.Account)
	}
}

// conceal leaves the password out of what a server said, should it repeat it: events, logs and transcripts keep that.
func conceal(o *route.Own, e *outbound.Error) {
	e.Err.Text, e.Reply.Text, e.Transcript = o.Without(e.Err.Text), o.Without(e.Reply.Text), o.Without(e.Transcript)
}

func ownOf(p *plan) *route.Own {
	if p == nil || p.route == nil {
		return nil
	}
	return p.route.Own
}

// within are a path's limits, no larger than those of the account's own server.
func within(l shaping.Limits, o *route.Own) shaping.Limits {
	if o == nil {
		return l
	}
	origin := &shaping.Origin{Rule: "account route", File: "store"}
	if n := o.Limits.PerMinute; n > 0 {
		if l.PerMinute == 0 || n < l.PerMinute {
			l.PerMinute, l.Origins[shaping.PerMinute] = n, origin
		}
		l.Recipients = min(l.Recipients, n)
	}
	if n := o.Limits.Connections; n > 0 && n < l.Connections {
		l.Connections, l.Origins[shaping.Connections] = n, origin
	}
	if n := o.Limits.PerDay; n > 0 {
		l.Recipients = min(l.Recipients, n)
	}
	return l
}
