package feedback

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/budkavle/budkavle/internal/engine/bounce"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dsn"
	"github.com/budkavle/budkavle/internal/standard/smtp"
	"github.com/budkavle/budkavle/internal/store"
)

// apply lets a finding count. Mail that was never tried cannot have come back: on the return path of a whole message,
// a recipient of one host could otherwise speak for those of others before their turn.
func (s *Service) apply(ctx context.Context, a *arrival, m *model.Message, f *bounce.Finding) error {
	if f.Recipient.Attempts == 0 {
		return nil
	}
	switch f.Action {
	case dsn.Failed:
		return s.failed(ctx, a, m, f)
	case dsn.Delayed:
		return s.later(ctx, a, m, f, model.EventDeferred, model.NoticeDelayed)
	case dsn.Relayed:
		return s.succeeded(ctx, a, m, f, model.NoticeRelayed)
	}
	return s.succeeded(ctx, a, m, f, model.NoticeDelivered)
}

// source names reports as where an entry of a suppression list comes from.
const source = "report"

const (
	// firstWait and lastWait bound how long a report waits for the outcome of an attempt under way, doubling: some
	// servers report before the 250 they gave is stored here. After 1.5 seconds in all the peer is put off.
	firstWait = 100 * time.Millisecond
	lastWait  = 800 * time.Millisecond
)

// failed bounces a recipient. One that is settled otherwise, by this report before or in another way, is left alone.
func (s *Service) failed(ctx context.Context, a *arrival, m *model.Message, f *bounce.Finding) error {
	ev := s.event(m, f, model.EventBounced)
	l, err := f.Verdict.Learn(ctx, s.Store, bounce.Failure{
		Account: m.Account, Domain: m.Domain, Address: ev.Recipient, Reply: f.Reply, At: ev.At, Source: source,
	})
	if err != nil {
		return err
	}
	ev.Data.Listed = l.Listed
	o := store.Outcome{
		Key: f.Recipient.RecipientKey, Reply: f.Reply, At: ev.At, Event: &ev, Suppress: l.Suppress, Soft: l.Soft, Notice: told(m, f, model.NoticeFailed),
	}
	for wait := firstWait; ; wait *= 2 {
		moved, err := s.Store.Bounce(ctx, o)
		if err != nil {
			return err
		}
		if moved {
			s.Metrics.Classes.Add(ev.Data.Class)
			s.line(a, &ev, o.Notice)
			return nil
		}
		r, err := s.Store.Recipient(ctx, f.Recipient.RecipientKey)
		if err != nil {
			return err
		}
		if !r.State.CanBecome(model.StateBounced) { // it may also have been leased just now, and be delivered meanwhile
			return nil
		}
		if wait > lastWait || !s.pause(ctx, wait) {
			return smtp.Errorf(451, "4.3.2", "The message that came back is being delivered this moment, try again later")
		}
	}
}

func (s *Service) pause(ctx context.Context, d time.Duration) bool {
	t := s.Clock.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// succeeded tells those who asked for it (RFC 3461 4.1: NOTIFY=SUCCESS); for all others it is no news after the 250.
func (s *Service) succeeded(ctx context.Context, a *arrival, m *model.Message, f *bounce.Finding, k model.NoticeKind) error {
	if told(m, f, k) == "" {
		return nil
	}
	return s.later(ctx, a, m, f, model.EventDelivered, k)
}

const (
	// maxLater is how many reports of delay or success are recorded of one recipient. A server that repeats itself
	// every hour for five days says no more than this.
	maxLater = 20
	// eventsSeen is how many events of one recipient are looked at for it; attempts make at most some fifty.
	eventsSeen = 200
)

// later records what moves no recipient, once. The sender is told the first time.
func (s *Service) later(ctx context.Context, a *arrival, m *model.Message, f *bounce.Finding, kind model.EventKind, k model.NoticeKind) error {
	if st := f.Recipient.State; st.Final() && st != model.StateDelivered {
		return nil
	}
	before, err := s.Store.ListEvents(ctx, store.EventFilter{
		Message: m.ID, Recipient: f.Recipient.Address, Kinds: []model.EventKind{kind}, Limit: eventsSeen,
	})
	if err != nil {
		return err
	}
	before = slices.DeleteFunc(before, func(e model.Event) bool { return !e.Data.Delayed || e.N != f.Recipient.N })
	if len(before) >= maxLater || slices.ContainsFunc(before, func(e model.Event) bool { return same(e.Data.Reply, &f.Reply) }) {
		return nil
	}
	ev := s.event(m, f, kind)
	var notices []model.Notice
	if k = told(m, f, k); len(before) > 0 {
		k = "" // was told the first time
	}
	if k != "" {
		notices = []model.Notice{{Key: f.Recipient.RecipientKey, Kind: k, At: ev.At}}
	}
	if err := s.Store.NoteEvents(ctx, []model.Event{ev}, notices...); err != nil {
		return err
	}
	s.line(a, &ev, k)
	return nil
}

func same(a, b *model.Reply) bool {
	return a != nil && a.Code == b.Code && a.Enhanced == b.Enhanced && a.Text == b.Text && a.Host == b.Host
}

// told is the notice a sender is owed, or none.
func told(m *model.Message, f *bounce.Finding, k model.NoticeKind) model.NoticeKind {
	if m.Answered() && f.Recipient.Notify.Wants(k) {
		return k
	}
	return ""
}

func (s *Service) event(m *model.Message, f *bounce.Finding, kind model.EventKind) model.Event {
	reply := f.Reply
	return model.Event{
		ID: s.IDs.Next(), Kind: kind, At: f.Reply.At, Account: m.Account, Domain: m.Domain, Message: m.ID, N: f.Recipient.N,
		Recipient: f.Recipient.Address, Data: model.EventData{Reply: &reply, Attempt: f.Recipient.Attempts, Delayed: true, Class: string(f.Verdict.Class), Rule: f.Verdict.Rule},
	}
}

// line logs one fact of mail in the form of delivery's.
func (s *Service) line(a *arrival, ev *model.Event, notice model.NoticeKind) {
	a.noticed = a.noticed || notice != ""
	attrs := []slog.Attr{
		slog.String("message", ev.Message.String()), slog.Int("n", ev.N), slog.Int64("account", int64(ev.Account)), slog.String("recipient", ev.Recipient),
		slog.Int("attempt", ev.Data.Attempt), slog.String("host", ev.Data.Reply.Host), slog.Int("code", ev.Data.Reply.Code),
		slog.String("enhanced", ev.Data.Reply.Enhanced), slog.String("reply", ev.Data.Reply.Text), slog.String("class", ev.Data.Class), slog.String("rule", ev.Data.Rule),
		slog.Bool("listed", ev.Data.Listed), slog.Bool("report", true), slog.String("client", a.client.String()),
	}
	if notice != "" {
		attrs = append(attrs, slog.String("notice", string(notice)))
	}
	s.Log.LogAttrs(context.Background(), slog.LevelInfo, string(ev.Kind), attrs...)
}
