package deliver

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/budkavle/budkavle/internal/engine/outbound"
	"github.com/budkavle/budkavle/internal/engine/shaping"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// off is a rule that leaves every answer to the scheduler, as if there were no others.
const off = "[[answer]]\nname = \"off\"\ncode = [4, 5]\n"

// strict is a provider that takes so many recipients in any second, and answers the others with a reply.
type strict struct {
	limit   int
	fault   func() *smtp.Error
	took    []time.Time
	refused int
}

func (s *strict) reply(string, outbound.Recipient) *smtp.Error {
	now := time.Now()
	for len(s.took) > 0 && now.Sub(s.took[0]) >= time.Second {
		s.took = s.took[1:]
	}
	if len(s.took) >= s.limit {
		s.refused++
		return s.fault()
	}
	s.took = append(s.took, now)
	return nil
}

// TestARateThatAProviderNamesIsFound sends to a provider that takes 20 recipients a second and defers the rest, with the
// rules and without, and counts what is deferred.
func TestARateThatAProviderNamesIsFound(t *testing.T) {
	const mails = 500
	run := func(rules string) (deferred int, took time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, nil)
			b.shape(rules)
			p := &strict{limit: 20, fault: func() *smtp.Error {
				return smtp.Errorf(451, "4.7.28", "Unusual rate of mail originating from your address, slow down")
			}}
			b.net.reply = p.reply
			b.queue(1, model.ClassBulk, mails, "one.example")
			begun := time.Now()
			b.start()
			for b.store.count(model.StateDelivered) < mails && time.Since(begun) < 12*time.Hour {
				pass(time.Second)
			}
			if n := b.store.count(model.StateDelivered); n != mails {
				t.Errorf("%d of %d delivered", n, mails)
			}
			deferred, took = p.refused, time.Since(begun)
			b.stop()
		})
		return deferred, took
	}
	without, long := run(off)
	with, took := run("")
	t.Logf("%d mails at 20 a second: %d deferred in %v; without rules about answers %d in %v", mails, with, took, without, long)
	if with*5 > without || took > 15*time.Minute {
		t.Errorf("%d deferred with the rules, %d without", with, without)
	}
}

// TestOneListedAddressLeavesItsPool has a provider refuse one of two addresses: its mail goes from the other, and nothing
// bounces that the other can deliver.
func TestOneListedAddressLeavesItsPool(t *testing.T) {
	one, two := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	run := func(rules string) (refused, bounced int, moved time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, func(c *Config) { c.Sources = []Source{{Addr: one}, {Addr: two}} })
			b.shape(rules)
			var last time.Time
			b.net.results = func(host string, m *outbound.Mail, r *outbound.Results) {
				if host == "mx.one.example" && b.net.from[len(b.net.from)-1] == one {
					last = time.Now()
					for i := range r.Recipients {
						refused++
						fault := smtp.Errorf(550, "5.7.1", "Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org")
						reply := outbound.Reply{Code: fault.Code, Enhanced: fault.Enhanced, Text: fault.Text}
						r.Recipients[i] = outbound.Result{Err: &outbound.Error{Stage: outbound.StageRcpt, Err: fault, Reply: reply}, Reply: reply}
					}
				}
			}
			begun := time.Now()
			for account := range model.AccountID(4) { // each has an address of its own by habit
				b.queue(account+1, model.ClassTransactional, 250, "one.example")
			}
			b.start()
			pass(30 * time.Minute)
			moved, bounced = last.Sub(begun), b.store.count(model.StateBounced)
			if n := b.store.count(model.StateDelivered); n+bounced != 1000 {
				t.Errorf("%d delivered, %d bounced", n, bounced)
			}
			if rules == "" {
				b.submit(model.Message{Account: 1}, "again@one.example")
				b.submit(model.Message{Account: 2}, "again@one.example")
				b.submit(model.Message{Account: 1}, "a@two.example")
				b.submit(model.Message{Account: 2}, "a@two.example")
				pass(time.Minute)
				if n := b.store.count(model.StateDelivered); n != 1004 { // for another provider the listed one is as good as before
					t.Errorf("%d delivered in the end", n)
				}
			}
			b.stop()
		})
		return refused, bounced, moved
	}
	refused, bounced, moved := run("")
	before, lost, never := run(off)
	t.Logf("of 1000 mails %d refused, %d of them lost, the last after %v; without rules about answers %d, %d, %v", refused, bounced, moved, before, lost, never)
	if refused > 30 || bounced > 0 || moved > 10*time.Second || before < 400 {
		t.Errorf("%d refused, %d bounced, the last after %v; %d without rules", refused, bounced, moved, before)
	}
}

func TestAPauseIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.shape("[[answer]]\nname = \"tss\"\ntext = [\"tss04\"]\npause = \"2h\"\n")
		says := saying(421, "4.7.0", "[TSS04] Messages temporarily deferred")
		b.net.reply = says
		b.start()
		id := b.submit(model.Message{}, "a@one.example")
		pass(time.Second)
		var ev model.Event
		b.store.locked(func() { ev = b.store.events[len(b.store.events)-1] })
		if ev.Kind != model.EventDeferred || ev.Data.Shaping != "tss (shaping.toml:1)" {
			t.Errorf("%+v", ev)
		}
		other := b.submit(model.Message{}, "b@one.example")
		pass(10 * time.Minute)
		if n := b.net.sent(); n != 1 {
			t.Errorf("%d transactions during the pause", n)
		}
		if r := b.store.recipient(key(other, 0)); r.State != model.StateWaiting {
			t.Errorf("%+v", r)
		}
		p := b.store.told()[0]
		if p.HeldBy != "rule" || p.Reason != "tss (shaping.toml:1): 421 4.7.0 [TSS04] Messages temporarily deferred" || p.Until.IsZero() {
			t.Errorf("told %+v", p)
		}

		// A process that comes after keeps the pause.
		b.stop()
		if left := b.store.told(); len(left) != 1 || left[0].HeldBy != "" || left[0].Force == nil {
			t.Errorf("left %+v", left)
		}
		next := newBench(t, nil)
		next.shape("[[answer]]\nname = \"tss\"\ntext = [\"tss04\"]\npause = \"2h\"\n")
		next.Service.Store, next.store, next.net = b.store, b.store, b.net
		next.Router, next.Connector, next.bodies.store = b.net, b.net, b.store
		b.net.locked(func() { b.net.reply = nil })
		next.start()
		pass(time.Hour)
		if n := b.net.sent(); n != 1 {
			t.Errorf("%d transactions during the pause, after a new start", n)
		}
		pass(time.Hour)
		if n := b.store.count(model.StateDelivered); n != 2 {
			t.Errorf("%d delivered after the pause: %s", n, b.store.story(key(id, 0)))
		}
		next.stop()
	})
}

func TestConnectionsAMinuteAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.shape("[[rule]]\nname = \"shy\"\nconnections_per_minute = 6\nmessages_per_connection = 2\nrecipients_per_message = 1\n")
		b.queue(1, model.ClassTransactional, 80, "one.example")
		b.start()
		for minute := range 5 {
			before := b.net.dialled()
			pass(time.Minute)
			if n := b.net.dialled() - before; n > 6 || n < 5 {
				t.Errorf("%d connections in minute %d", n, minute)
			}
		}
		if n := b.store.count(model.StateDelivered); n < 52 {
			t.Errorf("%d delivered", n)
		}
		p := b.store.told()[0]
		if p.HeldBy != "dials" || p.Rule != "shy (shaping.toml:3)" {
			t.Errorf("told %+v", p)
		}
		b.stop()
	})
}

// TestWhatIsInForceClimbsWithoutMail checks that the scheduler is told of each step, and the store of the end.
func TestWhatIsInForceClimbsWithoutMail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.shape("[[answer]]\nname = \"slow\"\ncode = [451]\nper_minute = 6\nfor = \"5m\"\n")
		b.net.reply = func(_ string, r outbound.Recipient) *smtp.Error {
			if strings.HasPrefix(r.Address, "first") {
				return smtp.Errorf(451, "4.7.1", "no")
			}
			return nil
		}
		b.start()
		b.submit(model.Message{ExpiresAt: time.Now().Add(30 * time.Second)}, "first@one.example")
		pass(time.Second)
		b.queue(1, model.ClassBulk, 100, "one.example")
		b.QueueChanged()
		pass(4 * time.Minute)
		if n := b.store.count(model.StateDelivered); n < 22 || n > 26 {
			t.Errorf("%d delivered in four minutes at 6 a minute", n)
		}
		var f shaping.Force
		if err := json.Unmarshal(b.store.told()[0].Force, &f); err != nil || f.Rule.Rule != "slow" || f.RateNow(time.Now()) > 0.101 {
			t.Errorf("told %s, %v", b.store.told()[0].Force, err)
		}
		pass(3 * time.Minute)
		if n := b.store.count(model.StateDelivered); n != 100 {
			t.Errorf("%d delivered after a period without complaint", n)
		}
		pass(30 * time.Minute)
		if told := b.store.told(); len(told) != 0 {
			t.Errorf("told %+v", told)
		}
		b.stop()
	})
}
