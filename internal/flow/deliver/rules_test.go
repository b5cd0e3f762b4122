package deliver

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/engine/outbound"
	"github.com/budkavle/budkavle/internal/engine/route"
	"github.com/budkavle/budkavle/internal/engine/schedule"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

func TestRetriesGrowAndEnd(t *testing.T) {
	accepted := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	random := 0.5
	s := New(Deps{Random: func() float64 { return random }}, Config{})
	m := &model.Message{AcceptedAt: accepted, ExpiresAt: accepted.Add(5 * 24 * time.Hour)}
	for attempts, want := range map[int]time.Duration{
		1: time.Minute, 2: 2 * time.Minute, 3: 4 * time.Minute, 6: 32 * time.Minute, 8: 128 * time.Minute, 9: 4 * time.Hour, 100: 4 * time.Hour,
	} {
		if due, ok := s.retryAt(m, attempts, accepted); !ok || due.Sub(accepted) != want {
			t.Errorf("after %d attempts: %v, %v, want %v", attempts, due.Sub(accepted), ok, want)
		}
	}
	for r, want := range map[float64]time.Duration{0: 48 * time.Second, 0.75: 66 * time.Second} {
		random = r
		if due, _ := s.retryAt(m, 1, accepted); due.Sub(accepted) != want {
			t.Errorf("random %v: %v, want %v", r, due.Sub(accepted), want)
		}
	}
	random = 0.5
	if due, ok := s.retryAt(m, 20, m.ExpiresAt.Add(-3*time.Hour)); !ok || !due.Equal(m.ExpiresAt.Add(-time.Minute)) {
		t.Errorf("the last chance is at %v, %v", due, ok)
	}
	if due, ok := s.retryAt(m, 20, m.ExpiresAt.Add(-90*time.Second)); ok {
		t.Errorf("tried again at %v, hardly before it expires", due)
	}
}

func TestMailThatIsNeverTakenExpiresWithANotice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.net.reply = func(string, outbound.Recipient) *smtp.Error { return smtp.Errorf(450, "4.2.1", "busy") }
		b.start()
		id := b.submit(model.Message{ExpiresAt: time.Now().Add(24 * time.Hour)}, "a@one.example")
		pass(25 * time.Hour)
		r := b.store.recipient(key(id, 0))
		if r.State != model.StateExpired || r.Attempts < 10 || r.Attempts > 16 {
			t.Errorf("%s after %d attempts", r.State, r.Attempts)
		}
		var kinds []model.NoticeKind
		for _, n := range b.store.notices {
			kinds = append(kinds, n.Kind)
		}
		if fmt.Sprint(kinds) != "[delayed failed]" {
			t.Errorf("notices %v", kinds)
		}
		if last := b.store.events[len(b.store.events)-1]; last.Kind != model.EventExpired || last.Data.Reason != "not delivered within 24h0m0s" {
			t.Errorf("last event %+v", last)
		}
		b.stop()
	})
}

func TestWhatExpiredWhileItWaitedIsNotDialled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.queue(1, model.ClassBulk, 3, "one.example")
		pass(25 * time.Hour)
		b.start()
		pass(time.Minute)
		if n := b.store.count(model.StateExpired); n != 3 || b.net.dials != 0 || len(b.store.notices) != 3 {
			t.Errorf("%d expired, %d dials, %d notices", n, b.net.dials, len(b.store.notices))
		}
		for k := range b.store.recipients {
			if r := b.store.recipient(k); r.Last.Enhanced != "5.4.7" || b.store.story(k) != "expired" {
				t.Errorf("%+v, story %s", r.Last, b.store.story(k))
			}
		}
		b.stop()
	})
}

func TestNoticesFollowNotify(t *testing.T) {
	begun := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := New(Deps{Random: func() float64 { return 0.5 }, IDs: ident.NewSource(nowhere{}, 1)}, Config{DelayNotice: 4 * time.Hour})
	for _, c := range []struct {
		name    string
		origin  model.Origin
		sender  string
		notify  model.Notify
		failed  model.NoticeKind
		delayed model.NoticeKind
		relayed model.NoticeKind
	}{
		{"nothing said", model.OriginSMTP, "a@b", 0, model.NoticeFailed, model.NoticeDelayed, ""},
		{"never", model.OriginSMTP, "a@b", model.NotifyNever, "", "", ""},
		{"failure", model.OriginSMTP, "a@b", model.NotifyFailure, model.NoticeFailed, "", ""},
		{"delay", model.OriginSMTP, "a@b", model.NotifyDelay, "", model.NoticeDelayed, ""},
		{"success", model.OriginSMTP, "a@b", model.NotifySuccess, "", "", model.NoticeRelayed},
		{"all", model.OriginSMTP, "a@b", model.NotifySuccess | model.NotifyFailure | model.NotifyDelay, model.NoticeFailed, model.NoticeDelayed, model.NoticeRelayed},
		{"a report", model.OriginSMTP, "", 0, "", "", ""},
		{"our own report", model.OriginSystem, "", model.NotifyFailure, "", "", ""},
		{"by HTTP", model.OriginHTTP, "a@b", 0, "", "", ""},
	} {
		a := &attempt{Service: s, body: &body{msg: &model.Message{Origin: c.origin, Sender: c.sender, AcceptedAt: begun}}}
		h := schedule.Handle{Notify: c.notify}
		if got := a.failureNotice(c.notify); got != c.failed {
			t.Errorf("%s, failure: %q, want %q", c.name, got, c.failed)
		}
		if got := a.delayNotice(&h, begun.Add(5*time.Hour)); got != c.delayed {
			t.Errorf("%s, delay: %q, want %q", c.name, got, c.delayed)
		}
		if got := a.delivered(h, outbound.Reply{Code: 250}, false).Notice; got != c.relayed {
			t.Errorf("%s, success: %q, want %q", c.name, got, c.relayed)
		}
		if got := a.delivered(h, outbound.Reply{Code: 250}, true).Notice; got != "" {
			t.Errorf("%s: %q, though the receiver will say so", c.name, got)
		}
		h.LastAt = begun.Add(4*time.Hour + time.Second)
		if early, again := a.delayNotice(&h, begun.Add(time.Hour)), a.delayNotice(&h, begun.Add(6*time.Hour)); early != "" || again != "" {
			t.Errorf("%s: told early %q, told again %q", c.name, early, again)
		}
	}
}

type nowhere struct{}

func (nowhere) Now() time.Time                       { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }
func (nowhere) NewTimer(d time.Duration) *time.Timer { return time.NewTimer(d) }

func TestTestModeAndNullSenderAndLaterDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.start()
		test := b.submit(model.Message{TestMode: true}, "a@one.example")
		report := b.submit(model.Message{Origin: model.OriginSystem}, "a@two.example")
		pass(time.Second)
		if ev := b.store.events[0]; b.store.story(key(test, 0)) != "delivered" || ev.Data.Code != 650 || b.net.received("a@one.example") != 0 {
			t.Errorf("test mode: %+v", ev)
		}
		if b.store.story(key(report, 0)) != "delivered" || b.net.mails[0].From != "" {
			t.Errorf("report went out from %q", b.net.mails[0].From)
		}
		b.queue(1, 0, 1, "later.example")
		for _, r := range b.store.recipients {
			if r.Domain == "later.example" {
				r.Due = time.Now().Add(time.Hour)
			}
		}
		b.QueueChanged()
		pass(59 * time.Minute)
		early := b.net.sent()
		pass(2 * time.Minute)
		if late := b.net.sent(); early != 1 || late != 2 {
			t.Errorf("%d sent before its time, %d after", early-1, late-1)
		}
		b.stop()
	})
}

func TestAMessageWithoutBytesIsBouncedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.queue(1, 0, 1, "one.example")
		clear(b.store.bodies)
		b.start()
		pass(time.Hour)
		for k := range b.store.recipients {
			if r := b.store.recipient(k); r.State != model.StateBounced || r.Last.Text == "" || b.store.story(k) != "bounced" || b.net.dials != 0 {
				t.Errorf("%+v, story %s, %d dials", r, b.store.story(k), b.net.dials)
			}
		}
		if len(b.store.notices) != 1 || b.store.notices[0].Kind != model.NoticeFailed {
			t.Errorf("notices %v", b.store.notices)
		}
		b.stop()
	})
}

func TestTooManyRecipientsGoOnInTheNextTransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.net.results = func(_ string, _ *outbound.Mail, r *outbound.Results) {
			for i := 2; i < len(r.Recipients); i++ { // RFC 5321 4.5.3.1.10
				e := smtp.Errorf(452, "4.5.3", "too many recipients")
				r.Recipients[i] = outbound.Result{Again: true, Err: &outbound.Error{Stage: outbound.StageRcpt, Err: e}}
			}
		}
		b.start()
		var to []string
		for i := range 7 {
			to = append(to, fmt.Sprintf("r%d@one.example", i))
		}
		b.submit(model.Message{}, to...)
		pass(10 * time.Second)
		if n := b.store.count(model.StateDelivered); n != 7 || len(b.net.mails) != 4 || b.net.dials != 1 {
			t.Errorf("%d delivered in %d transactions over %d sessions", n, len(b.net.mails), b.net.dials)
		}
		b.stop()
	})
}

func TestASiteThatSays421IsEased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		const bears = 2
		b.net.connect = func(tg outbound.Target) *outbound.Error {
			b.net.mu.Lock()
			defer b.net.mu.Unlock()
			if b.net.open[tg.Host] < bears {
				return nil
			}
			e := smtp.Errorf(421, "4.7.0", "too many connections")
			return &outbound.Error{Stage: outbound.StageGreeting, Err: e, Reply: outbound.Reply{Code: 421}, Closing: true}
		}
		b.net.takes = time.Second
		b.queue(1, 0, 150, "strict.example")
		b.start()
		pass(30 * time.Minute)
		if n := b.store.count(model.StateDelivered); n != 150 {
			t.Errorf("%d delivered", n)
		}
		if b.Metrics.ConnectFaults.Load() > 30 {
			t.Errorf("%d refused connections", b.Metrics.ConnectFaults.Load())
		}
		b.stop()
	})
}

func TestASessionCarriesItsNumberOfMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.net.plan = func(domain string) (*route.Plan, error) { return b.net.site(domain, "mx01.mail.icloud.com"), nil }
		stale := 0
		b.net.results = func(_ string, m *outbound.Mail, r *outbound.Results) {
			if stale++; stale == 3 { // the peer had closed an idle session
				r.Recipients[0] = outbound.Result{Err: &outbound.Error{Stage: outbound.StageMail, Stale: true, Lost: true, Err: smtp.Errorf(451, "4.4.2", "closed")}}
			}
		}
		b.start()
		for i := range 12 {
			b.submit(model.Message{}, fmt.Sprintf("r%d@icloud.example", i))
			pass(time.Second)
		}
		// 2, then the stale one again on a new session, which carries 5, then 5.
		if n := b.store.count(model.StateDelivered); n != 12 || b.net.dials != 3 {
			t.Errorf("%d delivered over %d sessions", n, b.net.dials)
		}
		for k := range b.store.recipients {
			if s := b.store.story(k); s != "delivered" {
				t.Errorf("story: %s", s)
			}
		}
		b.stop()
	})
}

func TestForgottenPlacesComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.start()
		b.submit(model.Message{}, "a@one.example")
		pass(time.Second)
		lane := model.Lane{Domain: "one.example", Account: 1}
		for range 1000 {
			lease, due, ok := b.Reserve(lane)
			if !ok {
				t.Fatal("places were lost")
			}
			b.Forget([]model.Recipient{{Lane: lane, State: model.StateLeased, Lease: lease, Due: due}, {Lane: lane, State: model.StateWaiting}})
		}
		if s := b.Snapshot(5); s.Resident != 0 {
			t.Errorf("%d resident", s.Resident)
		}
		b.stop()
	})
}

func TestForgottenLanesAreFoundAgainWithoutWaitingForTheSweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(c *Config) { c.Schedule.MaxLanes, c.Sweep = 20, 24*time.Hour })
		for i := range 300 {
			b.queue(model.AccountID(i%3+1), 0, 1, fmt.Sprintf("d%d.example", i))
		}
		b.start()
		pass(time.Minute)
		if n := b.store.count(model.StateDelivered); n != 300 || b.Metrics.Forgotten.Load() == 0 {
			t.Errorf("%d delivered, lanes forgotten %d times", n, b.Metrics.Forgotten.Load())
		}
		b.stop()
	})
}

func TestWhenPlacesAreShortIdleSessionsGiveWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(c *Config) { c.Schedule.MaxPlaces, c.IdleSession = 3, time.Hour })
		for i := range 60 {
			b.queue(1, 0, 2, fmt.Sprintf("d%d.example", i))
		}
		b.start()
		pass(time.Minute)
		if n := b.store.count(model.StateDelivered); n != 120 {
			t.Errorf("%d delivered", n)
		}
		if s := b.Snapshot(5); s.Places > 3 {
			t.Errorf("%d places taken", s.Places)
		}
		b.stop()
	})
}

func TestUnusedBodiesKeepAnEighth(t *testing.T) {
	m := newMemory()
	c := newBodies(m, 80<<10)
	for id := ident.ID(1); id <= 20; id++ {
		m.insert(model.Message{ID: id, Size: 3 << 10}, make([]byte, 3<<10), nil)
		e, err := c.get(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		c.done(e, 1)
	}
	if len(c.entries) != 2 || c.entries[19] == nil || c.entries[20] == nil || c.used != 8<<10 || c.idle != c.used {
		t.Errorf("%d entries, %d octets, %d of them unused; want the two last", len(c.entries), c.used, c.idle)
	}
	for id := ident.ID(30); id < 40; id++ {
		c.put(&model.Message{ID: id}, make([]byte, 1<<10), 0, 1)
	}
	if c.entries[30] == nil || c.entries[31] != nil || c.idle > c.keep {
		t.Errorf("%d octets unused after accepting more than fits", c.idle)
	}
}

func TestBodiesStayWithinTheirMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		c := newBodies(m, 10<<10)
		for id := range ident.ID(20) {
			m.insert(model.Message{ID: id + 1, Size: 3 << 10}, make([]byte, 3<<10), nil)
		}
		first, err := c.get(t.Context(), 1)
		second, err2 := c.get(t.Context(), 2)
		if err != nil || err2 != nil || c.used != 8<<10 {
			t.Fatalf("%v %v, %d used", err, err2, c.used)
		}
		third := make(chan *body)
		go func() { e, _ := c.get(t.Context(), 3); third <- e }()
		synctest.Wait()
		select {
		case <-third:
			t.Fatal("a third message found room")
		default:
		}
		c.done(first, 1)
		e := <-third
		if c.used != 8<<10 || string(e.raw) != strings.Repeat("\x00", 3<<10) {
			t.Errorf("%d used", c.used)
		}
		c.done(e, 1)
		c.done(second, 1)
		for id := range ident.ID(20) {
			e, err := c.get(t.Context(), id+1)
			if err != nil {
				t.Fatal(err)
			}
			c.done(e, 1)
		}
		if c.used > c.limit || len(c.entries) > 2 {
			t.Errorf("%d octets in %d entries", c.used, len(c.entries))
		}
		m.insert(model.Message{ID: 99, Size: 1 << 20}, make([]byte, 1<<20), nil)
		big, err := c.get(t.Context(), 99)
		if err != nil || len(c.entries) != 1 {
			t.Fatalf("a message larger than the limit: %v, %d entries", err, len(c.entries))
		}
		c.done(big, 1)
		if _, err := c.get(t.Context(), 1000); err == nil || c.entries[1000] != nil {
			t.Errorf("a message that is not there: %v", err)
		}
	})
}
