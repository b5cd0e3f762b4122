package feedback

import (
	"context"
	"net/netip"
	"strings"
	"sync/atomic"

	"github.com/budkavle/budkavle/internal/engine/bounce"
	"github.com/budkavle/budkavle/internal/engine/policy"
	"github.com/budkavle/budkavle/internal/standard/arf"
	"github.com/budkavle/budkavle/internal/standard/message"
	"github.com/budkavle/budkavle/internal/standard/parts"
	"github.com/budkavle/budkavle/internal/store"
)

// Metrics counts what came back.
type Metrics struct {
	Returned bounce.Tally // mails, by what they were
	Classes  bounce.Tally // recipients that bounced by a report, by class of failure
	Untied   atomic.Int64 // complaints that no trace of ours is in
}

// Kinds of mail besides those of engine/bounce.
const (
	kindArrival        = "delivered" // a report of success
	kindReply          = "reply"     // a person's
	kindUnread         = "not understood"
	kindUnsubscription = "unsubscription"
)

// arrival is one mail that came back.
type arrival struct {
	client       netip.Addr
	helo, sender string
	raw          []byte
	header       parts.Header
	mail         bounce.Return
	complaint    *arf.Report // nil: it is none
	noticed      bool        // something was put in the outbox
}

func (s *Service) arrival(client netip.Addr, helo, sender string, raw []byte) *arrival {
	head, _ := parts.Cut(raw)
	a := &arrival{client: client, helo: helo, sender: sender, raw: raw, header: parts.Fields(head), mail: s.Rules.Return(raw)}
	a.complaint = complaintIn(raw, &a.mail.Reading)
	return a
}

// kind is what the mail is. What a program wrote and no rule knows is not understood.
func (a *arrival) kind() string {
	k := a.mail.Kind
	switch {
	case a.complaint != nil:
		return string(bounce.KindComplaint)
	case a.reports() && k == bounce.KindNone:
		return kindArrival
	case a.reports(), k == bounce.KindAutoreply, k == bounce.KindChallenge:
		return string(k)
	case a.byProgram():
		return kindUnread
	}
	return kindReply
}

// reports reports whether the mail says what became of a message. Words about an address from that address are a person's, who
// may ask what the report means that is quoted: who writes is not dead. So are words about nobody from a mailbox.
func (a *arrival) reports() bool {
	from := a.from()
	if !a.mail.Text() || from == "" {
		return a.mail.Reports()
	}
	named := false
	for i := range a.mail.Recipients {
		name := a.mail.Recipients[i].Recipient
		if strings.EqualFold(name, from) {
			return false
		}
		named = named || name != ""
	}
	return named || !strings.EqualFold(from, a.sender)
}

// byProgram reports whether a program wrote the mail that no rule knows: reports come from the null sender (RFC 5321 4.5.5).
func (a *arrival) byProgram() bool {
	local, _, _ := strings.Cut(a.from(), "@")
	switch strings.ToLower(local) {
	case "mailer-daemon", "postmaster":
		return true
	}
	return a.sender == ""
}

// from is the address in the From field, or empty.
func (a *arrival) from() string {
	list, err := message.Addresses(a.header.Get("from"))
	if err != nil || len(list) == 0 {
		return ""
	}
	return list[0]
}

// read ties the mail to its message and lets it count, in the way of what it is.
func (s *Service) read(ctx context.Context, a *arrival, p path) error {
	s.Metrics.Returned.Add(a.kind())
	if a.complaint != nil {
		return s.complain(ctx, a, &p)
	}
	m, err := s.Store.Message(ctx, p.key.Message)
	if err != nil {
		return s.unlessGone(err, p)
	}
	if !a.reports() {
		return s.unlessGone(s.answer(ctx, a, &m, p), p)
	}
	findings, err := s.findings(ctx, a, p)
	if err != nil {
		return s.unlessGone(err, p)
	}
	if len(findings) == 0 {
		s.passed(a, p, "the report says nothing of a recipient of the message")
	}
	for i := range findings {
		if err := s.apply(ctx, a, &m, &findings[i]); err != nil {
			return err
		}
	}
	return nil
}

// passed logs what changes nothing.
func (s *Service) passed(a *arrival, p path, why string) {
	s.Log.Info("returned", "message", p.key.Message.String(), "n", p.key.N, "whole", p.all, "client", a.client, "helo", a.helo, "sender", a.sender, "why", why)
}

func (s *Service) findings(ctx context.Context, a *arrival, p path) ([]bounce.Finding, error) {
	now := s.Clock.Now()
	if p.all {
		list, err := s.Store.Recipients(ctx, p.key.Message, 0, policy.MaxRecipients)
		return a.mail.Whole(list, now), err
	}
	own, err := s.Store.Recipient(ctx, p.key)
	if err != nil {
		return nil, err
	}
	if f, ok := a.mail.One(own, now); ok {
		return []bounce.Finding{f}, nil
	}
	return nil, nil
}

// unlessGone swallows the absence of what retention took.
func (s *Service) unlessGone(err error, p path) error {
	if !store.Is(err, store.NotFound) {
		return err
	}
	s.Log.Info("returned", "message", p.key.Message.String(), "n", p.key.N, "whole", p.all, "why", "the message is no longer kept")
	return nil
}
