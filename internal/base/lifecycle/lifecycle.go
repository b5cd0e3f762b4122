// Package lifecycle owns goroutines: whatever is started in a Group is waited for by that Group.
//
// Stopping has two stages, as in every part of the node. Stop closes Draining, which means "begin
// nothing new"; if the work is not done when Stop's context ends, Context is cancelled, which means
// "give up now". A goroutine that returns an error cancels nothing by itself: the owner reads it
// from Stop. It restarts nothing and recovers no panics.
package lifecycle

import (
	"context"
	"errors"
	"sync"
)

// Group owns a set of goroutines. Make it with New.
type Group struct {
	ctx      context.Context
	cancel   context.CancelFunc
	draining chan struct{}
	once     sync.Once
	wg       sync.WaitGroup

	mu   sync.Mutex
	errs []error // bounded by maxErrors
}

const maxErrors = 16

// New returns an empty group whose Context descends from parent.
func New(parent context.Context) *Group {
	ctx, cancel := context.WithCancel(parent)
	return &Group{ctx: ctx, cancel: cancel, draining: make(chan struct{})}
}

// Context ends when the group's work must be abandoned.
func (g *Group) Context() context.Context { return g.ctx }

// Draining is closed when nothing new may begin.
func (g *Group) Draining() <-chan struct{} { return g.draining }

// IsDraining reports whether Draining is closed.
func (g *Group) IsDraining() bool {
	select {
	case <-g.draining:
		return true
	default:
		return false
	}
}

// Go runs f in a goroutine of the group. An error other than context.Canceled is kept for Stop.
func (g *Group) Go(f func(ctx context.Context) error) {
	g.wg.Go(func() {
		err := f(g.ctx)
		if err == nil || errors.Is(err, context.Canceled) {
			return
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		if len(g.errs) < maxErrors {
			g.errs = append(g.errs, err)
		}
	})
}

// Drain closes Draining and returns at once. It may be called again.
func (g *Group) Drain() { g.once.Do(func() { close(g.draining) }) }

// Stop drains, waits until every goroutine has returned or ctx ends, then cancels Context and waits
// for the rest. It returns the errors of the goroutines joined. It may be called again.
func (g *Group) Stop(ctx context.Context) error {
	g.Drain()
	done := make(chan struct{})
	go func() { g.wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
	}
	g.cancel()
	<-done
	g.mu.Lock()
	defer g.mu.Unlock()
	return errors.Join(g.errs...)
}
