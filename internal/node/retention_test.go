package node

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/config"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
)

// oldThings is a store with so many things that are too old.
type oldThings struct {
	t                                                       *testing.T
	bodies, events, answers, counts, links, reports, meters int
	limits                                                  config.Retention

	mu    sync.Mutex // guards the counts, the steps and the fault
	steps int
	fault error
}

func (o *oldThings) step(left *int, limit int) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.steps++
	n := min(*left, limit)
	*left -= n
	return n, o.fault
}

// after looks at, or changes, what is so after a time.
func (o *oldThings) after(d time.Duration, f func()) {
	time.Sleep(d)
	synctest.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	f()
}

func (o *oldThings) PurgeBodies(_ context.Context, before time.Time, cursor ident.ID, limit int) (int, ident.ID, error) {
	if want := time.Now().Add(-o.limits.Bodies); before.After(want) || want.Sub(before) > time.Minute {
		o.t.Errorf("bodies purged before %v, want %v", before, want)
	}
	n, err := o.step(&o.bodies, limit)
	if n < limit {
		return n, 0, err
	}
	return n, cursor + ident.ID(n), err
}

func (o *oldThings) PurgeEvents(_ context.Context, before time.Time, limit int) (int, error) {
	if want := time.Now().Add(-o.limits.Events); before.After(want) || want.Sub(before) > time.Minute {
		o.t.Errorf("events purged before %v, want %v", before, want)
	}
	return o.step(&o.events, limit)
}

func (o *oldThings) PurgeIdempotency(_ context.Context, _ time.Time, limit int) (int, error) {
	return o.step(&o.answers, limit)
}

func (o *oldThings) PurgeSoftBounces(_ context.Context, before time.Time, limit int) (int, error) {
	if want := time.Now().Add(-softKept); before.After(want) || want.Sub(before) > time.Minute {
		o.t.Errorf("soft bounces purged before %v, want %v", before, want)
	}
	return o.step(&o.counts, limit)
}

func (o *oldThings) PurgeLinks(_ context.Context, now, since time.Time, limit int) (int, error) {
	if now.Sub(since) != linksKept {
		o.t.Errorf("links purged from %v to %v", since, now)
	}
	return o.step(&o.links, limit)
}

func (o *oldThings) PurgeReports(_ context.Context, before model.Day, limit int) (int, error) {
	if want := model.DayOf(time.Now().Add(-o.limits.Reports)); before != want {
		o.t.Errorf("reports purged before %v, want %v", before, want)
	}
	return o.step(&o.reports, limit)
}

func (o *oldThings) PurgeMeters(_ context.Context, before model.Month, limit int) (int, error) {
	if want := model.MonthOf(time.Now()) - 1; before != want {
		o.t.Errorf("counters purged before %v, want %v", before.Begin(), want.Begin())
	}
	return o.step(&o.meters, limit)
}

// purging runs play beside a janitor.
func purging(t *testing.T, o *oldThings, play func()) {
	synctest.Test(t, func(t *testing.T) {
		o.t, o.limits = t, config.Retention{Bodies: 7 * 24 * time.Hour, Events: 90 * 24 * time.Hour, Reports: 400 * 24 * time.Hour}
		j := &janitor{store: o, keep: o.limits, clock: clock.System{}, log: slog.New(slog.DiscardHandler)}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- j.run(ctx) }()
		play()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
	})
}

func TestJanitorPurgesInSmallSteps(t *testing.T) {
	o := &oldThings{bodies: 10 * purgeStep, events: 20 * purgeStep, answers: purgeStep + 1, counts: 2 * purgeStep, links: 2, reports: purgeStep + 1, meters: 2}
	purging(t, o, func() {
		o.after(time.Second, func() {
			if most := int(time.Second/purgePause) + 7; o.steps > most { // no pause from one kind to the next
				t.Errorf("%d steps in a second, at most %d", o.steps, most)
			}
		})
		o.after(time.Minute, func() {
			if o.bodies+o.events+o.answers+o.counts+o.links+o.reports+o.meters > 0 {
				t.Errorf("left: %d bodies, %d events, %d answers, %d counts, %d links, %d reports", o.bodies, o.events, o.answers, o.counts, o.links, o.reports)
			}
		})
	})
}

func TestJanitorGoesOnAfterAFault(t *testing.T) {
	o := &oldThings{events: 3, fault: errors.New("disk full")}
	purging(t, o, func() {
		o.after(time.Second, func() { o.events, o.fault = 3, nil })
		o.after(purgeEvery, func() {
			if o.events > 0 {
				t.Error("nothing was purged after the fault")
			}
		})
	})
}
