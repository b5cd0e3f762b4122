package submit

import (
	"context"
	"time"

	"github.com/budkavle/budkavle/internal/engine/policy"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// lookUpAtOnce is how many addresses one question to the store has.
const lookUpAtOnce = 1000

// listed finds the recipients that a suppression list keeps the message from, by their place; nil: there are none.
func (s *Service) listed(ctx context.Context, m *model.Message, rs []addressee) (map[int]*model.Suppression, error) {
	keys := make([]string, len(rs))
	for i := range rs {
		keys[i] = model.SuppressionKey(rs[i].Address.String())
	}
	var found []model.Suppression
	for rest := keys; len(rest) > 0; rest = rest[min(len(rest), lookUpAtOnce):] {
		part, err := s.Store.Suppressed(ctx, m.Account, rest[:min(len(rest), lookUpAtOnce)])
		if err != nil {
			return nil, storeFault(err)
		}
		found = append(found, part...)
	}
	if len(found) == 0 {
		return nil, nil
	}
	entries := map[string][]model.Suppression{} // of the recipients, so no more than they
	for _, e := range found {
		entries[e.Key] = append(entries[e.Key], e)
	}
	stopped := map[int]*model.Suppression{}
	for i, key := range keys {
		if e := policy.Suppressed(m, entries[key]); e != nil {
			stopped[i] = e
		}
	}
	return stopped, nil
}

// stop ends a recipient that a list keeps the message from: it is told as an event and, where the sender hears of failures, in
// a report; the other recipients and the sender's session do not feel it.
func (s *Service) stop(sub *store.Submission, row *model.Recipient, e *model.Suppression) {
	m := &sub.Message
	reply := model.Reply{Enhanced: "5.7.1", Text: "not sent: " + e.Told(), At: m.AcceptedAt}
	row.State, row.Due, row.Last = model.StateBounced, time.Time{}, reply
	sub.Events = append(sub.Events, model.Event{
		ID: s.IDs.Next(), Kind: model.EventBounced, At: m.AcceptedAt, Account: m.Account, Domain: m.Domain, Message: m.ID, N: row.N, Recipient: row.Address,
		Data: model.EventData{Code: e.Kind.Code(), Reason: reply.Text},
	})
	if m.Answered() && row.Notify.Wants(model.NoticeFailed) {
		sub.Notices = append(sub.Notices, model.Notice{Key: row.RecipientKey, Kind: model.NoticeFailed, At: m.AcceptedAt})
	}
}
