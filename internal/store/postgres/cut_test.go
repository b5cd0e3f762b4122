package postgres

import (
	"context"
	"os"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// TestConnectionsAreCut ends the server's side of connections under load, at every sixteenth message: what a caller was
// told is what is in the store.
func TestConnectionsAreCut(t *testing.T) {
	url := newSchema(t, "cut")
	s, err := Open(t.Context(), url, clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	killer, err := pgx.Connect(t.Context(), os.Getenv(urlVariable))
	if err != nil {
		t.Fatal(err)
	}
	defer killer.Close(context.Background())

	const callers, each = 8, 40
	ids := ident.NewSource(clock.System{}, 1)
	lane := model.Lane{Domain: "a.example", Account: 1}
	var mu sync.Mutex
	told := map[ident.ID]error{}
	accepted := make(chan struct{}, callers*each)
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for range each {
				id := ids.Next()
				err := s.Accept(t.Context(), []store.Submission{{
					Message: model.Message{ID: id}, Raw: []byte("x"),
					Recipients: []model.Recipient{{RecipientKey: model.RecipientKey{Message: id}, Lane: lane, Address: "x@a.example"}},
				}}, nil)
				mu.Lock()
				told[id] = err
				mu.Unlock()
				accepted <- struct{}{}
			}
		})
	}
	go func() { wg.Wait(); close(accepted) }()
	count, cuts := 0, 0
	for range accepted {
		if count++; count%16 != 0 {
			continue
		}
		tag, err := killer.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'budkavle'`)
		if err != nil {
			t.Fatal(err)
		}
		cuts += int(tag.RowsAffected())
	}
	taken := 0
	for id, err := range told {
		_, missing := s.Message(t.Context(), id)
		for range connections { // those of the pool that were cut while they were idle are found out one by one
			if !store.Is(missing, store.Unavailable) {
				break
			}
			_, missing = s.Message(t.Context(), id)
		}
		switch {
		case err == nil && missing == nil:
			taken++
		case store.Is(err, store.Unavailable) && store.Is(missing, store.NotFound):
		default:
			t.Errorf("told %v, and in the store: %v", err, missing)
		}
	}
	t.Logf("%d connections cut, %d of %d messages taken", cuts, taken, callers*each)
	if cuts == 0 || taken == 0 {
		t.Error("nothing was cut, or nothing was taken: the test proves nothing")
	}
	err = s.Ping(t.Context())
	for range connections { // the pool makes them anew
		if err == nil {
			break
		}
		err = s.Ping(t.Context())
	}
	if err != nil {
		t.Errorf("not recovered: %v", err)
	}
}
