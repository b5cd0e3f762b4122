package node

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
)

func TestPulseAsksOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		var fault error
		p := &pulse{clock: clock.System{}, log: slog.New(slog.DiscardHandler), ping: func(ctx context.Context) error {
			asked++
			return errors.Join(fault, ctx.Err())
		}}
		gone, leave := context.WithCancel(t.Context())
		leave()
		for range 3 {
			if err := p.check(gone); err != nil {
				t.Fatalf("a caller that left spoils the answer: %v", err)
			}
		}
		fault = errors.New("disk full")
		if err := p.check(t.Context()); err != nil || asked != 1 {
			t.Fatalf("asked %d times within a second, last answer %v", asked, err)
		}
		time.Sleep(time.Second)
		if err := p.check(t.Context()); !errors.Is(err, fault) || asked != 2 {
			t.Fatalf("after a second: asked %d times, answer %v", asked, err)
		}
		fault = nil
		time.Sleep(time.Second)
		if err := p.check(t.Context()); err != nil || asked != 3 {
			t.Fatalf("after the fault: asked %d times, answer %v", asked, err)
		}
	})
}
