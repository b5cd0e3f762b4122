package deliver

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/budkavle/budkavle/internal/engine/outbound"
	"github.com/budkavle/budkavle/internal/engine/route"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

func TestAMessageIsDeliveredAndItsStoryTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.start()
		id := b.submit(model.Message{}, "anna@one.example")
		pass(time.Second)
		r := b.store.recipient(key(id, 0))
		if r.State != model.StateDelivered || r.Attempts != 1 || r.Last.Host != "mx.one.example" || r.Last.Addr != "127.0.0.1:25" || r.Last.Code != 250 {
			t.Errorf("recipient: %+v", r)
		}
		if got := b.store.story(key(id, 0)); got != "delivered" {
			t.Errorf("story: %s", got)
		}
		ev := b.store.events[0]
		if ev.Data.Reply.Transcript != "" || ev.Data.Delays.Send != 50*time.Millisecond || ev.Data.Delays.Connect != 10*time.Millisecond {
			t.Errorf("event: %+v, delays %+v", ev.Data, ev.Data.Delays)
		}
		if o := b.net.mails[0].Recipients[0].ORcpt; o != "" {
			t.Errorf("ORCPT=%s, though the return path says who it is", o)
		}
		if from := b.net.mails[0].From; from != "b0-false@bounce.example.org" {
			t.Errorf("return path %q", from)
		}
		b.submit(model.Message{Meta: model.Meta{ReturnDomain: "bounce.school.example"}}, "next@one.example")
		pass(time.Second)
		if from := b.net.mails[1].From; from != "b0-false@bounce.school.example" {
			t.Errorf("return path of a domain that has its own %q", from)
		}
		b.stop()
	})
}

func TestAKnownPathNeedsNoClaimAndReusesTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.start()
		b.submit(model.Message{}, "first@one.example")
		pass(time.Second)
		claims := b.store.claims
		for range 20 {
			b.submit(model.Message{}, "next@one.example")
			pass(100 * time.Millisecond)
		}
		if b.store.claims != claims || b.net.dials != 1 || b.net.received("next@one.example") != 20 || b.store.fetched != 0 {
			t.Errorf("%d claims more, %d dials, %d received, %d bodies read", b.store.claims-claims, b.net.dials, b.net.received("next@one.example"), b.store.fetched)
		}
		pass(5 * time.Second)
		if n := b.Metrics.Sessions.Load(); n != 0 {
			t.Errorf("%d sessions open after idling", n)
		}
		b.stop()
	})
}

func TestRepliesBecomeOutcomes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.net.reply = func(_ string, r outbound.Recipient) *smtp.Error {
			switch {
			case strings.HasPrefix(r.Address, "unknown"):
				return smtp.Errorf(550, "5.1.1", "no such user")
			case strings.HasPrefix(r.Address, "grey") && len(b.net.mails) < 2:
				return smtp.Errorf(451, "4.7.1", "come back later")
			}
			return nil
		}
		b.net.takes = 0
		b.start()
		id := b.submit(model.Message{}, "unknown@one.example", "grey+list@one.example", "good@one.example")
		pass(10 * time.Second)
		if from := b.net.mails[0].From; from != "b0-true@bounce.example.org" || len(b.net.mails) != 1 {
			t.Errorf("one transaction for three recipients wanted, got %d, from %q", len(b.net.mails), from)
		}
		if o := b.net.mails[0].Recipients[1].ORcpt; o != "rfc822;grey+2Blist@one.example" {
			t.Errorf("ORCPT=%s, want the recipient named", o)
		}
		grey := b.store.recipient(key(id, 1))
		if grey.State != model.StateWaiting || time.Until(grey.Due).Round(time.Second) != 50*time.Second {
			t.Errorf("greylisted: %+v", grey)
		}
		pass(2 * time.Minute)
		for n, want := range []string{"bounced", "deferred delivered", "delivered"} {
			if got := b.store.story(key(id, n)); got != want {
				t.Errorf("recipient %d: %s, want %s", n, got, want)
			}
		}
		if len(b.store.notices) != 1 || b.store.notices[0].Kind != model.NoticeFailed || b.noticed != 1 {
			t.Errorf("notices %v, told %d times", b.store.notices, b.noticed)
		}
		if last := b.store.recipient(key(id, 1)); last.Attempts != 2 {
			t.Errorf("attempts %d", last.Attempts)
		}
		b.stop()
	})
}

func TestTheNextHostIsTriedAndTheFailureOfAllDefers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.net.plan = func(domain string) (*route.Plan, error) { return b.net.site(domain, "mx1."+domain, "mx2."+domain), nil }
		b.net.connect = func(tg outbound.Target) *outbound.Error {
			if tg.Host == "mx2.half.example" {
				return nil
			}
			return &outbound.Error{Stage: outbound.StageConnect, Err: smtp.Errorf(451, "4.4.1", "connection refused"), Transcript: "-- refused"}
		}
		b.start()
		half := b.submit(model.Message{}, "a@half.example")
		none := b.submit(model.Message{}, "a@none.example")
		pass(time.Second)
		if r := b.store.recipient(key(half, 0)); r.State != model.StateDelivered || r.Last.Host != "mx2.half.example" {
			t.Errorf("half: %+v", r)
		}
		r := b.store.recipient(key(none, 0))
		if r.State != model.StateWaiting || r.Last.Text != "connection refused" || r.Last.Transcript != "-- refused" || r.Last.Host != "mx1.none.example" {
			t.Errorf("none: %+v", r)
		}
		b.stop()
	})
}

func TestADeadSiteRestsAndItsMailGoesBackUntried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		down := true
		b.net.connect = func(outbound.Target) *outbound.Error {
			b.net.mu.Lock()
			defer b.net.mu.Unlock()
			if down {
				return &outbound.Error{Stage: outbound.StageConnect, Err: smtp.Errorf(451, "4.4.1", "refused")}
			}
			return nil
		}
		b.queue(1, model.ClassTransactional, 100, "dead.example")
		b.start()
		pass(30 * time.Second)
		if b.net.dials > 10 || b.store.count(model.StateLeased) != 0 {
			t.Errorf("%d dials to a dead site, %d recipients still held", b.net.dials, b.store.count(model.StateLeased))
		}
		snap := b.Snapshot(10)
		if len(snap.Paths) != 1 || snap.Paths[0].HeldBy != "dead" || !strings.Contains(snap.Paths[0].Reason, "refused") {
			t.Errorf("snapshot: %+v", snap)
		}
		b.net.locked(func() { down = false })
		pass(10 * time.Minute)
		if n := b.store.count(model.StateDelivered); n != 100 {
			t.Errorf("%d delivered after the site came back", n)
		}
		if _, doubled := b.net.total(); doubled != 0 {
			t.Errorf("%d doubled", doubled)
		}
		b.stop()
	})
}

func TestRouteFaultsSettleWithoutADial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.net.plan = func(domain string) (*route.Plan, error) {
			if domain == "nx.example" {
				return nil, smtp.Errorf(550, "5.1.2", "the domain nx.example does not exist")
			}
			return nil, smtp.Errorf(451, "4.4.3", "the name servers of %s do not answer", domain)
		}
		b.start()
		nx := b.submit(model.Message{}, "a@nx.example")
		fail := b.submit(model.Message{}, "a@servfail.example")
		test := b.submit(model.Message{TestMode: true}, "a@nx.example")
		pass(10 * time.Second)
		if r := b.store.recipient(key(nx, 0)); r.State != model.StateBounced || r.Last.Text != "the domain nx.example does not exist" || r.Last.Enhanced != "5.1.2" {
			t.Errorf("nx: %+v", r)
		}
		if r := b.store.recipient(key(fail, 0)); r.State != model.StateWaiting || r.Attempts != 1 {
			t.Errorf("servfail: %+v", r)
		}
		if r := b.store.recipient(key(test, 0)); r.State != model.StateDelivered {
			t.Errorf("test mode: %+v", r)
		}
		if b.net.dials != 0 {
			t.Errorf("%d dials", b.net.dials)
		}
		b.stop()
	})
}

func TestAnotherAccountsMailIsDelayedByASlotOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.net.takes = 500 * time.Millisecond
		b.queue(1, model.ClassTransactional, 3000, "big.example")
		b.start()
		pass(20 * time.Second)
		begun := time.Now()
		b.submit(model.Message{Account: 2}, "single@big.example")
		for b.net.received("single@big.example") == 0 {
			pass(10 * time.Millisecond)
		}
		if d := time.Since(begun); d > 1100*time.Millisecond {
			t.Errorf("a single message took %v behind another account's 3000", d)
		}
		if n := b.store.count(model.StateDelivered); n > 1000 {
			t.Errorf("%d delivered already: no queue to stand behind", n)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := b.Stop(ctx); err != nil {
			t.Error(err)
		}
		if n := b.store.count(model.StateLeased); n != 0 {
			t.Errorf("%d recipients leased after Stop", n)
		}
		if len(b.store.leases) != 0 {
			t.Errorf("leases left: %v", b.store.leases)
		}
	})
}

func TestTheStoresOutageLosesAndDoublesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.start()
		for i := range 200 {
			b.submit(model.Message{}, fmt.Sprintf("u%d@d%d.example", i, i%7))
			pass(5 * time.Millisecond)
			if i == 100 {
				b.store.locked(func() { b.store.fault = errStore })
			}
		}
		pass(time.Minute)
		b.store.locked(func() { b.store.fault = nil })
		pass(5 * time.Minute)
		if n := b.store.count(model.StateDelivered); n != 200 {
			t.Errorf("%d delivered of 200", n)
		}
		if all, doubled := b.net.total(); all != 200 || doubled != 0 {
			t.Errorf("%d received, %d doubled", all, doubled)
		}
		if b.Metrics.StoreFaults.Load() == 0 {
			t.Error("no fault was seen")
		}
		b.stop()
	})
}

func TestAHeldAccountWaitsAndGoesOnWhenLetGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		set := func(st model.AccountState) {
			b.store.locked(func() {
				a := b.store.accounts[1]
				a.State, a.Reason = st, "spam trap"
				b.store.accounts[1] = a
			})
			b.DirectoryChanged()
		}
		b.net.takes = time.Second
		b.start()
		b.queue(1, model.ClassBulk, 200, "one.example")
		b.QueueChanged()
		pass(3500 * time.Millisecond)
		set(model.AccountSuspended)
		pass(3 * time.Second)
		before := b.store.count(model.StateDelivered)
		pass(10 * time.Minute)
		if n := b.store.count(model.StateDelivered); n != before || n == 200 || b.store.count(model.StateLeased) != 0 {
			t.Errorf("%d delivered while suspended, %d before; %d leased", n, before, b.store.count(model.StateLeased))
		}
		if s := b.Snapshot(1); s.Parked != 1 {
			t.Errorf("snapshot: %+v", s)
		}
		set(model.AccountActive)
		pass(10 * time.Minute)
		if n := b.store.count(model.StateDelivered); n != 200 {
			t.Errorf("%d delivered", n)
		}
		b.stop()
	})
}

func TestDeadLeasesAreRecovered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.queue(1, model.ClassTransactional, 30, "one.example")
		lease, _ := b.store.OpenLease(t.Context(), "n1", time.Now(), time.Now())
		for _, r := range b.store.recipients {
			r.State, r.Lease, r.Attempts = model.StateLeased, lease, 1
		}
		b.start()
		pass(time.Minute)
		if n := b.store.count(model.StateDelivered); n != 30 || len(b.store.leases) != 1 {
			t.Errorf("%d delivered, leases %v", n, b.store.leases)
		}
		b.stop()
	})
}

func TestALostLeaseIsReplacedAndItsMailLeftToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.net.takes = 10 * time.Minute
		b.queue(1, model.ClassTransactional, 50, "one.example")
		b.start()
		pass(10 * time.Second)
		old := b.lease.Load()
		_, _ = b.store.RecoverLeases(t.Context(), old, time.Now().Add(time.Hour), 1000)
		_ = b.store.CloseLease(t.Context(), old)
		pass(time.Minute)
		if b.lease.Load() == old {
			t.Fatal("the lease is the old one")
		}
		pass(15 * time.Minute)
		if b.Metrics.Stale.Load() == 0 || b.store.count(model.StateDelivered) != 0 {
			t.Errorf("%d outcomes stale, %d delivered", b.Metrics.Stale.Load(), b.store.count(model.StateDelivered))
		}
		b.net.locked(func() { b.net.takes = 0 })
		pass(2 * time.Hour)
		if n := b.store.count(model.StateDelivered); n != 50 {
			t.Errorf("%d delivered", n)
		}
		b.stop()
	})
}

func TestStopLetsSessionsFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.net.takes = 10 * time.Second
		b.start()
		id := b.submit(model.Message{}, "slow@one.example")
		pass(time.Second)
		b.stop()
		if r := b.store.recipient(key(id, 0)); r.State != model.StateDelivered {
			t.Errorf("%+v", r)
		}
		if _, _, ok := b.Reserve(model.Lane{Domain: "one.example", Account: 1}); ok {
			t.Error("a place was promised after Stop")
		}
	})
}

func TestStopCutsSessionsThatDoNotFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.net.takes = time.Hour
		b.start()
		id := b.submit(model.Message{}, "slow@one.example")
		pass(time.Second)
		b.stop()
		if r := b.store.recipient(key(id, 0)); r.State != model.StateWaiting || len(b.store.leases) != 0 {
			t.Errorf("%+v, leases %v", r, b.store.leases)
		}
	})
}
