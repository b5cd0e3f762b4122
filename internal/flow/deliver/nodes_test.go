package deliver

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/engine/schedule"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
	"github.com/budkavle/budkavle/internal/store/postgres"
	"github.com/budkavle/budkavle/internal/store/storetest/pgtest"
)

// patience bounds every wait for something that must come. It is no measurement: what takes this long has failed.
const patience = time.Minute

// severable is a store that a node loses when the node is "killed": nothing of it is stored from then on.
type severable struct {
	store.Store
	mu      sync.Mutex
	cut     bool
	settled map[model.RecipientKey]bool // delivered, as the store knows
}

func (s *severable) gone() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cut {
		return errStore
	}
	return nil
}

func (s *severable) Claim(ctx context.Context, claims []store.Claim, lease int64, now, next time.Time) ([]store.Claimed, error) {
	if err := s.gone(); err != nil {
		return nil, err
	}
	return s.Store.Claim(ctx, claims, lease, now, next)
}

func (s *severable) Settle(ctx context.Context, out []store.Outcome) ([]model.RecipientKey, error) {
	s.mu.Lock() // so that a commit is whole when the node is cut off
	defer s.mu.Unlock()
	if s.cut {
		return nil, errStore
	}
	stale, err := s.Store.Settle(ctx, out)
	for i := range out {
		if err == nil && out[i].State == model.StateDelivered {
			s.settled[out[i].Key] = true
		}
	}
	for _, key := range stale {
		delete(s.settled, key)
	}
	return stale, err
}

func (s *severable) RenewLease(ctx context.Context, lease int64, expires time.Time) error {
	if err := s.gone(); err != nil {
		return err
	}
	return s.Store.RenewLease(ctx, lease, expires)
}

func (s *severable) CloseLease(ctx context.Context, lease int64) error {
	if err := s.gone(); err != nil {
		return err
	}
	return s.Store.CloseLease(ctx, lease)
}

// oneOfTwo is a node on the shared store, with receivers of its own, so that it is seen who sent what.
func oneOfTwo(t *testing.T, name string, number int, st store.Store) (*Service, *severable, *internet) {
	t.Helper()
	cable, net := &severable{Store: st, settled: map[model.RecipientKey]bool{}}, newInternet()
	net.takes = 20 * time.Millisecond
	s := New(Deps{
		Store: cable, Router: net, Connector: net, Bounces: rules(t), IDs: ident.NewSource(clock.System{}, number), Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		ReturnPath: func(model.RecipientKey, bool, string) string { return "b@bounce.example.org" },
	}, Config{
		Node: name, Helo: name, Lease: 4 * time.Second, Sweep: 300 * time.Millisecond,
		Schedule: schedule.Config{MaxHandles: 200}, // so that neither takes all there is
	})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, cable, net
}

func until(t *testing.T, what string, true func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !true() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// Two nodes share the work on one PostgreSQL. One of them dies in the middle; the other takes over what it held, by
// itself. Nothing is lost, and nothing comes twice but what the dead one had sent and not yet stored.
func TestANodeTakesOverFromAnotherThatDied(t *testing.T) {
	const messages, domains = 2000, 20
	st := shared(t)
	one, cable, dying := oneOfTwo(t, "n1", 1, st)
	two, _, living := oneOfTwo(t, "n2", 2, st)
	sent := func(n *internet) int { all, _ := n.total(); return all }
	fill(t, st, messages, domains)
	until(t, "both nodes deliver", func() bool { return sent(dying) > 100 && sent(living) > 100 })

	cable.mu.Lock()
	cable.cut = true
	cable.mu.Unlock()
	killed, kill := context.WithCancel(context.Background())
	kill()
	ended := make(chan error, 1)
	go func() { ended <- one.Stop(killed) }()

	until(t, "the queue empties", func() bool {
		if two.Metrics.Recovered.Load() == 0 { // a census asks for one state after the other, and what is recovered goes from one to the other
			return false
		}
		left, err := st.Census(t.Context())
		return err == nil && len(left) == 0
	})
	if err := two.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	<-ended // its outcomes are lost, as they are when a process dies
	inFlight := sent(dying) - len(cable.settled)
	all, doubled := map[string]int{}, 0
	for _, n := range []*internet{dying, living} {
		for address, times := range n.got {
			all[address] += times
		}
	}
	for _, times := range all {
		doubled += times - 1
	}
	t.Logf("%d by the one that died, %d by the other, %d twice; %d were in flight, %d and %d outcomes came too late", sent(dying), sent(living), doubled, inFlight, one.Metrics.Stale.Load(), two.Metrics.Stale.Load())
	if len(all) != messages || doubled > inFlight {
		t.Errorf("%d of %d received, %d twice, %d in flight", len(all), messages, doubled, inFlight)
	}
}

// shared is a PostgreSQL store.
func shared(t *testing.T) store.Store {
	t.Helper()
	dir, err := os.MkdirTemp("", "deliver-test") // t.TempDir is closed to the user that PostgreSQL runs as
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cluster, err := pgtest.StartCluster(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Stop)
	st, err := postgres.Open(t.Context(), cluster.URL, clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	return st
}

// fill queues messages to some domains.
func fill(t *testing.T, st store.Store, messages, domains int) {
	t.Helper()
	account, err := st.AddAccount(t.Context(), model.Account{Name: "school", State: model.AccountActive, Weight: 1})
	if err != nil {
		t.Fatal(err)
	}
	ids := ident.NewSource(clock.System{}, 3)
	now := time.Now()
	subs := make([]store.Submission, 0, messages)
	for i := range messages {
		m := model.Message{
			ID: ids.Next(), Account: account.ID, DomainName: "school.example", Origin: model.OriginHTTP, Sender: "s@school.example",
			AcceptedAt: now, ExpiresAt: now.Add(time.Hour), Size: 3,
		}
		domain := fmt.Sprintf("d%d.example", i%domains)
		subs = append(subs, store.Submission{Message: m, Raw: []byte("x\r\n"), Recipients: []model.Recipient{{
			RecipientKey: model.RecipientKey{Message: m.ID}, Lane: model.Lane{Domain: domain, Account: account.ID},
			Address: fmt.Sprintf("u%d@%s", i, domain), Due: now,
		}}})
	}
	if err := st.Accept(t.Context(), subs, nil); err != nil {
		t.Fatal(err)
	}
}
