package postgres

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// TestWindowOverNodes has two nodes take mail of two accounts at once, over 50 sessions each: 500 of each account are taken, the
// next one locks, and no session of either node gets more through.
func TestWindowOverNodes(t *testing.T) {
	const limit, sessions, each = 500, 50, 12
	url := newSchema(t, "nodes")
	var nodes [2]store.Store
	for i := range nodes {
		s, err := Open(t.Context(), url, clock.System{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		nodes[i] = s
	}
	var accounts [2]model.AccountID
	for i, name := range []string{"school", "shop"} {
		a, err := nodes[0].AddAccount(t.Context(), model.Account{Name: name, State: model.AccountActive})
		if err != nil {
			t.Fatal(err)
		}
		accounts[i] = a.ID
	}
	sources := [2]*ident.Source{ident.NewSource(clock.System{}, 1), ident.NewSource(clock.System{}, 2)}
	var taken, locked, refused [2]atomic.Int64
	var wg sync.WaitGroup
	for session := range 2 * sessions {
		node, ids := nodes[session%2], sources[session%2]
		wg.Go(func() {
			for i := range 2 * each {
				which := (session/2 + i) % 2 // the sessions meet the accounts in different order
				err := node.Accept(t.Context(), []store.Submission{{
					Message: model.Message{ID: ids.Next(), Account: accounts[which]}, Raw: []byte("x"),
					Budget: &store.Budget{
						N: 1, Charges: []model.Charge{{Scope: model.ScopeAccount, Limits: model.Limits{HalfHour: limit}, Locks: true}},
						Lock: func(*model.Over) (string, model.Event) {
							return "hijacked", model.Event{ID: ids.Next(), Kind: model.EventAccount, Account: accounts[which]}
						},
					},
				}}, nil)
				var over *model.Over
				switch {
				case err == nil:
					taken[which].Add(1)
				case errors.As(err, &over) && over.Locked:
					locked[which].Add(1)
				case errors.As(err, &over) && over.State == model.AccountLocked:
					refused[which].Add(1)
				default:
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for i := range accounts {
		if n, l, r := taken[i].Load(), locked[i].Load(), refused[i].Load(); n != limit || l != 1 || r != 2*sessions*each-limit-1 {
			t.Errorf("account %d: %d taken, %d locked, %d refused", i, n, l, r)
		}
		g, err := nodes[1].Readings(t.Context(), accounts[i], 10)
		if err != nil || len(g) != 1 || g[0].Meter.Recent.Sum() != limit {
			t.Errorf("account %d: %+v, %v", i, g, err)
		}
	}
}
