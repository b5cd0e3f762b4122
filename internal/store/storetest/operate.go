package storetest

import (
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

func testOperator(t *testing.T, b *bench) {
	for range 3 {
		b.accept(b.message(1, 0, "a.example"))
		b.accept(b.message(2, 0, "a.example"))
	}
	mk := func(kind model.EventKind) store.EventFor {
		return func(r model.Recipient) model.Event {
			return model.Event{ID: b.ids.Next(), Kind: kind, At: now, Account: r.Account, Message: r.Message, N: r.N, Recipient: r.Address}
		}
	}
	one := store.Filter{Account: 1}
	for _, want := range []int{2, 1, 0} {
		n, err := b.HoldWaiting(b.ctx, one, 2, mk(model.EventHeld))
		b.ok(err)
		if n != want {
			t.Errorf("held %d, want %d", n, want)
		}
	}
	evs := b.events(store.EventFilter{Kinds: []model.EventKind{model.EventHeld}})
	if len(evs) != 3 || evs[0].Domain != 3 {
		t.Errorf("events of holding: %+v", evs)
	}
	if got := b.claim(7, model.Lane{Domain: "a.example", Account: 1}, 10); len(got.Recipients) != 0 {
		t.Error("held mail was claimed")
	}
	later := now.Add(time.Hour)
	n, err := b.ReleaseHeld(b.ctx, one, 10, later, mk(model.EventReleased))
	b.ok(err)
	if n != 3 {
		t.Errorf("released %d", n)
	}
	if n, err = b.RetryWaiting(b.ctx, one, 10, now); err != nil || n != 3 {
		t.Errorf("retried %d, %v", n, err)
	}
	if n, err = b.RetryWaiting(b.ctx, one, 10, now); err != nil || n != 0 {
		t.Errorf("retried what is due already: %d, %v", n, err)
	}
	if got := b.claim(7, model.Lane{Domain: "a.example", Account: 1}, 1); len(got.Recipients) != 1 {
		t.Error("released and retried mail is not due")
	}
	_, err = b.HoldWaiting(b.ctx, store.Filter{Account: 2}, 1, mk(model.EventHeld))
	b.ok(err)
	if n, err = b.CancelQueued(b.ctx, store.Filter{Domain: "a.example"}, 10, now, mk(model.EventCancelled)); err != nil || n != 5 {
		t.Errorf("cancelled %d, %v; want what waits and what is held, not what is leased", n, err)
	}
	if n, err = b.CancelQueued(b.ctx, store.Filter{SenderDomain: 3}, 10, now, mk(model.EventCancelled)); err != nil || n != 0 {
		t.Errorf("cancelled again: %d, %v", n, err)
	}
}

func testListQueue(t *testing.T, b *bench) {
	var subs []store.Submission
	for i := range 6 {
		sub := b.message(model.AccountID(i%2+1), 0, "a.example", "b.example")
		sub.Recipients[1].State = []model.RecipientState{model.StateWaiting, model.StateHeld, model.StateLeased}[i%3]
		b.accept(sub)
		subs = append(subs, sub)
	}
	var got []model.RecipientKey
	var after model.RecipientKey
	for {
		page, err := b.ListQueue(b.ctx, store.Filter{}, after, 5)
		b.ok(err)
		for _, r := range page {
			got = append(got, r.RecipientKey)
			after = r.RecipientKey
			if r.Subject != "Närvaro vecka 47" || r.Sender != "info@school.example" || r.DomainName != "school.example" || r.Size != 11 || !r.AcceptedAt.Equal(now) {
				t.Errorf("row %+v", r)
			}
		}
		if len(page) < 5 {
			break
		}
	}
	var want []model.RecipientKey
	for _, s := range subs {
		want = append(want, s.Recipients[0].RecipientKey, s.Recipients[1].RecipientKey)
	}
	same(t, "the whole queue", got, want)
	page, err := b.ListQueue(b.ctx, store.Filter{Account: 1, Domain: "b.example", States: []model.RecipientState{model.StateHeld}}, model.RecipientKey{}, 10)
	b.ok(err)
	if len(page) != 1 || page[0].RecipientKey != subs[4].Recipients[1].RecipientKey {
		t.Errorf("filtered: %+v", page)
	}
	page, err = b.ListQueue(b.ctx, store.Filter{Message: subs[2].Message.ID}, model.RecipientKey{}, 10)
	b.ok(err)
	if len(page) != 2 {
		t.Errorf("of one message: %+v", page)
	}
}

func testCensus(t *testing.T, b *bench) {
	old := time.Now()
	for range 3 {
		b.accept(b.message(1, model.ClassBulk, "a.example", "b.example"))
	}
	b.claim(7, model.Lane{Domain: "a.example", Class: model.ClassBulk, Account: 1}, 1)
	list, err := b.Census(b.ctx)
	b.ok(err)
	counts := map[string]int64{}
	for _, d := range list {
		counts[d.Domain+" "+d.State.String()+" "+d.Class.String()] = d.Count
		if d.Oldest.Before(old.Add(-time.Minute)) || d.Oldest.After(old.Add(time.Minute)) {
			t.Errorf("%+v: oldest", d)
		}
	}
	same(t, "census", counts, map[string]int64{"a.example waiting bulk": 2, "a.example leased bulk": 1, "b.example waiting bulk": 3})
}

func testEvents(t *testing.T, b *bench) {
	var all []model.Event
	for i := range 10 {
		ev := b.event(model.EventDelivered, ident.ID(100+i%2), 0, "anna@a.example")
		ev.Domain = model.DomainID(i%2 + 1)
		if i%3 == 0 {
			ev.Kind, ev.Recipient = model.EventBounced, "bo@b.example"
			ev.Data = model.EventData{Reason: "ö", Code: 605}
		}
		all = append(all, ev)
	}
	b.ok(b.NoteEvents(b.ctx, all))
	var got []model.Event
	f := store.EventFilter{Domain: 1, Ascending: true, Limit: 2}
	for {
		page := b.events(f)
		if len(page) == 0 {
			break
		}
		got = append(got, page...)
		f.After = page[len(page)-1].ID
	}
	same(t, "of a domain, by pages", got, []model.Event{all[0], all[2], all[4], all[6], all[8]})
	same(t, "newest first", b.events(store.EventFilter{Domain: 1, Limit: 2}), []model.Event{all[8], all[6]})
	same(t, "before", b.events(store.EventFilter{Domain: 1, After: all[2].ID}), []model.Event{all[0]})
	same(t, "kind and recipient", b.events(store.EventFilter{Kinds: []model.EventKind{model.EventBounced, model.EventExpired}, Recipient: "bo@b.example", Domain: 2, Ascending: true}),
		[]model.Event{all[3], all[9]})
	if n := len(b.events(store.EventFilter{Begin: time.Now().Add(-time.Hour), End: time.Now().Add(time.Hour)})); n != 10 {
		t.Errorf("within an hour: %d", n)
	}
	if n := len(b.events(store.EventFilter{Begin: time.Now().Add(time.Hour)})); n != 0 {
		t.Errorf("in an hour: %d", n)
	}
	counts, err := b.CountEvents(b.ctx, store.EventFilter{Domain: 1, Begin: time.Now().Add(-time.Hour), End: time.Now().Add(time.Hour)})
	b.ok(err)
	same(t, "counts", counts, map[model.EventKind]int64{model.EventDelivered: 3, model.EventBounced: 2})
}

// settleAll claims and delivers everything of the lane.
func (b *bench) settleAll(lane model.Lane, at time.Time) {
	b.t.Helper()
	got := b.claim(7, lane, 1000)
	var outcomes []store.Outcome
	for _, r := range got.Recipients {
		outcomes = append(outcomes, store.Outcome{Key: r.RecipientKey, Lease: 7, State: model.StateDelivered, At: at, Attempted: true})
	}
	_, err := b.Settle(b.ctx, outcomes)
	b.ok(err)
}

func testPurgeBodies(t *testing.T, b *bench) {
	var ids []ident.ID
	for range 5 {
		sub := b.message(1, 0, "a.example")
		b.accept(sub)
		ids = append(ids, sub.Message.ID)
	}
	waiting := b.message(1, 0, "a.example", "b.example")
	b.accept(waiting)
	b.settleAll(model.Lane{Domain: "a.example", Account: 1}, time.Now())
	future := time.Now().Add(time.Hour) // everything is older than that
	total, cursor := 0, ident.ID(0)
	for range 10 {
		n, next, err := b.PurgeBodies(b.ctx, future, cursor, 2)
		b.ok(err)
		if n > 2 {
			t.Errorf("%d deleted in one step", n)
		}
		if total += n; next == 0 {
			break
		}
		cursor = next
	}
	if total != 5 {
		t.Errorf("%d bodies purged, want 5", total)
	}
	for _, id := range ids {
		_, err := b.Body(b.ctx, id)
		b.kind(err, store.NotFound)
		_, err = b.Message(b.ctx, id)
		b.ok(err)
	}
	_, err := b.Body(b.ctx, waiting.Message.ID)
	b.ok(err)
	if n, _, err := b.PurgeBodies(b.ctx, time.Now().Add(-time.Hour), 0, 10); n != 0 || err != nil {
		t.Errorf("purged what is young: %d, %v", n, err)
	}
}

// testPurgeWaitsForTheLastOutcome: the days are counted from the last outcome, not from acceptance.
func testPurgeWaitsForTheLastOutcome(t *testing.T, b *bench) {
	const week = 7 * 24 * time.Hour
	today := time.Now()
	sub := b.message(1, 0, "a.example", "a.example")
	sub.Message.ID = ident.First(today.Add(-2*week)) + 1
	for i := range sub.Recipients {
		sub.Recipients[i].Message, sub.Events[i].Message = sub.Message.ID, sub.Message.ID
	}
	b.accept(sub)
	got := b.claim(7, sub.Recipients[0].Lane, 10)
	for i, settled := range []time.Duration{-2 * week, -time.Hour} {
		_, err := b.Settle(b.ctx, []store.Outcome{{Key: got.Recipients[i].RecipientKey, Lease: 7, State: model.StateDelivered, At: today.Add(settled), Attempted: true}})
		b.ok(err)
	}
	for _, tt := range []struct {
		at   time.Time
		want int
	}{{today, 0}, {today.Add(week - 2*time.Hour), 0}, {today.Add(week), 1}} {
		if n, _, err := b.PurgeBodies(b.ctx, tt.at.Add(-week), 0, 10); err != nil || n != tt.want {
			t.Errorf("at %v: %d purged, %v; want %d", tt.at.Sub(today), n, err, tt.want)
		}
	}
}

// testPurgeLargeBodies has each step delete little where bodies are large, so that it does not hold up the queue.
func testPurgeLargeBodies(t *testing.T, b *bench) {
	for range 3 {
		sub := b.message(1, 0, "a.example")
		sub.Message.Size = 1 << 30 // what the body's row says; the test's bodies are small
		b.accept(sub)
	}
	b.settleAll(model.Lane{Domain: "a.example", Account: 1}, time.Now())
	total, cursor := 0, ident.ID(0)
	for step := 1; ; step++ {
		n, next, err := b.PurgeBodies(b.ctx, time.Now().Add(time.Hour), cursor, 100)
		b.ok(err)
		if n > 1 {
			t.Errorf("step %d deleted %d bodies of 1 GiB", step, n)
		}
		if total += n; next == 0 || step > 10 {
			break
		}
		cursor = next
	}
	if total != 3 {
		t.Errorf("%d bodies purged, want 3", total)
	}
}

// testPurgeMany counts a message's recipients against the limit of a step.
func testPurgeMany(t *testing.T, b *bench) {
	domains := make([]string, 50)
	for i := range domains {
		domains[i] = "a.example"
	}
	var ids []ident.ID
	for range 3 {
		sub := b.message(1, 0, domains...)
		sub.Events = nil
		b.accept(sub)
		ids = append(ids, sub.Message.ID)
	}
	b.settleAll(model.Lane{Domain: "a.example", Account: 1}, time.Now())
	for i := range 4 {
		n, err := b.PurgeEvents(b.ctx, time.Now().Add(time.Hour), 10)
		b.ok(err)
		if want := min(1, 3-i); n != want {
			t.Errorf("step %d deleted %d messages of 50 recipients, want %d", i, n, want)
		}
		for j, id := range ids {
			rs, err := b.Recipients(b.ctx, id, 0, 100)
			if want := 50; err != nil || j > i && len(rs) != want || j <= i && len(rs) != 0 {
				t.Errorf("step %d: message %d has %d recipients, %v", i, j, len(rs), err)
			}
		}
	}
}

func testPurgeEvents(t *testing.T, b *bench) {
	done, waiting := b.message(1, 0, "a.example"), b.message(1, 0, "b.example")
	b.accept(done, waiting)
	b.settleAll(model.Lane{Domain: "a.example", Account: 1}, time.Now())
	future := time.Now().Add(time.Hour)
	for range 10 {
		n, err := b.PurgeEvents(b.ctx, future, 1)
		b.ok(err)
		if n == 0 {
			break
		}
	}
	if evs := b.events(store.EventFilter{}); len(evs) != 0 {
		t.Errorf("events left: %v", evs)
	}
	_, err := b.Message(b.ctx, done.Message.ID)
	b.kind(err, store.NotFound)
	_, err = b.Recipient(b.ctx, done.Recipients[0].RecipientKey)
	b.kind(err, store.NotFound)
	if s := b.state(waiting.Recipients[0].RecipientKey).State; s != model.StateWaiting {
		t.Errorf("the waiting recipient is %v", s)
	}
	_, err = b.Body(b.ctx, waiting.Message.ID)
	b.ok(err)
}
