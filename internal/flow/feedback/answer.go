package feedback

import (
	"context"
	"log/slog"
	"strings"

	"github.com/budkavle/budkavle/internal/engine/bounce"
	"github.com/budkavle/budkavle/internal/engine/policy"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/address"
	"github.com/budkavle/budkavle/internal/standard/message"
	"github.com/budkavle/budkavle/internal/standard/parts"
	"github.com/budkavle/budkavle/internal/store"
)

// answer deals with mail to a return path that reports nothing: an automatic answer, a challenge, a person's reply, or what
// cannot be understood. It is an event in any case, and goes on to the sender where it is the sender's.
func (s *Service) answer(ctx context.Context, a *arrival, m *model.Message, p path) error {
	kind := a.kind()
	r, err := s.answering(ctx, a, p)
	if err != nil {
		return err
	}
	if r.Attempts == 0 && !p.all {
		s.passed(a, p, "it answers a message that was not sent")
		return nil
	}
	t := tieTo(m, &r, byPath)
	before, err := s.before(ctx, &t, model.EventReplied)
	if err != nil {
		return err
	}
	if len(before) >= maxLater {
		s.passed(a, p, "enough answers of the recipient have been recorded")
		return nil
	}
	to, why, err := s.destination(ctx, a, m, kind)
	if err != nil {
		return err
	}
	if to.Domain != "" {
		why = "handed on to " + to.String()
	}
	ev := model.Event{
		ID: s.IDs.Next(), Kind: model.EventReplied, At: s.Clock.Now(), Account: m.Account, Domain: m.Domain, Message: m.ID, N: r.N, Recipient: r.Address,
		Data: model.EventData{Class: kind, Rule: a.mail.Rule, Reason: why},
	}
	if to.Domain == "" {
		err = s.Store.NoteEvents(ctx, []model.Event{ev})
	} else {
		err = s.handOn(ctx, a, m, to, ev)
	}
	if err != nil {
		return err
	}
	s.Log.LogAttrs(ctx, slog.LevelInfo, string(ev.Kind), slog.String("message", m.ID.String()), slog.Int("n", r.N), slog.Int64("account", int64(m.Account)),
		slog.String("recipient", r.Address), slog.String("class", kind), slog.String("rule", ev.Data.Rule), slog.String("why", why),
		slog.String("client", a.client.String()), slog.String("helo", a.helo), slog.String("sender", a.sender), slog.String("subject", clip(message.Decode(a.header.Get("subject")), 100)))
	return nil
}

// answering is the recipient that answers. On the path of a whole message it is who wrote, if that is a recipient; else nobody.
func (s *Service) answering(ctx context.Context, a *arrival, p path) (model.Recipient, error) {
	if !p.all {
		return s.Store.Recipient(ctx, p.key)
	}
	list, err := s.Store.Recipients(ctx, p.key.Message, 0, policy.MaxRecipients)
	if list = bounce.Named(list, []string{a.from()}); len(list) == 1 {
		return list[0], err
	}
	return model.Recipient{}, err
}

// maxHops is how many Received fields an answer may have: RFC 5321 6.3 wants at least 100 for a relay. This is none.
const maxHops = 50

// destination is who an answer goes on to, or why to nobody.
func (s *Service) destination(ctx context.Context, a *arrival, m *model.Message, kind string) (to address.Address, why string, err error) {
	if kind == string(bounce.KindChallenge) {
		return to, "challenges are not answered", nil
	}
	if s.looped(a.header) {
		return to, "it was handed on before", nil
	}
	owner, err := s.Store.AccountByID(ctx, m.Account)
	switch {
	case store.Is(err, store.NotFound):
		return to, "the account is gone", nil
	case err != nil:
		return to, "", err
	case owner.Quiet.Replies:
		return to, "the account does not want answers", nil
	case policy.Account(owner) != nil:
		return to, "the account is " + string(owner.State), nil
	}
	mailbox, why, err := s.sender(ctx, m, kind)
	if err != nil || mailbox == "" {
		return to, why, err
	}
	if to, err = address.Parse(mailbox); err != nil {
		return address.Address{}, "the sender's address is none", nil // said in the event
	}
	d, err := s.Covering(ctx, to.Domain)
	if err != nil {
		return address.Address{}, "", err
	}
	// A domain that was live once is its owner's.
	if d == nil || d.Account != m.Account || d.State == model.DomainAdded || d.State == model.DomainWaiting {
		return address.Address{}, "the sender's address is not of a domain of the account", nil
	}
	return to, "", nil
}

// sender is whose the answer is. A letter of one system to one person is personal: its sender expects answers where it sent
// from. Bulk mail has a Reply-To for people, and nobody wants the automatic ones.
func (s *Service) sender(ctx context.Context, m *model.Message, kind string) (mailbox, why string, err error) {
	if m.Class == model.ClassBulk {
		if kind != kindReply || !s.BulkReplies {
			return "", "answers to bulk mail are counted only", nil
		}
		mailbox, err = s.replyTo(ctx, m)
		return mailbox, "the message says not whom to answer", err
	}
	list, err := s.Store.Recipients(ctx, m.ID, 0, 2)
	if err != nil || m.Origin != model.OriginSMTP || m.Sender == "" || len(list) > 1 {
		return "", "the message was not personal", err
	}
	return m.Sender, "", nil
}

// replyTo is whom the message says to answer (RFC 5322 3.6.2): Reply-To, while its text is kept, or From.
func (s *Service) replyTo(ctx context.Context, m *model.Message) (string, error) {
	raw, err := s.Store.Body(ctx, m.ID)
	if err != nil && !store.Is(err, store.NotFound) {
		return "", err
	}
	head, _ := parts.Cut(raw)
	for _, field := range []string{parts.Fields(head).Get("reply-to"), m.Meta.From} {
		if list, err := message.Addresses(field); err == nil && len(list) > 0 {
			return list[0], nil
		}
	}
	return "", nil
}

// looped reports whether an answer was here before: handing on leaves the return path in it, as Delivered-To.
func (s *Service) looped(h parts.Header) bool {
	hops := 0
	for i := range h {
		switch h[i].Name {
		case "received":
			hops++
		case "delivered-to":
			local, _, _ := strings.Cut(h[i].Value, "@")
			if _, _, err := s.Paths.Parse(local); err == nil {
				return true
			}
		}
	}
	return hops > maxHops
}
