package deliver

import (
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

// A site that does not answer is tried with one message at a time. The others must not pay for it: each sender hears
// of the delay, and of the end, about when a single message would have been told of.
func TestMailThatWaitsForADeadSiteIsToldOfAndExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.net.connect = func(outbound.Target) *outbound.Error {
			return &outbound.Error{Stage: outbound.StageConnect, Err: smtp.Errorf(451, "4.4.1", "refused")}
		}
		const messages = 100
		b.queue(1, model.ClassTransactional, messages, "dead.example") // 24 hours each
		b.start()
		pass(20 * time.Minute)
		for k := range b.store.recipients {
			r := b.store.recipient(k)
			if !strings.Contains(r.Last.Text, "refused") || !strings.HasPrefix(b.store.story(k), "deferred") {
				t.Fatalf("after 20 minutes: %+v, story %s", r.Last, b.store.story(k))
			}
			if r.Attempts > 0 == strings.Contains(r.Last.Text, "not tried") {
				t.Errorf("%d attempts, but %q", r.Attempts, r.Last.Text)
			}
		}
		pass(9 * time.Hour) // 4, and at the next attempt
		if n := len(b.store.notices); n != messages {
			t.Errorf("%d of %d senders were told of the delay", n, messages)
		}
		pass(15*time.Hour - 30*time.Minute)
		if n := b.store.count(model.StateExpired); n != 0 {
			t.Errorf("%d expired before their time", n)
		}
		pass(40 * time.Minute)
		if n := b.store.count(model.StateExpired); n != messages {
			t.Errorf("%d of %d expired", n, messages)
		}
		if n := len(b.store.notices); n != 2*messages {
			t.Errorf("%d notices", n)
		}
		for k := range b.store.recipients {
			if s := b.store.story(k); !strings.HasSuffix(s, " expired") || strings.Count(s, "expired") != 1 {
				t.Errorf("story: %s", s)
			}
		}
		if b.net.dials > 200 {
			t.Errorf("%d dials", b.net.dials)
		}
		b.stop()
	})
}

// What a fixed route does wrong is the operator's to mend: no sender's mail is returned for it.
func TestAFixedRouteThatTurnsUsAwayDefers(t *testing.T) {
	for name, refuse := range map[string]func(*bench){
		"in the greeting": func(b *bench) {
			b.net.connect = func(outbound.Target) *outbound.Error {
				return &outbound.Error{Stage: outbound.StageGreeting, Err: smtp.Errorf(554, "5.7.1", "not you")}
			}
		},
		"for want of a login": func(b *bench) {
			b.net.reply = func(string, outbound.Recipient) *smtp.Error {
				return smtp.Errorf(530, "5.7.0", "authentication required")
			}
		},
	} {
		for _, fixed := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, fixed %v", name, fixed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := newBench(t, nil)
					b.net.plan = func(domain string) (*route.Plan, error) {
						p := b.net.site(domain, "relay.example")
						p.Fixed = fixed
						return p, nil
					}
					refuse(b)
					b.start()
					id := b.submit(model.Message{}, "a@one.example")
					pass(10 * time.Second)
					want := model.StateBounced
					if fixed {
						want = model.StateWaiting
					}
					if r := b.store.recipient(key(id, 0)); r.State != want {
						t.Errorf("%+v, want %v", r, want)
					}
					b.stop()
				})
			})
		}
	}
}
