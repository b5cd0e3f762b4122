package notify

import (
	"context"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/address"
	"github.com/budkavle/budkavle/internal/standard/dsn"
	"github.com/budkavle/budkavle/internal/store"
)

// maxReturned is the largest message that is returned whole. Of a larger one only the header goes back, as the report
// would hardly be taken.
const maxReturned = 10 << 20

// report makes the report of one message's notices; nil if there is nobody to tell, or nothing.
func (s *Service) report(ctx context.Context, ns []model.Notice) (*store.Submission, error) {
	m, err := s.Store.Message(ctx, ns[0].Key.Message)
	if store.Is(err, store.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !m.Answered() {
		return nil, nil
	}
	if quiet, err := s.quiet(ctx, &m); err != nil || quiet {
		return nil, err
	}
	to, err := address.Parse(m.Sender)
	if err != nil {
		s.Log.Warn("a sender cannot be told of its mail: its address is none", "message", m.ID.String(), "error", err)
		return nil, nil
	}
	entries, err := s.entries(ctx, &m, ns)
	if err != nil || len(entries) == 0 {
		return nil, err
	}
	original, err := s.Store.Body(ctx, m.ID)
	if err != nil && !store.Is(err, store.NotFound) { // after retention the report goes without it
		return nil, err
	}
	return s.submission(&m, to, entries, original, ns), nil
}

// quiet reports whether the account wants no reports on such mail. Of personal mail its sender is told in any case.
func (s *Service) quiet(ctx context.Context, m *model.Message) (bool, error) {
	if m.Class != model.ClassBulk {
		return false, nil
	}
	a, err := s.Store.AccountByID(ctx, m.Account)
	if store.Is(err, store.NotFound) {
		return false, nil
	}
	return a.Quiet.BulkDSN, err
}

// entries are the recipients to tell of, each once: of several notices the one that says most.
func (s *Service) entries(ctx context.Context, m *model.Message, ns []model.Notice) ([]dsn.Recipient, error) {
	kinds := map[int]model.NoticeKind{} // at most page
	first, last := ns[0].Key.N, ns[0].Key.N
	for _, n := range ns {
		if weight(n.Kind) > weight(kinds[n.Key.N]) {
			kinds[n.Key.N] = n.Kind
		}
		first, last = min(first, n.Key.N), max(last, n.Key.N)
	}
	var list []dsn.Recipient
	for from := first; from <= last; {
		rows, err := s.Store.Recipients(ctx, m.ID, from, min(page, last-from+1))
		if err != nil {
			return nil, err
		}
		if len(rows) == 0 {
			break
		}
		for i := range rows {
			kind, ok := kinds[rows[i].N]
			if !ok || !rows[i].Notify.Wants(kind) {
				continue
			}
			reply, ok, err := s.reply(ctx, &rows[i], kind)
			if err != nil {
				return nil, err
			}
			if ok {
				list = append(list, entry(m, &rows[i], kind, reply))
			}
		}
		from = rows[len(rows)-1].N + 1
	}
	return list, nil
}

func weight(k model.NoticeKind) int {
	switch k {
	case model.NoticeFailed:
		return 4
	case model.NoticeDelivered:
		return 3
	case model.NoticeRelayed:
		return 2
	case model.NoticeDelayed:
		return 1
	}
	return 0
}

// reply is what a notice of this kind goes back to. It reports false if that is no longer true: a delay that has ended.
func (s *Service) reply(ctx context.Context, r *model.Recipient, kind model.NoticeKind) (model.Reply, bool, error) {
	switch {
	case kind == model.NoticeFailed:
		return r.Last, true, nil
	case r.State != model.StateDelivered:
		return r.Last, kind == model.NoticeDelayed && !r.State.Final(), nil
	}
	// Delivered: what a report said after the receiver's 250 is an event.
	evKind := model.EventDelivered
	if kind == model.NoticeDelayed {
		evKind = model.EventDeferred
	}
	evs, err := s.Store.ListEvents(ctx, store.EventFilter{Message: r.Message, Recipient: r.Address, Kinds: []model.EventKind{evKind}, Limit: 10})
	for _, e := range evs {
		if e.N == r.N && e.Data.Delayed && e.Data.Reply != nil {
			return *e.Data.Reply, true, err
		}
	}
	return r.Last, kind != model.NoticeDelayed, err
}

// submission is the report as it is queued: from the null sender, to be told of to nobody. It belongs to the account,
// whose share it uses, and to none of its sender domains.
func (s *Service) submission(m *model.Message, to address.Address, entries []dsn.Recipient, original []byte, ns []model.Notice) *store.Submission {
	now, id := s.Clock.Now(), s.IDs.Next()
	n := dsn.Notification{
		Report: dsn.Report{
			EnvelopeID: m.Meta.EnvelopeID, ReportingMTA: dsn.Typed{Type: "dns", Value: s.Hostname}, Arrival: m.AcceptedAt, UTF8: m.UTF8, Recipients: entries,
		},
		Hostname: s.Hostname, From: s.From, To: to.String(), MessageID: id.String() + "@" + s.Hostname, Date: now,
		Subject: m.Meta.Subject, AboutID: m.Meta.MessageID, Original: original,
	}
	for i := range entries {
		// RFC 3461 6.2: the whole message goes back only with news of a failure.
		n.Full = n.Full || entries[i].Action == dsn.Failed && m.Meta.Return == model.ReturnFull && len(original) <= maxReturned
		n.UTF8 = n.UTF8 || entries[i].Final.Type == "utf-8"
	}
	raw := n.Build()
	report := model.Message{
		ID: id, Account: m.Account, DomainName: address.DomainOf(s.From), Class: model.ClassTransactional, Origin: model.OriginSystem,
		Size: int64(len(raw)), UTF8: to.UTF8, EightBit: !ascii(raw), AcceptedAt: now, ExpiresAt: now.Add(s.Expire),
		Meta: model.Meta{MessageID: n.MessageID, Subject: n.Title(), From: s.From, To: n.To},
	}
	r := model.Recipient{
		RecipientKey: model.RecipientKey{Message: id}, Lane: model.Lane{Domain: to.Domain, Class: report.Class, Account: m.Account},
		Address: n.To, State: model.StateWaiting, Due: now, Notify: model.NotifyNever, // RFC 3461 6.1
	}
	ev := model.Event{ID: s.IDs.Next(), Kind: model.EventAccepted, At: now, Account: m.Account, Message: id, Recipient: n.To}
	return &store.Submission{Message: report, Raw: raw, Recipients: []model.Recipient{r}, Events: []model.Event{ev}, Answers: ns}
}

func ascii(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}
