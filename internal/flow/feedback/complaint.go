package feedback

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"

	"github.com/budkavle/budkavle/internal/engine/bounce"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/arf"
	"github.com/budkavle/budkavle/internal/standard/parts"
	"github.com/budkavle/budkavle/internal/standard/smtp"
	"github.com/budkavle/budkavle/internal/store"
)

// complaintIn reads a mail as a complaint: a feedback report, a forward of Microsoft's, or what the rules know as one. nil: it
// is none.
func complaintIn(raw []byte, r *bounce.Reading) *arf.Report {
	if report, err := arf.Parse(raw); err == nil {
		return report
	}
	if r.Kind != bounce.KindComplaint {
		return nil
	}
	report := &arf.Report{Type: r.Feedback.Type, UserAgent: r.Feedback.UserAgent, Incidents: 1}
	for i := range r.Recipients {
		report.Recipients = append(report.Recipients, r.Recipients[i].Recipient)
	}
	parts.Walk(raw, func(p *parts.Part) bool {
		if p.MediaType != "message/rfc822" && p.MediaType != "text/rfc822-headers" {
			return false
		}
		head, _ := parts.Cut(p.Octets(maxReturnedHeader))
		report.Returned.Header = parts.Fields(head)
		return true
	})
	return report
}

// maxReturnedHeader is how many octets of a returned message are looked at.
const maxReturnedHeader = 64 << 10

// complaints is the mailbox of feedback loops. Mail of another kind is refused, so that a person who writes there hears that
// nobody reads it (docs/decisions/0007).
func (s *Service) complaints(ctx context.Context, client netip.Addr, raw []byte) error {
	a := s.arrival(client, "", "", raw)
	if a.complaint == nil {
		s.Metrics.Returned.Add(kindUnread)
		return smtp.Errorf(550, "5.7.1", "This mailbox takes feedback reports only (RFC 5965), and this is none. A program reads it; write to the postmaster of the domain whose mail you ask about")
	}
	s.Metrics.Returned.Add(a.kind())
	return s.complain(ctx, a, nil)
}

// complain ties a complaint to its reader and lets it count. p is the return path on which it came; nil: it came to a mailbox.
func (s *Service) complain(ctx context.Context, a *arrival, p *path) error {
	ties, err := s.ties(ctx, a.complaint, p)
	if err != nil {
		return err
	}
	if len(ties) == 0 {
		s.Metrics.Untied.Add(1)
		s.Log.Warn("complaint ignored", "client", a.client, "type", a.complaint.Type, "agent", a.complaint.UserAgent, "recipient", a.complaint.Recipient(),
			"feedback_id", a.complaint.Returned.Header.Get("feedback-id"), "why", "no trace in it proves whose complaint it is")
	}
	for i := range ties {
		if err := s.heed(ctx, a, &ties[i]); err != nil {
			return err
		}
	}
	return nil
}

// meaning is the list that a feedback type puts its reader on, and the kind of event (RFC 5965 7.3, RFC 6591 3.1). What is no
// reader's wish, or says that the mail is wanted after all, changes no list.
func meaning(feedback string) (model.SuppressionKind, model.EventKind) {
	switch feedback {
	case "abuse", "fraud", "virus":
		return model.SuppressComplaint, model.EventComplained
	case "opt-out", "opt-out-list":
		return model.SuppressUnsubscribe, model.EventUnsubscribed
	}
	return "", model.EventReplied
}

// heed records a complaint once for each reader and message, and lists the reader if it is known.
func (s *Service) heed(ctx context.Context, a *arrival, t *tie) error {
	list, kind := meaning(a.complaint.Type)
	before, err := s.before(ctx, t, kind)
	if err != nil || len(before) >= maxLater || slices.ContainsFunc(before, func(e model.Event) bool { return e.Data.Class == a.complaint.Type }) {
		return err
	}
	ev := model.Event{
		ID: s.IDs.Next(), Kind: kind, At: s.Clock.Now(), Account: t.account, Domain: t.domain, Message: t.message, N: t.n, Recipient: t.address,
		Data: model.EventData{Class: a.complaint.Type, Reason: t.reason(a.complaint)},
	}
	if list == model.SuppressUnsubscribe {
		ev.Data.Tag = t.tag
	}
	var entries []model.Suppression
	if list != "" && t.address != "" {
		e := model.Suppression{
			Account: t.account, Domain: t.domain, Kind: list, Key: model.SuppressionKey(t.address), Tag: ev.Data.Tag, Address: t.address,
			Reason: ev.Data.Reason, Source: source, Count: 1, CreatedAt: ev.At,
		}
		there, err := s.there(ctx, &e)
		if err != nil {
			return err
		}
		ev.Data.Listed, entries = !there, append(entries, e)
	}
	if err := s.Store.AddSuppressions(ctx, entries, ev); err != nil {
		return err
	}
	s.Log.LogAttrs(ctx, slog.LevelInfo, string(ev.Kind), slog.String("message", ev.Message.String()), slog.Int("n", ev.N), slog.Int64("account", int64(ev.Account)),
		slog.Int64("domain", int64(ev.Domain)), slog.String("recipient", ev.Recipient), slog.String("type", ev.Data.Class), slog.Bool("listed", ev.Data.Listed),
		slog.String("why", ev.Data.Reason), slog.String("client", a.client.String()))
	return nil
}

// before are the events of a kind that a reader's message has.
func (s *Service) before(ctx context.Context, t *tie, kind model.EventKind) ([]model.Event, error) {
	if t.message == 0 {
		return nil, nil
	}
	list, err := s.Store.ListEvents(ctx, store.EventFilter{Message: t.message, Recipient: t.address, Kinds: []model.EventKind{kind}, Limit: eventsSeen})
	return slices.DeleteFunc(list, func(e model.Event) bool { return e.N != t.n || e.Recipient != t.address }), err
}

// there reports whether an entry adds nothing to the account's lists.
func (s *Service) there(ctx context.Context, e *model.Suppression) (bool, error) {
	found, err := s.Store.Suppressed(ctx, e.Account, []string{e.Key})
	return slices.ContainsFunc(found, func(f model.Suppression) bool {
		return f.Account != 0 && f.Kind == e.Kind && (f.Domain == 0 || f.Domain == e.Domain) && (f.Tag == "" || f.Tag == e.Tag)
	}), err
}
