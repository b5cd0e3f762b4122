package sqlite

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// hands is a clock that a test moves.
type hands struct{ at time.Time }

func (h *hands) Now() time.Time                       { return h.at }
func (h *hands) NewTimer(d time.Duration) *time.Timer { return time.NewTimer(d) }

// TestWindowOverRestarts opens the store anew before every message: the window goes on, and slides with the clock.
func TestWindowOverRestarts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "budkavle.db")
	clock := &hands{time.Date(2026, 11, 24, 23, 50, 0, 0, time.UTC)}
	ids := ident.NewSource(clock, 1)
	account := model.AccountID(0)
	send := func() *model.Over {
		t.Helper()
		s, err := Open(t.Context(), file, clock)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if account == 0 {
			a, err := s.AddAccount(t.Context(), model.Account{Name: "school", State: model.AccountActive})
			if err != nil {
				t.Fatal(err)
			}
			account = a.ID
		}
		err = s.Accept(t.Context(), []store.Submission{{
			Message: model.Message{ID: ids.Next(), Account: account}, Raw: []byte("x"),
			Budget: &store.Budget{N: 1, Charges: []model.Charge{{Scope: model.ScopeAccount, Limits: model.Limits{HalfHour: 3}}}},
		}}, nil)
		var over *model.Over
		if err != nil && !errors.As(err, &over) {
			t.Fatal(err)
		}
		return over
	}
	begin := clock.at
	for i, tt := range []struct {
		after time.Duration
		room  time.Duration // when there is room again; 0: it is taken
	}{
		{0, 0},
		{time.Minute, 0},
		{2 * time.Minute, 0},
		{3 * time.Minute, 30 * time.Minute},
		{30*time.Minute - time.Microsecond, 30 * time.Minute},
		{30 * time.Minute, 0},
		{30 * time.Minute, 31 * time.Minute},
		{31 * time.Minute, 0},
		{32 * time.Minute, 0},
		{59 * time.Minute, time.Hour},
		{time.Hour, 0},
	} {
		clock.at = begin.Add(tt.after)
		over := send()
		if (over == nil) != (tt.room == 0) || over != nil && !over.Until.Equal(begin.Add(tt.room)) {
			t.Errorf("%d: after %v: %+v, want room after %v", i, tt.after, over, tt.room)
		}
	}
}
