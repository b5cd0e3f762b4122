package lifecycle

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestStopWaitsForWorkThatDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(context.Background())
		finished := false
		g.Go(func(ctx context.Context) error {
			<-g.Draining()
			time.Sleep(time.Second)
			finished = ctx.Err() == nil
			return nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := g.Stop(ctx); err != nil || !finished {
			t.Errorf("Stop = %v, finished without being aborted: %v", err, finished)
		}
		if !g.IsDraining() {
			t.Error("not draining after Stop")
		}
	})
}

func TestStopAbortsWorkThatDoesNotDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(context.Background())
		g.Go(func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := g.Stop(ctx); err != nil {
			t.Errorf("Stop = %v, want nil: being cancelled is no fault", err)
		}
		if d := time.Since(start); d != time.Minute {
			t.Errorf("aborted after %v, want a minute", d)
		}
		if err := g.Stop(ctx); err != nil {
			t.Errorf("second Stop = %v", err)
		}
	})
}

func TestStopReturnsTheErrorsOfGoroutines(t *testing.T) {
	g := New(context.Background())
	for range 2 * maxErrors {
		g.Go(func(context.Context) error { return errors.New("out of paper") })
	}
	err := g.Stop(t.Context())
	if err == nil || strings.Count(err.Error(), "out of paper") != maxErrors {
		t.Errorf("Stop = %v", err)
	}
}
