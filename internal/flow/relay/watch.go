package relay

import (
	"context"
	"fmt"
	"time"

	"github.com/budkavle/budkavle/internal/engine/outbound"
	"github.com/budkavle/budkavle/internal/engine/route"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// health is what this node has seen of a server since mail last got there. Guarded by Service.mu.
type health struct {
	revision int64
	faults   int // in a row
	since    time.Time
	fault    string
	closed   time.Time // until when mail is delivered by us instead, if it may be
	told     bool      // the store knows that it fails
	day      model.Day // that is used up; zero: none was seen to be
	taken    int       // recipients of attempts under way, which may not come to be sent to
}

const (
	// A server fails when so many sessions in a row came to nothing: at once if it refused the login or its TLS is broken, which
	// no waiting mends; after patience where it could not be reached, which every restart looks like.
	faultsInARow = 3
	patience     = 10 * time.Minute
	// closedFor is how long mail takes the other way before the server is tried again.
	closedFor = 15 * time.Minute
)

// healthOf is the account's, of this revision. The caller holds mu.
func (s *Service) healthOf(o *route.Own) *health {
	h := s.health[o.Account]
	if h == nil || h.revision != o.Revision {
		if len(s.health) >= maxKnown {
			clear(s.health)
		}
		h = &health{revision: o.Revision}
		s.health[o.Account] = h
	}
	return h
}

// Failed tells that no session with the server came about. It reports whether mail is to take another way now.
func (s *Service) Failed(ctx context.Context, o *route.Own, fault *outbound.Error) (turned bool) {
	now := s.Clock.Now()
	s.mu.Lock()
	h := s.healthOf(o)
	if h.faults == 0 {
		h.since = now
	}
	h.faults++
	h.fault = o.Without(fault.Err.Text)
	said := h.fault
	k := s.known[o.Account]
	wasFailing := h.told || k.route != nil && k.route.Revision == o.Revision && !k.route.FailingSince.IsZero()
	failing := wasFailing || h.faults >= faultsInARow && (final(fault) || now.Sub(h.since) >= patience)
	if failing && o.Ours && !now.Before(h.closed) {
		h.closed, turned = now.Add(closedFor), true
	}
	tell := failing && !wasFailing
	h.told = failing
	s.mu.Unlock()
	if tell {
		s.turn(ctx, o, true, said)
	}
	return turned
}

// final reports a fault that does not pass by itself.
func final(e *outbound.Error) bool {
	return e.Stage == outbound.StageAuth && e.Reply.Code >= 500 || e.Stage == outbound.StageTLS && e.Reply.Code == 0
}

// Reached tells that a session with the server came about.
func (s *Service) Reached(ctx context.Context, o *route.Own) {
	s.mu.Lock()
	k := s.known[o.Account]
	h := s.health[o.Account]
	failing := h != nil && h.told || k.route != nil && k.route.Revision == o.Revision && !k.route.FailingSince.IsZero()
	if h != nil && h.revision == o.Revision {
		*h = health{revision: h.revision, day: h.day, taken: h.taken}
	}
	s.mu.Unlock()
	if failing {
		s.turn(ctx, o, false, "")
	}
}

// turn keeps that a server began to fail, or is mended, and has its contact told, once for all nodes.
func (s *Service) turn(ctx context.Context, o *route.Own, failing bool, fault string) {
	ev := model.Event{ID: s.IDs.Next(), Kind: model.EventAccount, At: s.Clock.Now(), Account: o.Account}
	record := s.Store.MendedRoute
	ev.Data.Reason = fmt.Sprintf("own server %s works again", o.Host)
	if failing {
		ev.Data.Reason = fmt.Sprintf("own server %s fails: %s", o.Host, fault)
		record = func(ctx context.Context, account model.AccountID, revision int64, ev model.Event) (bool, error) {
			return s.Store.FailingRoute(ctx, account, revision, fault, ev)
		}
	}
	first, err := record(ctx, o.Account, o.Revision, ev)
	if err != nil {
		s.Log.Warn("what became of an account's own server is not kept; it will be when it is next tried", "account", o.Account, "error", err)
		s.mu.Lock()
		s.healthOf(o).told = !failing
		s.mu.Unlock()
		return
	}
	s.Flush()
	if !first {
		return
	}
	s.Log.Warn("account's own server", "account", o.Account, "failing", failing, "reason", ev.Data.Reason)
	if err := s.tell(ctx, o, failing, fault); err != nil {
		s.Log.Warn("the contact of an account's own server could not be written to", "account", o.Account, "error", err)
	}
}

// Take counts up to n recipients of the day before they are sent to, and returns how many; Return is to follow, whatever becomes of
// them. Over says that the day's are used up, and so does Own from now on. Fewer than n without that: the rest is with attempts that may
// yet give it back.
func (s *Service) Take(ctx context.Context, o *route.Own, n int) (day model.Day, granted int, over bool, err error) {
	if o.Limits.PerDay <= 0 {
		return 0, n, false, nil
	}
	day = model.DayOf(s.Clock.Now())
	if granted, err = s.Store.TakeRoute(ctx, o.Account, day, n); err != nil {
		return day, 0, false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.healthOf(o)
	h.taken += granted
	if over = h.taken == 0 && granted < n; over {
		h.day = day
	}
	return day, granted, over, nil
}

// Return ends what Take began, and gives back those of the recipients taken that were not sent to.
func (s *Service) Return(ctx context.Context, o *route.Own, day model.Day, taken, unused int) {
	if taken == 0 || o.Limits.PerDay <= 0 {
		return
	}
	if unused > 0 {
		if err := s.Store.ReturnRoute(ctx, o.Account, day, unused); err != nil {
			s.Log.Warn("recipients that were not sent to stay counted for the day", "account", o.Account, "recipients", unused, "error", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.health[o.Account]; h != nil && h.revision == o.Revision {
		h.taken = max(h.taken-taken, 0) // fewer, if health was forgotten in between
	}
}

// Proved reports whether we may deliver a message ourselves for want of its account's own server: its domain is proved for that.
func (s *Service) Proved(ctx context.Context, m *model.Message) (bool, error) {
	d, err := s.Store.DomainByID(ctx, m.Domain)
	if store.Is(err, store.NotFound) {
		return false, nil
	}
	return err == nil && d.State.MaySend(), err
}

func dayOver(o *route.Own) string {
	return fmt.Sprintf("the %d recipients a day of the account's own server %s are used up; the next day begins at midnight UTC", o.Limits.PerDay, o.Host)
}
