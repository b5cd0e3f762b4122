package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

func entry(account model.AccountID, domain model.DomainID, kind model.SuppressionKind, address, tag string) model.Suppression {
	return model.Suppression{
		Account: account, Domain: domain, Kind: kind, Key: model.SuppressionKey(address), Tag: tag, Address: address, Code: "550", Reason: "No such user",
		Source: "smtp", Count: 1, CreatedAt: now,
	}
}

func testSuppressions(t *testing.T, b *bench) {
	anna := entry(1, 3, model.SuppressBounce, "Anna@a.example", "")
	all := []model.Suppression{
		anna, entry(1, 4, model.SuppressUnsubscribe, "anna@a.example", "news"), entry(0, 0, model.SuppressComplaint, "anna@a.example", ""),
		entry(2, 5, model.SuppressBounce, "anna@a.example", ""), entry(1, 0, model.SuppressAllow, "@b.example", ""),
	}
	b.ok(b.AddSuppressions(b.ctx, all, b.event(model.EventAccount, 0, 0, "")))
	if evs := b.events(store.EventFilter{Account: 1}); len(evs) != 1 {
		t.Errorf("%d events", len(evs))
	}
	got, err := b.Suppressed(b.ctx, 1, []string{"anna@a.example", "bo@a.example", "@b.example"})
	b.ok(err)
	kinds := map[string]model.Suppression{}
	for _, e := range got {
		kinds[fmt.Sprint(e.Account, e.Domain, e.Kind, e.Tag)] = e
	}
	if len(got) != 4 {
		t.Errorf("found %+v", got)
	}
	same(t, "entry", kinds["1 3bounce"], anna)
	same(t, "the operator's", kinds["0 0complaint"], all[2])
	same(t, "by tag", kinds["1 4unsubscribenews"], all[1])
	if none, err := b.Suppressed(b.ctx, 1, nil); err != nil || none != nil {
		t.Errorf("without keys %v, %v", none, err)
	}

	again := anna
	again.Reason, again.CreatedAt, again.Count = "Still none", now.Add(time.Hour), 2
	b.ok(b.AddSuppressions(b.ctx, []model.Suppression{again}))
	domain := model.DomainID(3)
	f := store.SuppressionFilter{Account: 1, Domain: &domain, Kind: model.SuppressBounce, Key: "anna@a.example"}
	list, err := b.ListSuppressions(b.ctx, f, model.Suppression{}, false, 10)
	b.ok(err)
	want := again
	want.CreatedAt, want.Count = now, 3
	same(t, "a second time", list, []model.Suppression{want})

	n, err := b.RemoveSuppressions(b.ctx, f, 10, b.event(model.EventAccount, 0, 0, ""))
	if err != nil || n != 1 || len(b.events(store.EventFilter{Account: 1})) != 2 {
		t.Errorf("removed %d, %v", n, err)
	}
	if n, err := b.RemoveSuppressions(b.ctx, f, 10); err != nil || n != 0 {
		t.Errorf("removed again %d, %v", n, err)
	}
	if got, err := b.Suppressed(b.ctx, 2, []string{"anna@a.example"}); err != nil || len(got) != 2 {
		t.Errorf("another account's is left: %+v, %v", got, err)
	}
}

func testSuppressionPages(t *testing.T, b *bench) {
	var all []model.Suppression
	for i := range 7 {
		all = append(all, entry(1, 3, model.SuppressUnsubscribe, fmt.Sprintf("a%d@a.example", i), ""))
	}
	tagged := entry(1, 3, model.SuppressUnsubscribe, "a3@a.example", "news")
	b.ok(b.AddSuppressions(b.ctx, append([]model.Suppression{tagged, entry(1, 2, model.SuppressUnsubscribe, "x@a.example", ""), entry(1, 3, model.SuppressBounce, "x@a.example", "")}, all...)))
	want := append(append(append([]model.Suppression{}, all[:4]...), tagged), all[4:]...)
	domain, plain := model.DomainID(3), ""
	f := store.SuppressionFilter{Account: 1, Domain: &domain, Kind: model.SuppressUnsubscribe}
	for _, descending := range []bool{false, true} {
		var got []model.Suppression
		var after model.Suppression
		for range 10 {
			page, err := b.ListSuppressions(b.ctx, f, after, descending, 3)
			b.ok(err)
			if len(page) == 0 {
				break
			}
			after = page[len(page)-1]
			got = append(got, page...)
		}
		if descending {
			for i, j := 0, len(got)-1; i < j; i, j = i+1, j-1 {
				got[i], got[j] = got[j], got[i]
			}
		}
		same(t, fmt.Sprint("pages, descending ", descending), got, want)
	}
	f.Tag = &plain
	for _, want := range []int{5, 2, 0} {
		if n, err := b.RemoveSuppressions(b.ctx, f, 5); err != nil || n != want {
			t.Errorf("removed %d, %v; want %d", n, err, want)
		}
	}
	left, err := b.ListSuppressions(b.ctx, store.SuppressionFilter{Account: 1}, model.Suppression{}, false, 10)
	if err != nil || len(left) != 3 {
		t.Errorf("left %+v, %v", left, err)
	}
}

func testOutcomesSuppress(t *testing.T, b *bench) {
	sub := b.message(1, 0, "a.example", "a.example", "a.example")
	b.accept(sub)
	got := b.claim(7, model.Lane{Domain: "a.example", Account: 1}, 2)
	soft := model.SoftBounce{Account: 1, Key: "user1@a.example", Score: 1.5, Days: 1, At: now}
	dead := entry(1, 3, model.SuppressBounce, "user0@a.example", "")
	out := []store.Outcome{
		{Key: got.Recipients[0].RecipientKey, Lease: 7, State: model.StateBounced, At: now, Attempted: true, Suppress: []model.Suppression{dead}},
		{Key: got.Recipients[1].RecipientKey, Lease: 7, State: model.StateBounced, At: now, Attempted: true, Soft: &soft},
		{Key: got.Recipients[1].RecipientKey, Lease: 8, State: model.StateBounced, At: now, Attempted: true, Suppress: []model.Suppression{entry(1, 3, model.SuppressBounce, "user1@a.example", "")}},
	}
	_, err := b.Settle(b.ctx, out)
	b.ok(err)
	list, err := b.Suppressed(b.ctx, 1, []string{"user0@a.example", "user1@a.example"})
	b.ok(err)
	same(t, "only what moved suppresses", list, []model.Suppression{dead})
	count, err := b.SoftBounce(b.ctx, 1, "user1@a.example")
	b.ok(err)
	same(t, "soft bounces", count, soft)
	none, err := b.SoftBounce(b.ctx, 1, "user0@a.example")
	b.ok(err)
	if none.Score != 0 || !none.At.IsZero() {
		t.Errorf("nothing was counted: %+v", none)
	}

	third := model.RecipientKey{Message: sub.Message.ID, N: 2}
	ev := b.event(model.EventBounced, third.Message, 2, "user2@a.example")
	soft.Key = "user2@a.example"
	moved, err := b.Bounce(b.ctx, store.Outcome{
		Key: third, Reply: model.Reply{Code: 550, At: now}, Event: &ev, Suppress: []model.Suppression{entry(1, 3, model.SuppressBounce, "user2@a.example", "")}, Soft: &soft,
	})
	if list, lerr := b.Suppressed(b.ctx, 1, []string{"user2@a.example"}); err != nil || lerr != nil || !moved || len(list) != 1 {
		t.Errorf("a report suppresses: %v, %v, %+v", moved, err, list)
	}
	count, err = b.SoftBounce(b.ctx, 1, "user2@a.example")
	b.ok(err)
	same(t, "soft bounces of a report", count, soft)
	if n, err := b.PurgeSoftBounces(b.ctx, now, 10); err != nil || n != 0 {
		t.Errorf("purged %d, %v", n, err)
	}
	if n, err := b.PurgeSoftBounces(b.ctx, now.Add(time.Second), 10); err != nil || n != 2 {
		t.Errorf("purged %d, %v", n, err)
	}
}

func testRedeem(t *testing.T, b *bench) {
	b.ok(b.AddSuppressions(b.ctx, []model.Suppression{
		entry(1, 3, model.SuppressBounce, "a@a.example", ""), entry(1, 4, model.SuppressBounce, "a@a.example", ""), entry(1, 3, model.SuppressUnsubscribe, "a@a.example", "news"),
		entry(1, 0, model.SuppressComplaint, "a@a.example", ""), entry(1, 4, model.SuppressUnsubscribe, "a@a.example", ""), entry(1, 3, model.SuppressAllow, "a@a.example", ""),
		entry(2, 3, model.SuppressBounce, "a@a.example", ""), entry(0, 0, model.SuppressBounce, "a@a.example", ""), entry(1, 3, model.SuppressBounce, "b@a.example", ""),
	}))
	r := store.Redemption{Hash: []byte{1, 2}, Expires: now.Add(time.Hour), Account: 1, Key: "a@a.example", Domain: 3, Event: b.event(model.EventAccount, 0, 0, "a@a.example")}
	b.ok(b.Redeem(b.ctx, r))
	left, err := b.Suppressed(b.ctx, 1, []string{"a@a.example", "b@a.example"})
	b.ok(err)
	got := map[string]bool{}
	for _, e := range left {
		got[fmt.Sprint(e.Account, e.Domain, e.Kind, e.Key)] = true
	}
	same(t, "left", got, map[string]bool{
		"1 4unsubscribea@a.example": true, "1 3allowa@a.example": true, "0 0bouncea@a.example": true, "1 3bounceb@a.example": true,
	})
	r.Event.ID = b.ids.Next()
	b.kind(b.Redeem(b.ctx, r), store.Exists)
	if evs := b.events(store.EventFilter{Account: 1}); len(evs) != 1 {
		t.Errorf("%d events", len(evs))
	}
	if n, err := b.PurgeLinks(b.ctx, now, now, 10); err != nil || n != 0 {
		t.Errorf("purged %d, %v", n, err)
	}
	if n, err := b.PurgeLinks(b.ctx, now.Add(2*time.Hour), now, 10); err != nil || n != 1 {
		t.Errorf("purged %d, %v", n, err)
	}
}

func testVerifications(t *testing.T, b *bench) {
	at := now
	for i, want := range []bool{true, true, false, false, true, true, false} {
		if i == 4 {
			at = at.Add(25 * time.Hour)
		}
		may, err := b.CountVerification(b.ctx, 1, "a@a.example", at, at.Add(-24*time.Hour), 2)
		if err != nil || may != want {
			t.Errorf("number %d: %v, %v", i+1, may, err)
		}
	}
	if may, err := b.CountVerification(b.ctx, 2, "a@a.example", at, at.Add(-24*time.Hour), 2); err != nil || !may {
		t.Errorf("another account: %v, %v", may, err)
	}
	if n, err := b.PurgeLinks(b.ctx, now, at.Add(time.Second), 10); err != nil || n != 2 {
		t.Errorf("purged %d, %v", n, err)
	}
}
