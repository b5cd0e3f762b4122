package deliver

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/budkavle/budkavle/internal/engine/outbound"
	"github.com/budkavle/budkavle/internal/engine/route"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// customers is a Relay in memory: the server of every account but the system's, with the mail's way by it or instead of it.
type customers struct {
	mu      sync.Mutex
	own     route.Own
	net     *internet
	day     model.Day
	sent    int
	taken   int
	over    model.Day // that is known to be used up
	failing bool
	failed  int
	reached int
	proved  bool
}

func (c *customers) Route(_ context.Context, account model.AccountID, domain string) (*route.Plan, error) {
	p := c.net.site(domain, "mx."+domain)
	if account == 0 {
		return p, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.own
	day := model.DayOf(time.Now())
	if c.over == day {
		o.Closed, o.Until = "the day is used up", (day + 1).Begin()
	} else if c.failing && o.Ours {
		o.Closed, o.Until = "it fails", time.Now().Add(15*time.Minute)
	}
	if o.Closed != "" && o.Ours {
		p.Instead, p.Expires = o.Closed, o.Until
		return p, nil
	}
	p = c.net.site(domain, o.Host)
	p.Site, p.Fixed, p.Own, p.Auth = "own:1:"+o.Host+":587", true, &o, o.Auth
	return p, nil
}

func (c *customers) Take(_ context.Context, o *route.Own, n int) (model.Day, int, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	day := model.DayOf(time.Now())
	if c.day != day {
		c.day, c.sent = day, 0
	}
	granted := n
	if o.Limits.PerDay > 0 {
		granted = min(n, o.Limits.PerDay-c.sent)
	}
	c.sent += granted
	c.taken += granted
	over := granted < n && c.taken == 0
	if over {
		c.over = day
	}
	return day, granted, over, nil
}

func (c *customers) Return(_ context.Context, _ *route.Own, _ model.Day, taken, unused int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent -= unused
	c.taken -= taken
}

func (c *customers) Failed(context.Context, *route.Own, *outbound.Error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed++
	if c.failed >= 3 && !c.failing {
		c.failing = true
		return c.own.Ours
	}
	return false
}

func (c *customers) Reached(context.Context, *route.Own) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reached++
	c.failing = false
}

func (c *customers) Proved(context.Context, *model.Message) (bool, error) { return c.proved, nil }

// owning gives every account of the bench this server.
func (b *bench) owning(o route.Own) *customers {
	o.Host, o.Account = "smtp.customer.example", 1
	c := &customers{own: o, net: b.net}
	b.Router, b.Relay = c, c
	return c
}

func TestOwnServersGetTheCustomersEnvelope(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		c := b.owning(route.Own{Auth: &route.Auth{Username: "u", Password: "p"}})
		b.net.connect = func(t outbound.Target) *outbound.Error {
			if t.Host == c.own.Host && (t.Auth == nil || t.Auth.Password != "p") {
				return &outbound.Error{Stage: outbound.StageAuth, Err: smtp.Errorf(535, "5.7.8", "no")}
			}
			return nil
		}
		b.queue(1, model.ClassTransactional, 3, "one.example")
		b.submit(model.Message{Account: 1, Origin: model.OriginSystem, Sender: ""}, "told@two.example")
		b.start()
		pass(time.Minute)
		b.stop()
		byOwn := 0
		for _, m := range b.net.mails {
			switch m.From {
			case "s@school.example":
				byOwn++
			case "":
				if m.Recipients[0].Address != "told@two.example" {
					t.Errorf("%+v lost its sender", m.Recipients)
				}
			default:
				t.Errorf("envelope sender %s", m.From)
			}
		}
		if byOwn != 3 || c.reached != 3 {
			t.Errorf("%d of 3 by the own server, which was reached %d times", byOwn, c.reached)
		}
	})
}

// TestADayOfAnOwnServerIsNotExceeded: what is over the day's recipients waits for midnight UTC, says why, and is not lost.
func TestADayOfAnOwnServerIsNotExceeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.owning(route.Own{Limits: model.RouteLimits{PerDay: 40, PerMinute: 30, Connections: 2}})
		const all = 100
		b.queue(1, model.ClassTransactional, all, "one.example")
		for _, m := range b.store.messages { // the third day is after they would have expired
			m.ExpiresAt = time.Now().Add(4 * 24 * time.Hour)
			b.store.messages[m.ID] = m
		}
		b.start()
		for minute := range 10 {
			before := b.store.count(model.StateDelivered)
			pass(time.Minute)
			if n := b.store.count(model.StateDelivered) - before; n > 30 {
				t.Errorf("%d in minute %d", n, minute)
			}
		}
		b.mu.Lock()
		held := b.sched.Held(1)
		b.mu.Unlock()
		if len(held) != 1 || held[0].Reason != "the day is used up" || !held[0].Until.Equal((model.DayOf(time.Now()) + 1).Begin()) {
			t.Errorf("held %+v", held)
		}
		for day, want := range []int{40, 80, 100} { // a test begins at midnight UTC
			if n := b.store.count(model.StateDelivered); n != want {
				t.Errorf("after day %d: %d delivered, want %d", day+1, n, want)
			}
			b.store.locked(func() {
				now := time.Now()
				for key, r := range b.store.recipients {
					// What was put off while others might have given room back is due, and waits with its path.
					early := r.Due.After(now) && r.Due.Before((model.DayOf(now) + 1).Begin())
					if r.State == model.StateWaiting && (early || r.Due.After(now) && !strings.Contains(r.Last.Text, "the day is used up")) {
						t.Errorf("%v waits at %s until %s: %q", key, now, r.Due, r.Last.Text)
					}
				}
			})
			pass(24 * time.Hour)
		}
		b.stop()
		if b.net.most["smtp.customer.example"] > 2 {
			t.Errorf("%d connections", b.net.most["smtp.customer.example"])
		}
		if got, doubled := b.net.total(); got != all || doubled != 0 {
			t.Errorf("%d arrived, %d twice", got, doubled)
		}
	})
}

// TestMailTakesOurWayIfItMay: while the customer's server fails or has no room, proved domains are delivered by us and others wait.
func TestMailTakesOurWayIfItMay(t *testing.T) {
	for _, tt := range []struct {
		name   string
		own    route.Own
		down   bool
		proved bool
		theirs int
		ours   int
	}{
		{"over the day, held", route.Own{Limits: model.RouteLimits{PerDay: 5}}, false, true, 5, 0},
		{"over the day, proved", route.Own{Ours: true, Limits: model.RouteLimits{PerDay: 5}}, false, true, 5, 15},
		{"over the day, not proved", route.Own{Ours: true, Limits: model.RouteLimits{PerDay: 5}}, false, false, 5, 0},
		{"refused, held", route.Own{}, true, true, 0, 0},
		{"refused, proved", route.Own{Ours: true}, true, true, 0, 20},
		{"refused, not proved", route.Own{Ours: true}, true, false, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, nil)
				c := b.owning(tt.own)
				c.proved = tt.proved
				b.net.connect = func(t outbound.Target) *outbound.Error {
					if tt.down && t.Host == c.own.Host {
						return &outbound.Error{Stage: outbound.StageAuth, Reply: outbound.Reply{Code: 535}, Err: &smtp.Error{Code: 535, Enhanced: "5.7.8", Text: "wrong password", Class: smtp.Temporary}}
					}
					return nil
				}
				b.queue(1, model.ClassTransactional, 20, "one.example")
				b.start()
				pass(2 * time.Hour)
				b.stop()
				theirs, ours := 0, 0
				for _, m := range b.net.mails {
					if m.From == "s@school.example" {
						theirs++
					} else {
						ours++
					}
				}
				if theirs != tt.theirs || ours != tt.ours {
					t.Errorf("%d by the customer's server, %d by us; want %d and %d: %s", theirs, ours, tt.theirs, tt.ours, waits(b))
				}
				if n := b.store.count(model.StateWaiting); n != 20-theirs-ours {
					t.Errorf("%d wait", n)
				}
			})
		})
	}
}

// TestPasswordsStayOutOfReplies that repeat them.
func TestPasswordsStayOutOfReplies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.owning(route.Own{Auth: &route.Auth{Username: "u", Password: "s3cret"}})
		b.net.connect = func(outbound.Target) *outbound.Error {
			return &outbound.Error{
				Stage: outbound.StageAuth, Reply: outbound.Reply{Code: 535, Text: "s3cret is wrong"}, Transcript: "S: 535 s3cret is wrong",
				Err: &smtp.Error{Code: 535, Text: "said: s3cret is wrong"},
			}
		}
		b.queue(1, model.ClassTransactional, 1, "one.example")
		b.start()
		pass(time.Minute)
		b.stop()
		kept := fmt.Sprintf("%+v", b.store.events)
		for _, r := range b.store.recipients {
			kept += fmt.Sprintf("%+v", *r)
		}
		for _, ev := range b.store.events {
			kept += fmt.Sprintf("%+v", ev.Data.Reply)
		}
		if strings.Contains(kept, "s3cret") || !strings.Contains(kept, "*** is wrong") {
			t.Error(kept)
		}
	})
}

// waits says why mail waits.
func waits(b *bench) string {
	why := map[string]int{}
	for _, r := range b.store.recipients {
		if r.State == model.StateWaiting {
			why[r.Last.Text]++
		}
	}
	return fmt.Sprint(why)
}
