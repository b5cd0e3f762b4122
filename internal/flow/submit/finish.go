package submit

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/engine/compose"
	"github.com/budkavle/budkavle/internal/engine/policy"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/address"
	"github.com/budkavle/budkavle/internal/standard/smtp"
	"github.com/budkavle/budkavle/internal/store"
)

// finish turns a complete draft into what is stored: policy, signature, rows, reserved places. messageID, with angle
// brackets, is given to a draft that has none; empty: one is made for so many messages that share it.
func (t *Pending) finish(ctx context.Context, messageID string, sharing int) (store.Submission, error) {
	s := t.service
	in, err := t.draft.Inspect()
	if err != nil {
		return store.Submission{}, err
	}
	domain, err := t.authorise(ctx, in)
	if err != nil {
		return store.Submission{}, err
	}
	recipients, err := t.addressees()
	if err != nil {
		return store.Submission{}, err
	}
	signer, err := s.Directory.Signer(ctx, domain)
	if err != nil {
		return store.Submission{}, smtp.Wrap(err, 451, "4.7.5", "The keys of "+domain.Name+" cannot be used now, try again later")
	}
	owner := domain
	if t.options.Domain != nil {
		owner = t.options.Domain
	}
	now := s.Clock.Now()
	id := s.IDs.Next()
	if messageID == "" {
		messageID = MessageID(id, sharing, owner.Name)
	}
	raw, err := t.draft.Finish(in, compose.Stamp{
		Trace: t.trace(id, recipients, now), MessageID: messageID, Signer: signer,
	})
	if err != nil {
		return store.Submission{}, err
	}
	m := t.message(id, now, in, owner, recipients, int64(len(raw)))
	if domain.ReturnPath { // aligned with From, which is what DMARC compares (RFC 9989 4.4.2)
		m.Meta.ReturnDomain = s.ReturnLabel + "." + domain.Name
	}
	stopped, err := s.listed(ctx, &m, recipients)
	if err != nil {
		return store.Submission{}, err
	}
	return t.rows(m, raw, recipients, stopped), nil
}

// MessageID is the Message-ID, with angle brackets, of the message or, if several share it, of so many from this one on.
func MessageID(first ident.ID, sharing int, domain string) string {
	if sharing > 1 {
		return fmt.Sprintf("<%s.%d@%s>", first, sharing, domain)
	}
	return "<" + first.String() + "@" + domain + ">"
}

// authorise wants the envelope sender and every From address to be the account's. The domain of the first From
// address signs and owns the message.
func (t *Pending) authorise(ctx context.Context, in *compose.Inspected) (*model.Domain, error) {
	if t.envelope.Sender != "" {
		a, err := address.Parse(t.envelope.Sender)
		if err != nil {
			return nil, smtp.Wrap(err, 553, "5.1.7", "The envelope sender "+err.Error())
		}
		if _, err := t.service.owned(ctx, t.principal, "envelope sender", a); err != nil {
			return nil, err
		}
	}
	var first *model.Domain
	for _, from := range in.From {
		a, err := address.Parse(from)
		if err != nil {
			return nil, smtp.Wrap(err, 550, "5.1.7", "The From address "+err.Error())
		}
		o, err := t.service.owned(ctx, t.principal, "From address", a)
		if err != nil {
			return nil, err
		}
		if first == nil {
			first = o.Domain
		}
	}
	return first, nil
}

type addressee struct {
	Recipient
	address.Address
}

// addressees parses the recipients and folds those that are the same mailbox into one.
func (t *Pending) addressees() ([]addressee, error) {
	list := make([]addressee, 0, len(t.envelope.Recipients))
	var seen map[string]bool
	if len(t.envelope.Recipients) > 1 {
		seen = make(map[string]bool, len(t.envelope.Recipients))
	}
	for _, r := range t.envelope.Recipients {
		a, err := address.Parse(r.Address)
		if err != nil {
			return nil, smtp.Wrap(err, 553, "5.1.3", "The recipient "+err.Error())
		}
		if seen != nil {
			if seen[a.String()] {
				continue
			}
			seen[a.String()] = true
		}
		list = append(list, addressee{r, a})
	}
	return list, nil
}

func (t *Pending) trace(id ident.ID, recipients []addressee, now time.Time) compose.Trace {
	p := t.principal
	tr := compose.Trace{
		Origin: p.Origin, Helo: p.Helo, Plain: p.Plain, Client: p.Client, Hostname: t.service.Hostname, UTF8: t.envelope.UTF8, TLS: p.TLS,
		Auth: p.Credential != "", ID: id, At: now,
	}
	if len(recipients) == 1 {
		tr.For = recipients[0].Address.String()
	}
	return tr
}

// message makes the row of the message. It needs SMTPUTF8 if its sender said so and its header does: octets above 127 in
// the header of a client that knows nothing of RFC 6531 go out as they always have, since every server takes them. That
// a recipient's address needs it is the recipient's affair.
func (t *Pending) message(id ident.ID, now time.Time, in *compose.Inspected, domain *model.Domain, rs []addressee, size int64) model.Message {
	o, p, s := t.options, t.principal, t.service
	m := model.Message{
		ID: id, Account: p.Account.ID, Domain: domain.ID, DomainName: domain.Name, Class: o.Class, Origin: p.Origin, Sender: t.envelope.Sender,
		Size: size, UTF8: t.envelope.UTF8 && in.UTF8, EightBit: in.EightBit, TestMode: o.TestMode, AcceptedAt: now, NotBefore: o.NotBefore, Meta: in.Meta,
	}
	if m.Class == model.ClassTransactional {
		m.Class = policy.Class(p.Account, in.BulkSigns, len(rs))
	}
	m.Meta.Tags, m.Meta.Variables, m.Meta.Attachments, m.Meta.Credential = o.Tags, o.Variables, o.Attachments, p.Credential
	m.Meta.EnvelopeID, m.Meta.Return = t.envelope.EnvelopeID, t.envelope.Return
	if p.Client.IsValid() {
		m.Meta.Client = p.Client.String()
	}
	start := now
	if o.NotBefore.After(now) {
		start = o.NotBefore
	}
	if m.ExpiresAt = start.Add(s.Expire); m.Class == model.ClassBulk {
		m.ExpiresAt = start.Add(s.ExpireBulk)
	}
	return m
}

// rows makes the recipients and their events. Recipients whose path is free are born leased (docs/decisions/0003), those that
// a list keeps the message from are born settled.
func (t *Pending) rows(m model.Message, raw []byte, rs []addressee, stopped map[int]*model.Suppression) store.Submission {
	s := t.service
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
		if stopped[i] == nil && due.Equal(m.AcceptedAt) {
			if lease, next, ok := s.Queue.Reserve(row.Lane); ok {
				row.State, row.Lease, row.Due, row.Attempts = model.StateLeased, lease, next, 1
			}
		}
		sub.Events[i] = model.Event{
			ID: s.IDs.Next(), Kind: model.EventAccepted, At: m.AcceptedAt, Account: m.Account, Domain: m.Domain, Message: m.ID, N: i, Recipient: row.Address,
		}
	}
	for i, e := range stopped {
		s.stop(&sub, &sub.Recipients[i], e)
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
