package deliver

import (
	"fmt"
	"time"

	"github.com/budkavle/budkavle/internal/engine/outbound"
	"github.com/budkavle/budkavle/internal/engine/schedule"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/smtp"
	"github.com/budkavle/budkavle/internal/store"
)

// codeTestMode is the code of a delivery that was told and not made.
const codeTestMode = 650

// attempt is what the outcomes of one transaction have in common.
type attempt struct {
	*Service
	body  *body
	site  string
	fixed bool // by a route of the configuration, or by the account's own server
	allowance
	picked  time.Time
	began   time.Time // connecting, or MAIL on an open session
	ready   time.Time // MAIL
	ended   time.Time
	session Session       // nil: none
	fault   *connectFault // why there is none, if one was tried
}

func (a *attempt) delays() *model.Delays {
	d := &model.Delays{Accept: a.body.accept, Connect: a.ready.Sub(a.began)}
	if at := a.body.msg.AcceptedAt; !at.IsZero() {
		d.Queue = max(a.picked.Sub(at)-d.Accept, 0)
	}
	if !a.ended.IsZero() {
		d.Send = a.ended.Sub(a.ready)
	}
	return d
}

// reply is what the recipient's row keeps of the attempt.
func (a *attempt) reply(r outbound.Reply, fault *smtp.Error, now time.Time) model.Reply {
	m := model.Reply{Code: r.Code, Enhanced: r.Enhanced, Text: r.Text, At: now}
	if fault != nil && r.Code == 0 {
		m.Text = fault.Text
		m.Enhanced = fault.Enhanced
	} else if fault != nil && m.Enhanced == "" {
		m.Enhanced = fault.Enhanced
	}
	switch {
	case a.session != nil:
		t := a.session.Target()
		m.Host, m.Addr, m.Source, m.TLS = t.Host, t.Addr.String(), a.session.Source().String(), a.session.TLS()
		m.Transcript = a.session.Transcript()
	case a.fault != nil && a.fault.host.Host != "":
		m.Host, m.Addr, m.Transcript = a.fault.host.Host, a.fault.host.Addr.String(), a.fault.err.Transcript
	}
	return m
}

// outcome is the outcome of an attempt that was made, with its event.
func (a *attempt) outcome(h *schedule.Handle, st model.RecipientState, kind model.EventKind, r model.Reply) settling {
	msg := a.body.msg
	told := r
	told.Transcript = ""
	ev := &model.Event{
		ID: a.IDs.Next(), Kind: kind, At: r.At, Account: msg.Account, Domain: msg.Domain, Message: msg.ID, N: h.N,
		Recipient: h.Address, Data: model.EventData{Attempt: h.Attempts, Delays: a.delays()},
	}
	if told.Code != 0 || told.Text != "" {
		ev.Data.Reply = &told
	}
	return settling{
		lane: h.Lane, site: a.site, accepted: msg.AcceptedAt,
		Outcome: store.Outcome{Key: h.RecipientKey, Lease: h.Lease, State: st, Reply: r, At: r.At, Attempted: true, Event: ev},
	}
}

func (a *attempt) delivered(h schedule.Handle, r outbound.Reply, dsn bool) settling {
	out := a.outcome(&h, model.StateDelivered, model.EventDelivered, a.reply(r, nil, a.ended))
	// RFC 3461 5.2.2 (d): who asked for success hears "relayed" from us if the receiver will not say more.
	if !dsn && a.body.msg.Answered() && h.Notify.Wants(model.NoticeRelayed) {
		out.Notice = model.NoticeRelayed
	}
	return out
}

// fail settles all handles with one fault.
func (a *attempt) fail(handles []schedule.Handle, fault *smtp.Error, r outbound.Reply) []settling {
	out := make([]settling, 0, len(handles))
	for _, h := range handles {
		out = append(out, a.failed(h, fault, r))
	}
	return out
}

// failed bounces, defers or expires by the class of the fault.
func (a *attempt) failed(h schedule.Handle, fault *smtp.Error, r outbound.Reply) settling {
	now := a.Clock.Now()
	reply := a.reply(r, fault, now)
	if fault.Class == smtp.Permanent {
		out := a.outcome(&h, model.StateBounced, model.EventBounced, reply)
		out.Notice = a.failureNotice(h.Notify)
		return out
	}
	due, ok := a.retryAt(a.body.msg, h.Attempts, now)
	if !ok {
		out := a.outcome(&h, model.StateExpired, model.EventExpired, reply)
		out.Event.Data.Reason = expiredReason(a.body.msg)
		out.Notice = a.failureNotice(h.Notify)
		return out
	}
	out := a.outcome(&h, model.StateWaiting, model.EventDeferred, reply)
	out.Due = due
	out.Event.Data.NextAt = &due
	out.Notice = a.delayNotice(&h, now)
	return out
}

// interrupted defers a recipient whose session we cut ourselves: it was tried, and says nothing of the receiver.
func (a *attempt) interrupted(h schedule.Handle) settling {
	return a.failed(h, smtp.Errorf(451, "4.3.2", "this node stopped while the message was being sent"), outbound.Reply{})
}

// expire ends recipients whose time is up without another attempt.
func (a *attempt) expire(handles []schedule.Handle) []settling {
	out := make([]settling, 0, len(handles))
	for _, h := range handles {
		e := a.outcome(&h, model.StateExpired, model.EventExpired, model.Reply{
			Enhanced: "5.4.7", Text: expiredReason(a.body.msg), At: a.picked, // RFC 3463 3.5: delivery time expired
		})
		e.Attempted = false
		if !h.LastAt.IsZero() {
			e.Reply = model.Reply{} // that of an earlier attempt says more and is kept; without one, this is why
		}
		e.Event.Data.Attempt = h.Attempts - 1
		e.Event.Data.Reason = expiredReason(a.body.msg)
		e.Notice = a.failureNotice(h.Notify)
		out = append(out, e)
	}
	return out
}

// expired reports that the message's time is up.
func (a *attempt) expired() bool {
	end := a.body.msg.ExpiresAt
	return !end.IsZero() && a.picked.After(end)
}

func expiredReason(m *model.Message) string {
	return fmt.Sprintf("not delivered within %s", m.ExpiresAt.Sub(m.AcceptedAt).Round(time.Second))
}

// pretend settles mail in test mode: told as delivered, never sent.
func (a *attempt) pretend(handles []schedule.Handle) []settling {
	out := make([]settling, 0, len(handles))
	for _, h := range handles {
		d := a.outcome(&h, model.StateDelivered, model.EventDelivered, model.Reply{Text: "test mode: not sent", At: a.picked})
		d.Event.Data.Code = codeTestMode
		out = append(out, d)
	}
	return out
}

// missing bounces mail whose message or bytes are gone; trying again would find them gone again.
func (a *attempt) missing(handles []schedule.Handle) []settling {
	const reason = "the message's content is no longer in the store"
	out := make([]settling, 0, len(handles))
	for _, h := range handles {
		b := a.outcome(&h, model.StateBounced, model.EventBounced, model.Reply{Enhanced: "5.3.0", Text: reason, At: a.picked})
		b.Event.Data.Reason = reason
		if h.Notify.Wants(model.NoticeFailed) {
			b.Notice = model.NoticeFailed // who sent it is not known here; the notice is dropped if there is nobody to tell
		}
		out = append(out, b)
	}
	return out
}

// failureNotice follows RFC 3461 5.2.4: told unless NOTIFY says otherwise.
func (a *attempt) failureNotice(n model.Notify) model.NoticeKind {
	if a.body.msg.Answered() && n.Wants(model.NoticeFailed) {
		return model.NoticeFailed
	}
	return ""
}

// delayNotice tells of a delay once: at the first attempt after the message has waited DelayNotice.
func (a *attempt) delayNotice(h *schedule.Handle, now time.Time) model.NoticeKind {
	if a.cfg.DelayNotice <= 0 || !a.body.msg.Answered() || !h.Notify.Wants(model.NoticeDelayed) {
		return ""
	}
	from := a.body.msg.AcceptedAt
	if a.body.msg.NotBefore.After(from) {
		from = a.body.msg.NotBefore
	}
	late := from.Add(a.cfg.DelayNotice)
	if now.Before(late) || !h.LastAt.IsZero() && !h.LastAt.Before(late) {
		return ""
	}
	return model.NoticeDelayed
}
