package deliver

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/budkavle/budkavle/internal/model"
)

// A path that lacks a token is woken when there is one: no sooner, and without an event from elsewhere.
func TestARateIsKeptAndUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.shape("[[rule]]\nname = \"slow\"\nconnections = 5\nrecipients_per_message = 1\nper_second = 2\n")
		b.queue(1, model.ClassTransactional, 120, "slow.example")
		b.start()
		for range 6 {
			before := b.net.sent()
			pass(10 * time.Second)
			if n := b.net.sent() - before; n < 19 || n > 21 {
				t.Errorf("%d recipients in ten seconds, want 20", n)
			}
		}
		b.stop()
	})
}

// While transactional mail never ends, bulk mail of the same site goes on, at the share of its weight.
func TestBulkIsNotStarved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.shape("[[rule]]\nname = \"slow\"\nconnections = 2\nrecipients_per_message = 1\nper_second = 10\n")
		b.queue(1, model.ClassTransactional, 2000, "one.example")
		b.queue(2, model.ClassBulk, 2000, "one.example")
		b.start()
		pass(100 * time.Second)
		bulk := 0
		for _, r := range b.store.recipients {
			if got := b.store.recipient(r.RecipientKey); got.State == model.StateDelivered && got.Class == model.ClassBulk {
				bulk++
			}
		}
		if all := b.net.sent(); bulk < all/6 || bulk > all/4 || all < 900 {
			t.Errorf("%d of %d were bulk, want a fifth", bulk, all)
		}
		b.stop()
	})
}
