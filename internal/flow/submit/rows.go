package submit

import (
	"context"
	"log/slog"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/engine/compose"
	"github.com/budkavle/budkavle/internal/engine/policy"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// class is what the sender said, or what the message looks like.
func (t *Pending) class(in *compose.Inspected, recipients int) model.Class {
	if c := t.options.Class; c != model.ClassTransactional {
		return c
	}
	return policy.Class(t.principal.Account, in.BulkSigns, recipients)
}

// message makes the row of the message. It needs SMTPUTF8 if its sender said so and its header does: octets above 127 in
// the header of a client that knows nothing of RFC 6531 go out as they always have, since every server takes them. That
// a recipient's address needs it is the recipient's affair.
func (j *joint) message(id ident.ID, size int64) model.Message {
	o, p, s, e := j.options, j.principal, j.service, j.envelope
	m := model.Message{
		ID: id, Account: p.Account.ID, Domain: j.owner.ID, DomainName: j.owner.Name, Class: j.class, Origin: p.Origin, Sender: e.Sender,
		Size: size, UTF8: e.UTF8 && j.in.UTF8, EightBit: j.in.EightBit, TestMode: o.TestMode, AcceptedAt: j.now, NotBefore: o.NotBefore, Meta: j.in.Meta,
	}
	m.Meta.Tags, m.Meta.Variables, m.Meta.Attachments, m.Meta.Credential = o.Tags, o.Variables, o.Attachments, p.Credential
	m.Meta.EnvelopeID, m.Meta.Return, m.Meta.Requested = e.EnvelopeID, e.Return, o.Requested
	if j.domain.ReturnPath { // aligned with From, which is what DMARC compares
		m.Meta.ReturnDomain = s.ReturnLabel + "." + j.domain.Name
	}
	if p.Client.IsValid() {
		m.Meta.Client = p.Client.String()
	}
	start := j.now
	if o.NotBefore.After(j.now) {
		start = o.NotBefore
	}
	if m.ExpiresAt = start.Add(s.Expire); m.Class == model.ClassBulk {
		m.ExpiresAt = start.Add(s.ExpireBulk)
	}
	return m
}

// rows makes the recipients and their events. Recipients whose path is free are born leased (docs/decisions/0003), those that
// a list keeps the message from are born settled.
func (j *joint) rows(m model.Message, raw []byte, rs []addressee, place int) store.Submission {
	s := j.service
	sub := store.Submission{Message: m, Raw: raw, Recipients: make([]model.Recipient, len(rs)), Events: make([]model.Event, len(rs))}
	due := m.AcceptedAt
	if m.NotBefore.After(due) {
		due = m.NotBefore
	}
	for i, r := range rs {
		row := &sub.Recipients[i]
		*row = model.Recipient{
			RecipientKey: model.RecipientKey{Message: m.ID, N: i},
			Lane:         model.Lane{Domain: r.Domain, Class: m.Class, Account: m.Account},
			Address:      r.Address.String(), State: model.StateWaiting, Due: due, Notify: r.Notify, ORcpt: r.ORcpt,
		}
		if j.stopped[place+i] == nil && due.Equal(m.AcceptedAt) {
			if lease, next, ok := s.Queue.Reserve(row.Lane); ok {
				row.State, row.Lease, row.Due, row.Attempts = model.StateLeased, lease, next, 1
			}
		}
		sub.Events[i] = model.Event{
			ID: s.IDs.Next(), Kind: model.EventAccepted, At: m.AcceptedAt, Account: m.Account, Domain: m.Domain, Message: m.ID, N: i, Recipient: row.Address,
		}
	}
	for i := range rs {
		if e := j.stopped[place+i]; e != nil {
			s.stop(&sub, &sub.Recipients[i], e)
		}
	}
	return sub
}

// tell logs and counts what is now durable.
func (s *Service) tell(m *model.Message, recipients int, t *Pending) {
	took := s.Clock.Now().Sub(t.options.StartedAt)
	if s.Observe != nil {
		s.Observe.Accepted(m.Class.String(), string(m.Origin), recipients, took)
	}
	s.Log.LogAttrs(context.Background(), slog.LevelInfo, "accepted",
		slog.String("message", m.ID.String()), slog.Int64("account", int64(m.Account)), slog.String("account_name", t.principal.Account.Name), slog.String("domain", m.DomainName),
		slog.String("sender", m.Sender), slog.Int("recipients", recipients), slog.Int64("size", m.Size), slog.String("class", m.Class.String()),
		slog.String("origin", string(m.Origin)), slog.String("message_id", m.Meta.MessageID), slog.Duration("took", took))
}
