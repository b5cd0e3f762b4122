package deliver

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/budkavle/budkavle/internal/engine/outbound"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

const (
	// settleQueue is how many batches of outcomes wait for the settler. A worker whose batch finds no room waits: what
	// is delivered and not yet stored is what a crash sends twice.
	settleQueue = 64
	// settleBatch is how many outcomes go into one commit, about.
	settleBatch = 1000
)

// settling is an outcome on its way to the store.
type settling struct {
	store.Outcome
	lane     model.Lane
	site     string
	stage    outbound.Stage // of a refusal: the command that was answered
	accepted time.Time
}

// settler stores the outcomes of all workers, as many as there are in one commit.
type settler struct {
	*Service
	in      chan []settling
	waiting atomic.Int64 // outcomes added and not yet stored
	buffer  []store.Outcome
}

func (t *settler) init(s *Service) { t.Service, t.in = s, make(chan []settling, settleQueue) }

// add hands outcomes over. It waits while there is no room; when the work is to be abandoned, for as long as grace, so
// that a store that is gone does not keep the node from stopping.
func (t *settler) add(out []settling) {
	if len(out) == 0 {
		return
	}
	t.waiting.Add(int64(len(out)))
	select {
	case t.in <- out:
		return
	case <-t.work.Context().Done():
	}
	timer := t.Clock.NewTimer(grace)
	defer timer.Stop()
	select {
	case t.in <- out:
	case <-timer.C:
	case <-t.upkeep.Context().Done():
	}
}

// close lets run end when everything is stored. Nothing is added after.
func (t *settler) close() { close(t.in) }

// unsettled is how many outcomes were not stored.
func (t *settler) unsettled() int64 { return t.waiting.Load() }

// run stores what comes until close, or until ctx ends.
func (t *settler) run(ctx context.Context) error {
	for {
		var batch []settling
		select {
		case b, ok := <-t.in:
			if !ok {
				return nil
			}
			batch = b
		case <-ctx.Done():
			return ctx.Err()
		}
		batch = t.gather(batch)
		if err := t.store(ctx, batch); err != nil {
			return err
		}
	}
}

// gather adds what else is waiting.
func (t *settler) gather(batch []settling) []settling {
	for len(batch) < settleBatch {
		select {
		case b, ok := <-t.in:
			if !ok {
				return batch
			}
			batch = append(batch, b...)
		default:
			return batch
		}
	}
	return batch
}

// store writes the batch, however long the store is out of order; its error is that of ctx.
func (t *settler) store(ctx context.Context, batch []settling) error {
	t.buffer = t.buffer[:0]
	for i := range batch {
		t.buffer = append(t.buffer, batch[i].Outcome)
	}
	for faults := 0; ; faults++ {
		stale, err := t.Store.Settle(ctx, t.buffer)
		if err == nil {
			t.stored(batch, stale)
			return nil
		}
		t.Metrics.StoreFaults.Add(1)
		if faults == 0 {
			logFault(t.Log, "outcomes cannot be stored; trying on", err, "outcomes", len(batch))
		}
		timer := t.Clock.NewTimer(faultDelay(faults))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// stored tells the log, the metrics, the scheduler and whoever writes DSNs.
func (t *settler) stored(batch []settling, stale []model.RecipientKey) {
	t.waiting.Add(-int64(len(batch)))
	lost := make(map[model.RecipientKey]bool, len(stale))
	for _, key := range stale {
		lost[key] = true
		t.Metrics.Stale.Add(1)
		t.Log.Warn("outcome came too late: the recipient is no longer ours", "message", key.Message, "n", key.N)
	}
	waits, notices := false, false
	for i := range batch {
		o := &batch[i]
		if lost[o.Key] {
			continue
		}
		waits = waits || o.State == model.StateWaiting
		notices = notices || o.Notice != ""
		t.Metrics.count(o)
		t.line(o)
	}
	if waits {
		t.act(func(time.Time) {
			for i := range batch {
				if o := &batch[i]; o.State == model.StateWaiting && !lost[o.Key] {
					t.sched.Known(o.lane, o.Due)
				}
			}
		})
	}
	if notices {
		t.Noticed()
	}
}
