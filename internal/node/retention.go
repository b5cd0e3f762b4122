package node

import (
	"context"
	"log/slog"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/config"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

const (
	purgeStep  = 200                    // rows deleted or examined in one commit
	purgePause = 100 * time.Millisecond // between steps, so that the queue's commits go first
	purgeEvery = 10 * time.Minute       // between rounds
	linksKept  = 24 * time.Hour         // for which it is remembered that a recipient was sent a link
	softKept   = 200 * 24 * time.Hour   // for which soft bounces are remembered: their score has then lost 99 %
)

// janitor deletes what need not be kept any longer. At most purgeStep/purgePause rows a second: 2,000, which
// keeps up with 170 million a day while no commit of the queue waits longer than one step.
type janitor struct {
	store store.Retention
	keep  config.Retention
	clock clock.Clock
	log   *slog.Logger
}

// run works until ctx ends.
func (j *janitor) run(ctx context.Context) error {
	for {
		if err := j.round(ctx); err != nil && ctx.Err() == nil {
			j.log.Warn("retention: purge failed, next try in a while", "error", err, "again_in", purgeEvery)
		}
		if err := j.pause(ctx, purgeEvery); err != nil {
			return err
		}
	}
}

// round deletes everything that is too old now.
func (j *janitor) round(ctx context.Context) error {
	now := j.clock.Now()
	for cursor := ident.ID(0); ; {
		_, next, err := j.store.PurgeBodies(ctx, now.Add(-j.keep.Bodies), cursor, purgeStep)
		if err != nil {
			return err
		}
		if next == 0 {
			break
		}
		cursor = next
		if err := j.pause(ctx, purgePause); err != nil {
			return err
		}
	}
	if err := j.steps(ctx, func() (int, error) {
		return j.store.PurgeEvents(ctx, now.Add(-j.keep.Events), purgeStep)
	}); err != nil {
		return err
	}
	if err := j.steps(ctx, func() (int, error) { return j.store.PurgeIdempotency(ctx, now, purgeStep) }); err != nil {
		return err
	}
	if err := j.steps(ctx, func() (int, error) { return j.store.PurgeSoftBounces(ctx, now.Add(-softKept), purgeStep) }); err != nil {
		return err
	}
	if err := j.steps(ctx, func() (int, error) {
		return j.store.PurgeReports(ctx, model.DayOf(now.Add(-j.keep.Reports)), purgeStep)
	}); err != nil {
		return err
	}
	if err := j.steps(ctx, func() (int, error) {
		return j.store.PurgeMeters(ctx, model.MonthOf(now)-1, purgeStep) // nothing of the month before last counts any longer
	}); err != nil {
		return err
	}
	return j.steps(ctx, func() (int, error) { return j.store.PurgeLinks(ctx, now, now.Add(-linksKept), purgeStep) })
}

// steps repeats one step until it finds nothing more.
func (j *janitor) steps(ctx context.Context, step func() (int, error)) error {
	for {
		n, err := step()
		if err != nil || n == 0 {
			return err
		}
		if err := j.pause(ctx, purgePause); err != nil {
			return err
		}
	}
}

func (j *janitor) pause(ctx context.Context, d time.Duration) error {
	t := j.clock.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
