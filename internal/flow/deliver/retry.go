package deliver

import (
	"time"

	"github.com/budkavle/budkavle/internal/engine/schedule"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

const (
	// jitter is by how much of itself a delay is spread to both sides, so that what failed together does not
	// come back together.
	jitter = 0.2
	// lastChance is how long before it expires a message is tried for the last time.
	lastChance = time.Minute
)

// retryAt is when to try again after this many attempts: 1, 2, 4, 8 … minutes, up to RetryMax. It reports false when
// the message will have expired; a last attempt is made shortly before, unless that is sooner than the first retry.
func (s *Service) retryAt(m *model.Message, attempts int, now time.Time) (time.Time, bool) {
	d := s.cfg.RetryFirst
	for n := 1; n < attempts && d < s.cfg.RetryMax; n++ {
		d *= 2
	}
	d = min(d, s.cfg.RetryMax)
	d += time.Duration((2*s.Random() - 1) * jitter * float64(d))
	due := now.Add(d)
	if m.ExpiresAt.IsZero() || !due.After(m.ExpiresAt) {
		return due, true
	}
	last := m.ExpiresAt.Add(-lastChance)
	return last, last.Sub(now) >= s.cfg.RetryFirst
}

// soon is when to try again what failed for a reason of our own.
func (s *Service) soon() time.Time {
	return s.Clock.Now().Add(storeRetry + time.Duration(s.Random()*float64(storeRetry)))
}

// back returns one recipient to the queue as if it had not been claimed; a due time that is zero or past means now.
func (s *Service) back(h schedule.Handle, due time.Time) settling {
	now := s.Clock.Now()
	if due.Before(now) {
		due = now
	}
	return settling{lane: h.Lane, Outcome: store.Outcome{
		Key: h.RecipientKey, Lease: h.Lease, State: model.StateWaiting, Due: due, At: now,
	}}
}

func (s *Service) unattempted(handles []schedule.Handle, due time.Time) []settling {
	out := make([]settling, 0, len(handles))
	for _, h := range handles {
		out = append(out, s.back(h, due))
	}
	s.Metrics.Returned.Add(int64(len(out)))
	return out
}
