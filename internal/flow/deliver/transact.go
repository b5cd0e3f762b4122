package deliver

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/budkavle/budkavle/internal/engine/outbound"
	"github.com/budkavle/budkavle/internal/engine/schedule"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/smtp"
	"github.com/budkavle/budkavle/internal/store"
)

// transact sends to all the handles at once, over a new session if the open one proves to be closed, and returns those
// for which the peer wants another transaction.
func (w *worker) transact(ctx context.Context, a *attempt, p *plan, handles []schedule.Handle) []schedule.Handle {
	for range 2 {
		a.began = w.Clock.Now()
		a.ready = a.began
		if fault := w.connect(ctx, p); fault != nil {
			w.notReached(ctx, a, p, fault, handles)
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
		w.reached(ctx, a)
		again := w.settle(ctx, a, p, results, handles)
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
	switch {
	case a.own != nil:
		m.From = msg.Sender // the customer's server takes no other, and receivers do not know it as one that sends for our bounce domain
	case msg.Sender != "": // RFC 5321 4.5.5: reports keep the null sender, lest they be answered
		m.From = w.ReturnPath(handles[0].RecipientKey, len(handles) > 1, msg.Meta.ReturnDomain)
	}
	for i, h := range handles {
		m.Recipients[i] = outbound.Recipient{Address: h.Address, Notify: h.Notify, ORcpt: h.ORcpt}
		if len(handles) > 1 && h.ORcpt == "" {
			m.Recipients[i].ORcpt = orcpt(h.Address)
		}
	}
	return m
}

// orcpt names a recipient to the report that may come back, as the return path of several does not: behind a forwarding
// its address may be another. RFC 3461 5.2.1 lets a relay add it. Addresses in UTF-8 go without.
func orcpt(address string) string {
	if strings.IndexFunc(address, func(r rune) bool { return r >= utf8.RuneSelf }) >= 0 {
		return ""
	}
	return string(smtp.AppendXtext([]byte("rfc822;"), address))
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
func (w *worker) settle(ctx context.Context, a *attempt, p *plan, r outbound.Results, handles []schedule.Handle) []schedule.Handle {
	var again []schedule.Handle
	out := make([]settling, 0, len(handles))
	for i, h := range handles {
		res := &r.Recipients[i]
		if res.Err == nil || res.Err.Lost {
			a.spent++
		}
		switch {
		case res.Again:
			again = append(again, h)
		case res.Err == nil:
			out = append(out, a.delivered(h, res.Reply, r.DSN))
		case ctx.Err() != nil && res.Err.Lost:
			out = append(out, a.interrupted(h))
		default:
			if a.fixed && res.Reply.Code == 530 {
				res.Err.Err.Class = smtp.Temporary // our login or our TLS is missing (RFC 4954 6, 3207 4): the operator's to mend
			}
			rule := w.heed(p, res.Err, h.Attempts)
			f := a.failed(h, res.Err.Err, res.Reply)
			f.stage, f.Event.Data.Shaping = res.Err.Stage, rule
			out = append(out, f)
		}
	}
	if len(again) == len(handles) { // a peer that takes not even one recipient
		out, again = append(out, w.unattempted(again, w.soon())...), nil
	}
	w.learn(ctx, a.body.msg, out)
	w.settler.add(out)
	return again
}

// notReached settles an attempt that found no host.
func (w *worker) notReached(ctx context.Context, a *attempt, p *plan, fault *connectFault, handles []schedule.Handle) {
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
	rule := w.heed(p, fault.err, handles[0].Attempts)
	out := a.fail(handles, fault.err.Err, fault.err.Reply)
	for i := range out {
		out[i].Event.Data.Shaping = rule
	}
	w.learn(ctx, a.body.msg, out)
	w.settler.add(out)
	w.unreached(ctx, a, p, fault.err, handles[0].Lane)
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
