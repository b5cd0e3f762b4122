package node

import (
	"context"
	"log/slog"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/store"
)

// signalEvery is how soon a node notices what another process did to the store: a quarter of a second, for four
// reads of a row or two a second.
const signalEvery = 250 * time.Millisecond

// listener calls what belongs to each signal of the store when its counter has moved.
type listener struct {
	store store.Nodes
	on    map[string]func()
	clock clock.Clock
	log   *slog.Logger
	seen  map[string]int64 // one entry for each signal there is: three
}

// run works until ctx ends. A store that cannot be read is asked again, and told of once.
func (l *listener) run(ctx context.Context) error {
	failing := false
	for {
		now, err := l.store.Signals(ctx)
		switch {
		case err != nil && !failing && ctx.Err() == nil:
			l.log.Warn("the store cannot be read; trying on", "error", err)
			failing = true
		case err == nil:
			failing = false
			l.compare(now)
		}
		t := l.clock.NewTimer(signalEvery)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
	}
}

func (l *listener) compare(now map[string]int64) {
	first := l.seen == nil
	for name, call := range l.on {
		if !first && now[name] != l.seen[name] {
			call()
		}
	}
	l.seen = now
}
