package deliver

import (
	"context"
	"time"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/engine/schedule"
	"github.com/budkavle/budkavle/internal/model"
)

// giveBack returns handles that are not to be sent now to the store.
func (s *Service) giveBack(ctx context.Context, stranded []schedule.Stranded) {
	messages := map[ident.ID]*model.Message{} // no more than are stranded
	for part := range chunks(stranded, settleBatch) {
		out := make([]settling, 0, len(part))
		for i := range part {
			out = append(out, s.strand(ctx, &part[i], messages))
		}
		s.settler.add(out)
	}
}

// strand returns one handle to the store. A site that rests is tried with a single message, so the others that wait
// for it learn here that they are late, and when their time is up.
func (s *Service) strand(ctx context.Context, st *schedule.Stranded, messages map[ident.ID]*model.Message) settling {
	now := s.Clock.Now()
	due := st.Due
	if due.After(now) { // a site that rests is not to be met by all at once when it wakes
		due = due.Add(time.Duration(s.Random() * float64(recoverSpread)))
	}
	if st.Site != "" {
		if msg := s.message(ctx, st.Message, messages); msg != nil {
			a := &attempt{Service: s, body: &body{msg: msg}, site: st.Site, picked: now, began: now, ready: now}
			if a.expired() {
				out := a.expire([]schedule.Handle{st.Handle})
				s.learn(ctx, msg, out)
				return out[0]
			}
			if notice := a.delayNotice(&st.Handle, now); notice != "" || st.LastAt.IsZero() {
				return a.rested(st, due, notice)
			}
		}
	}
	s.Metrics.Returned.Add(1)
	return s.back(st.Handle, due)
}

// message reads a message once for all of its recipients; nil: it cannot be read, which the next attempt will tell.
func (s *Service) message(ctx context.Context, id ident.ID, read map[ident.ID]*model.Message) *model.Message {
	if m, ok := read[id]; ok {
		return m
	}
	read[id] = nil
	if m, err := s.Store.Message(ctx, id); err == nil {
		read[id] = &m
	}
	return read[id]
}

// rested defers a recipient that was not tried because its site rests. Its reply stands for an attempt's, so that this
// is told once, and a delay once.
func (a *attempt) rested(st *schedule.Stranded, due time.Time, notice model.NoticeKind) settling {
	enhanced := "4.4.1" // RFC 3463 3.5: no answer from host
	if st.Rest != schedule.HeldDead {
		enhanced = "4.4.5" // mail system congestion
	}
	out := a.outcome(&st.Handle, model.StateWaiting, model.EventDeferred, model.Reply{
		Enhanced: enhanced, Text: "not tried, the site rests: " + st.Why, At: a.picked,
	})
	out.Attempted = false
	out.Event.Data.Attempt, out.Event.Data.NextAt = st.Attempts-1, &due
	out.Due, out.Notice = due, notice
	return out
}
