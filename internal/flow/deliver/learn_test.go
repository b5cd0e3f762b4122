package deliver

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/budkavle/budkavle/internal/engine/outbound"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// saying answers every recipient so.
func saying(code int, enhanced, text string) func(string, outbound.Recipient) *smtp.Error {
	return func(string, outbound.Recipient) *smtp.Error { return smtp.Errorf(code, enhanced, "%s", text) }
}

func TestADeadAddressIsListedWithItsOutcome(t *testing.T) {
	for _, tt := range []struct {
		name, enhanced, text string
		code                 int
		allowed              string // on the list of what is never dead
		class                string
		listed, soft         bool
	}{
		{name: "dead", code: 550, enhanced: "5.1.1", text: "No such user here", class: "user-unknown", listed: true},
		{name: "dead, yet said to be alive", code: 550, enhanced: "5.1.1", text: "No such user here", allowed: "anna@one.example", class: "user-unknown"},
		{name: "dead in a domain said to be alive", code: 550, enhanced: "5.1.1", text: "No such user here", allowed: "@one.example", class: "user-unknown"},
		{name: "full", code: 552, enhanced: "5.2.2", text: "Mailbox full", class: "mailbox-full", soft: true},
		{name: "spam", code: 554, enhanced: "5.7.1", text: "Message rejected as spam by content filtering", class: "spam-content"},
		{name: "blocklist", code: 554, enhanced: "5.7.1", text: "Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org", class: "reputation"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, nil)
				b.net.reply = saying(tt.code, tt.enhanced, tt.text)
				if tt.allowed != "" {
					b.store.listed = []model.Suppression{listing(model.SuppressAllow, tt.allowed)}
				}
				b.start()
				b.submit(model.Message{Domain: 3}, "Anna@one.example")
				pass(10 * time.Second)
				ev := b.store.events[len(b.store.events)-1]
				if ev.Kind != model.EventBounced || ev.Data.Class != tt.class || ev.Data.Rule == "" {
					t.Errorf("%s, class %q by %q", ev.Kind, ev.Data.Class, ev.Data.Rule)
				}
				var e *model.Suppression
				for i := range b.store.listed {
					if b.store.listed[i].Kind == model.SuppressBounce {
						e = &b.store.listed[i]
					}
				}
				if (e != nil) != tt.listed || (len(b.store.soft) > 0) != tt.soft {
					t.Errorf("listed %+v, soft bounces %v", e, b.store.soft)
				}
				if e != nil && (e.Account != 1 || e.Domain != 3 || e.Key != "anna@one.example" || e.Address != "Anna@one.example" || e.Code != "550" || e.Reason != tt.text || e.Source != "smtp") {
					t.Errorf("%+v", e)
				}
				b.stop()
			})
		})
	}
}

func TestAMailboxThatIsAlwaysFullIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.net.reply = saying(552, "5.2.2", "Mailbox full "+strings.Repeat("å", 300))
		b.start()
		for day := 1; day <= 5; day++ {
			if len(b.store.listed) > 0 {
				t.Fatalf("listed before day %d", day)
			}
			for range 3 { // in one day they count once
				b.submit(model.Message{}, "anna@one.example")
				pass(8 * time.Hour) // what is settled in one commit with it knows nothing of it
			}
		}
		if len(b.store.listed) != 1 || !strings.HasPrefix(b.store.listed[0].Reason, "failed on 5 days, at last: Mailbox full") || len(b.store.listed[0].Reason) > 303 {
			t.Errorf("listed %+v", b.store.listed)
		}
		b.stop()
	})
}

func TestADeferralHasItsClassToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.net.reply = saying(450, "4.2.0", "Greylisted, please try again later")
		b.start()
		b.submit(model.Message{}, "anna@one.example")
		pass(time.Second)
		if ev := b.store.events[len(b.store.events)-1]; ev.Kind != model.EventDeferred || ev.Data.Class != "greylisted" || len(b.store.listed)+len(b.store.soft) != 0 {
			t.Errorf("%+v, %s", ev.Data, fmt.Sprint(b.store.listed, b.store.soft))
		}
		b.stop()
	})
}
