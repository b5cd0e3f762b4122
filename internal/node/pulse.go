package node

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
)

// pulse tells whether the store takes changes. It asks at most once a second, however often it is asked: each look is a
// commit that is synced, and anyone may call /readyz.
type pulse struct {
	ping  func(ctx context.Context) error
	clock clock.Clock
	log   *slog.Logger

	mu   sync.Mutex
	next time.Time
	last error
}

// check returns why the store takes no changes, or nil.
func (p *pulse) check(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := p.clock.Now(); now.Before(p.next) {
		return p.last
	}
	// The answer is for all who ask within the second, so a caller that leaves does not end the question.
	p.last = p.ping(context.WithoutCancel(ctx))
	p.next = p.clock.Now().Add(time.Second)
	if p.last != nil {
		p.log.Warn("not ready: the store takes no changes", "error", p.last)
	}
	return p.last
}
