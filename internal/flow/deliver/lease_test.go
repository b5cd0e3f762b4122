package deliver

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/budkavle/budkavle/internal/model"
)

// While nobody says whose the mail is, another node may be sending it.
func TestNothingIsBegunUnderALeaseThatRanOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.net.takes = 30 * time.Second
		b.queue(1, model.ClassTransactional, 200, "one.example")
		b.start()
		pass(10 * time.Second)
		b.store.locked(func() { b.store.fault = errStore })
		pass(2 * time.Minute) // the lease lasts one
		begun := b.net.sent()
		pass(10 * time.Minute)
		if n := b.net.sent(); n != begun || begun == 0 {
			t.Errorf("%d transactions when the lease ran out, %d ten minutes later", begun, n)
		}
		if _, _, ok := b.Reserve(model.Lane{Domain: "one.example", Account: 1}); ok {
			t.Error("a place was promised under a lease that ran out")
		}
		b.store.locked(func() { b.store.fault = nil })
		pass(30 * time.Minute)
		if _, doubled := b.net.total(); doubled != 0 || b.store.count(model.StateDelivered) != 200 {
			t.Errorf("%d delivered, %d doubled", b.store.count(model.StateDelivered), doubled)
		}
		b.stop()
	})
}

// A store that is gone must not keep the node from stopping: the lease stays, and the next process finds what hangs on it.
func TestStopEndsThoughTheStoreIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.queue(1, model.ClassTransactional, 200, "one.example")
		b.start()
		pass(100 * time.Millisecond)
		b.store.locked(func() { b.store.fault = errStore })
		pass(time.Minute) // more outcomes than the settler takes
		begun := time.Now()
		b.stop() // which allows a minute
		if d := time.Since(begun); d > time.Minute+2*grace {
			t.Errorf("Stop took %v", d)
		}
		if b.store.count(model.StateLeased) == 0 || len(b.store.leases) != 1 {
			t.Errorf("%d recipients leased, leases %v", b.store.count(model.StateLeased), b.store.leases)
		}
	})
}

// Two nodes that were given one name by mistake must not take each other's mail for ever.
func TestTwoNodesOfOneNameComeToRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := newBench(t, nil), newBench(t, nil)
		second.Store = first.store
		second.store = first.store
		first.start()
		pass(time.Second)
		second.start() // takes the first for an earlier process of its own
		pass(5 * time.Minute)
		one, two := first.lease.Load(), second.lease.Load()
		pass(time.Hour)
		if first.lease.Load() != one || second.lease.Load() != two || one == two || len(first.store.leases) != 2 {
			t.Errorf("leases %d and %d, then %d and %d; %v", one, two, first.lease.Load(), second.lease.Load(), first.store.leases)
		}
		first.stop()
		second.stop()
	})
}
