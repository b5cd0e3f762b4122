package deliver

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/budkavle/budkavle/internal/engine/outbound"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// listing is an entry that somebody made while mail was waiting.
func listing(kind model.SuppressionKind, address string) model.Suppression {
	return model.Suppression{Account: 1, Kind: kind, Key: model.SuppressionKey(address), CreatedAt: time.Now()}
}

func TestMailThatWaitsIsStoppedToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.net.reply = func(string, outbound.Recipient) *smtp.Error { return smtp.Errorf(451, "4.7.1", "come back later") }
		b.start()
		id := b.submit(model.Message{Origin: model.OriginSMTP, Sender: "info@school.example"}, "Anna@one.example", "bo@one.example")
		pass(10 * time.Second)
		if b.store.lookUps != 0 {
			t.Errorf("%d look-ups for mail that was accepted this moment", b.store.lookUps)
		}
		b.store.locked(func() {
			b.store.listed = append(b.store.listed, listing(model.SuppressUnsubscribe, "anna@one.example"))
		})
		b.net.locked(func() { b.net.reply = nil })
		pass(2 * time.Minute)
		for n, want := range []string{"deferred bounced", "deferred delivered"} {
			if got := b.store.story(key(id, n)); got != want {
				t.Errorf("recipient %d: %s, want %s", n, got, want)
			}
		}
		if b.net.received("Anna@one.example") != 0 || b.net.received("bo@one.example") != 1 {
			t.Error("what was sent is not what was left")
		}
		r := b.store.recipient(key(id, 0))
		if r.Attempts != 1 || r.Last.Text != "not sent: the recipient unsubscribed on 2000-01-01" {
			t.Errorf("%+v", r)
		}
		for _, ev := range b.store.events {
			if ev.Kind == model.EventBounced && (ev.Data.Code != 606 || ev.Data.Reply != nil || ev.Data.Reason == "" || ev.Data.Attempt != 1) {
				t.Errorf("%+v", ev.Data)
			}
		}
		if len(b.store.notices) != 1 || b.store.notices[0].Kind != model.NoticeFailed {
			t.Errorf("notices %+v", b.store.notices)
		}
		b.stop()
	})
}

func TestNothingIsSentWhileTheListsCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.queue(1, model.ClassTransactional, 3, "one.example")
		b.store.unread = errStore
		for _, r := range b.store.recipients {
			b.store.listed = []model.Suppression{listing(model.SuppressBounce, r.Address)} // one of them
		}
		pass(fresh)
		b.start()
		pass(time.Minute)
		if b.net.dials != 0 || b.store.lookUps == 0 {
			t.Errorf("%d dials after %d look-ups", b.net.dials, b.store.lookUps)
		}
		b.store.locked(func() { b.store.unread = nil })
		pass(2 * time.Minute)
		if d, f := b.store.count(model.StateDelivered), b.store.count(model.StateBounced); d != 2 || f != 1 {
			t.Errorf("%d delivered, %d stopped", d, f)
		}
		b.stop()
	})
}
