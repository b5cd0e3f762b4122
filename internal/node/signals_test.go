package node

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/store"
)

// signalStore is a store whose counters a test sets, and what the listener did about it.
type signalStore struct {
	store.Nodes
	mu     sync.Mutex
	counts map[string]int64
	fault  error
	calls  map[string]int
	log    strings.Builder
}

func (s *signalStore) Signals(context.Context) (map[string]int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.counts), s.fault
}

func (s *signalStore) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(p)
}

func (s *signalStore) called(name string) func() {
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.calls[name]++
	}
}

// after looks at, or changes, what is so after a time.
func (s *signalStore) after(d time.Duration, f func()) {
	time.Sleep(d)
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// listening runs play beside a listener.
func listening(t *testing.T, play func(s *signalStore)) {
	synctest.Test(t, func(t *testing.T) {
		s := &signalStore{counts: map[string]int64{"directory": 7}, calls: map[string]int{}}
		l := &listener{store: s, clock: clock.System{}, log: slog.New(slog.NewTextHandler(s, nil)), on: map[string]func(){
			"directory": s.called("directory"), "queue": s.called("queue"),
		}}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- l.run(ctx) }()
		play(s)
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
	})
}

func TestSignalsAreHeardOnce(t *testing.T) {
	listening(t, func(s *signalStore) {
		for i := range 3 {
			s.after(4*signalEvery, func() {
				if s.calls["queue"] != i || s.calls["directory"] != 0 {
					t.Errorf("after %d signals: %v", i, s.calls)
				}
				s.counts["queue"]++ // from no row to one, and on
			})
		}
	})
}

func TestSignalsOfAStoreThatIsAwayAreHeardAfterwards(t *testing.T) {
	listening(t, func(s *signalStore) {
		s.after(time.Second, func() { s.fault = errors.New("connection refused") })
		s.after(time.Minute, func() { s.counts["directory"]++ })
		s.after(time.Minute, func() {
			if n := strings.Count(s.log.String(), "connection refused"); n != 1 || len(s.calls) > 0 {
				t.Errorf("the fault was told %d times, want once; calls %v", n, s.calls)
			}
			s.fault = nil
		})
		s.after(signalEvery, func() {
			if s.calls["directory"] != 1 {
				t.Errorf("calls after the fault: %v", s.calls)
			}
		})
	})
}
