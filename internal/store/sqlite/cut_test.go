package sqlite

import (
	"context"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
	"github.com/budkavle/budkavle/internal/store/sqlstore"
)

var errCut = errors.New("connection lost")

// cutEngine loses the answer of commits, after or before they happened, and is away for a while afterwards.
type cutEngine struct {
	sqlstore.Engine
	cut      atomic.Int32 // commits to lose
	happened bool         // whether what is lost was committed
	away     atomic.Int32 // transactions that cannot begin afterwards
}

func (e *cutEngine) Fault(err error) store.Kind {
	if errors.Is(err, errCut) {
		return store.Unavailable
	}
	return e.Engine.Fault(err)
}

func (e *cutEngine) Cut(err error) bool { return errors.Is(err, errCut) }

func (e *cutEngine) Begin(ctx context.Context) (sqlstore.Tx, error) {
	if e.cut.Load() <= 0 && e.away.Add(-1) >= 0 {
		return nil, errCut
	}
	tx, err := e.Engine.Begin(ctx)
	return &cutTx{tx, e}, err
}

type cutTx struct {
	sqlstore.Tx
	e *cutEngine
}

func (t *cutTx) Commit(ctx context.Context) error {
	if t.e.cut.Add(-1) < 0 {
		return t.Tx.Commit(ctx)
	}
	if t.e.happened {
		if err := t.Tx.Commit(ctx); err != nil {
			return err
		}
	}
	return errCut
}

// TestACommitThatWasCutOff proves that what was asked for is done once, whether or not the lost commit had happened.
func TestACommitThatWasCutOff(t *testing.T) {
	for name, happened := range map[string]bool{"after it happened": true, "before it happened": false} {
		t.Run(name, func(t *testing.T) {
			inner := newEngine()
			if err := inner.open(t.Context(), filepath.Join(t.TempDir(), "x.db")); err != nil {
				t.Fatal(err)
			}
			e := &cutEngine{Engine: inner, happened: happened}
			s := sqlstore.New(e, clock.System{})
			t.Cleanup(func() { s.Close() })
			ids := ident.NewSource(clock.System{}, 1)
			lose := func() {
				e.away.Store(2)
				e.cut.Store(1)
			}
			now := time.Now()
			lane := model.Lane{Domain: "a.example", Account: 1}
			events := func(want int) {
				t.Helper()
				evs, err := s.ListEvents(t.Context(), store.EventFilter{Limit: 10})
				if err != nil || len(evs) != want {
					t.Errorf("%d events, %v; want %d", len(evs), err, want)
				}
			}

			id := ids.Next()
			sub := store.Submission{
				Message: model.Message{ID: id}, Raw: []byte("x"),
				Recipients: []model.Recipient{{RecipientKey: model.RecipientKey{Message: id}, Lane: lane, Address: "x@a.example"}},
				Events:     []model.Event{{ID: ids.Next(), Kind: model.EventAccepted, Message: id}},
			}
			lose()
			if err := s.Accept(t.Context(), []store.Submission{sub}, &store.Idempotency{Account: 1, Key: "k", Response: []byte("x"), Expires: now.Add(time.Hour)}); err != nil {
				t.Fatalf("Accept: %v", err)
			}
			events(1)
			if err := s.Accept(t.Context(), []store.Submission{sub}, nil); !store.Is(err, store.Exists) {
				t.Errorf("accepted twice: %v", err)
			}

			lose()
			got, err := s.Claim(t.Context(), []store.Claim{{Lane: lane, Limit: 1}}, 7, now, now)
			if err != nil || len(got[0].Recipients) != 1 {
				t.Fatalf("Claim: %+v, %v", got, err)
			}

			lose()
			ev := model.Event{ID: ids.Next(), Kind: model.EventDelivered, Message: id}
			stale, err := s.Settle(t.Context(), []store.Outcome{
				{Key: got[0].Recipients[0].RecipientKey, Lease: 7, State: model.StateDelivered, At: now, Attempted: true, Event: &ev},
			})
			if err != nil || len(stale) != 0 {
				t.Errorf("Settle: stale %v, %v", stale, err)
			}
			events(2)

			lose()
			ev = model.Event{ID: ids.Next(), Kind: model.EventBounced, At: now}
			moved, err := s.Bounce(t.Context(), store.Outcome{Key: model.RecipientKey{Message: id}, Event: &ev})
			if err != nil || !moved {
				t.Errorf("Bounce: %v, %v", moved, err)
			}
			lose()
			if err := s.NoteEvents(t.Context(), []model.Event{{ID: ids.Next(), Kind: model.EventDomain}}); err != nil {
				t.Errorf("NoteEvents: %v", err)
			}
			events(4)
		})
	}
}
