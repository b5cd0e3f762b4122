package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

func testAccept(t *testing.T, b *bench) {
	sub := b.message(1, model.ClassBulk, "a.example", "b.example")
	sub.Recipients[1].State, sub.Recipients[1].Lease, sub.Recipients[1].Attempts = model.StateLeased, 7, 1
	b.accept(sub)
	m, err := b.Message(b.ctx, sub.Message.ID)
	b.ok(err)
	same(t, "message", m, sub.Message)
	raw, err := b.Body(b.ctx, sub.Message.ID)
	b.ok(err)
	same(t, "body", raw, sub.Raw)
	rs, err := b.Recipients(b.ctx, sub.Message.ID, 0, 10)
	b.ok(err)
	same(t, "recipients", rs, sub.Recipients)
	rs, err = b.Recipients(b.ctx, sub.Message.ID, 1, 10)
	b.ok(err)
	same(t, "recipients from 1", rs, sub.Recipients[1:])
	same(t, "events", b.events(store.EventFilter{Message: sub.Message.ID, Ascending: true}), sub.Events)
	_, err = b.Message(b.ctx, 1)
	b.kind(err, store.NotFound)
	_, err = b.Body(b.ctx, 1)
	b.kind(err, store.NotFound)
	_, err = b.Recipient(b.ctx, model.RecipientKey{Message: sub.Message.ID, N: 2})
	b.kind(err, store.NotFound)
	b.kind(b.Accept(b.ctx, []store.Submission{b.message(1, 0, "a.example"), sub}, nil), store.Exists)
	if n := len(b.events(store.EventFilter{})); n != 2 {
		t.Errorf("%d events: a failed accept left something behind", n)
	}
}

func testIdempotency(t *testing.T, b *bench) {
	base := time.Now()
	idem := &store.Idempotency{Account: 1, Key: "k", Response: []byte("first"), Expires: base.Add(time.Hour)}
	b.ok(b.Accept(b.ctx, []store.Submission{b.message(1, 0, "a.example")}, idem))
	again := b.message(1, 0, "a.example")
	b.kind(b.Accept(b.ctx, []store.Submission{again}, idem), store.Exists)
	_, err := b.Message(b.ctx, again.Message.ID)
	b.kind(err, store.NotFound)
	got, err := b.IdempotentResponse(b.ctx, 1, "k", base)
	b.ok(err)
	same(t, "answer", string(got), "first")
	_, err = b.IdempotentResponse(b.ctx, 2, "k", base)
	b.kind(err, store.NotFound)
	_, err = b.IdempotentResponse(b.ctx, 1, "k", base.Add(2*time.Hour))
	b.kind(err, store.NotFound)
	// An expired key may be used again, whether it is purged or not.
	old := &store.Idempotency{Account: 1, Key: "old", Response: []byte("x"), Expires: base.Add(-time.Hour)}
	b.ok(b.Accept(b.ctx, []store.Submission{b.message(1, 0, "a.example")}, old))
	b.ok(b.Accept(b.ctx, []store.Submission{b.message(1, 0, "a.example")}, old))
	n, err := b.PurgeIdempotency(b.ctx, base, 10)
	b.ok(err)
	if n != 1 {
		t.Errorf("purged %d keys, want 1", n)
	}
	if n, err = b.PurgeIdempotency(b.ctx, base, 10); err != nil || n != 0 {
		t.Errorf("purged again: %d, %v", n, err)
	}
}

func testIdempotencyRace(t *testing.T, b *bench) {
	const callers = 32
	idem := &store.Idempotency{Account: 1, Key: "k", Response: []byte("first"), Expires: time.Now().Add(time.Hour)}
	errs := make([]error, callers)
	subs := make([]store.Submission, callers)
	var wg sync.WaitGroup
	for i := range callers {
		subs[i] = b.message(1, 0, "a.example")
		wg.Go(func() { errs[i] = b.Accept(b.ctx, subs[i:i+1], idem) })
	}
	wg.Wait()
	won := 0
	for i, err := range errs {
		_, found := b.Message(b.ctx, subs[i].Message.ID)
		if err == nil {
			won++
			b.ok(found)
			continue
		}
		b.kind(err, store.Exists)
		b.kind(found, store.NotFound)
	}
	if won != 1 {
		t.Errorf("%d calls with one key were taken", won)
	}
}

// testGroupCommit holds every writer within a commit until all callers have come: then they must share few.
func testGroupCommit(t *testing.T, b *bench) {
	const callers = 64
	release, held := make(chan struct{}), make(chan struct{}, maxWriters)
	var wg sync.WaitGroup
	var holders [maxWriters]store.Submission
	for i := range holders {
		holders[i] = b.message(1, 0, "holder.example")
		b.accept(holders[i])
	}
	for i := range holders {
		wg.Go(func() {
			_, err := b.HoldWaiting(b.ctx, store.Filter{Message: holders[i].Message.ID}, 1, func(r model.Recipient) model.Event {
				held <- struct{}{}
				<-release
				return b.event(model.EventHeld, r.Message, r.N, r.Address)
			})
			if err != nil {
				t.Error(err)
			}
		})
		if i < b.writers {
			<-held
		}
	}
	before := b.Stats()
	var ready sync.WaitGroup
	ready.Add(callers)
	for range callers {
		sub := b.message(1, 0, "a.example")
		wg.Go(func() {
			ready.Done()
			if err := b.Accept(b.ctx, []store.Submission{sub}, nil); err != nil {
				t.Error(err)
			}
		})
	}
	ready.Wait()
	close(release)
	wg.Wait()
	after := b.Stats()
	if n := after.Changes - before.Changes; n != callers+maxWriters {
		t.Errorf("%d changes, want %d", n, callers+maxWriters)
	}
	// The holders commit alone or together; of the callers, some may have come late.
	if n := after.Commits - before.Commits; n > maxWriters+callers/2 {
		t.Errorf("%d commits for %d changes: they do not share syncs", n, callers+maxWriters)
	}
}

func testBadNeighbour(t *testing.T, b *bench) {
	taken := b.message(1, 0, "a.example")
	b.accept(taken)
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			if i%8 == 0 {
				if err := b.Accept(b.ctx, []store.Submission{taken}, nil); !store.Is(err, store.Exists) {
					t.Errorf("a message accepted twice: %v", err)
				}
				return
			}
			sub := b.message(1, 0, "a.example")
			if err := b.Accept(b.ctx, []store.Submission{sub}, nil); err != nil {
				t.Error(err)
			} else if _, err := b.Message(b.ctx, sub.Message.ID); err != nil {
				t.Errorf("accepted and not there: %v", err)
			}
		})
	}
	wg.Wait()
}

func testLanes(t *testing.T, b *bench) {
	for _, l := range []model.Lane{
		{Domain: "b.example", Class: 0, Account: 2},
		{Domain: "a.example", Class: 1, Account: 1},
		{Domain: "a.example", Class: 0, Account: 2},
		{Domain: "a.example", Class: 0, Account: 1},
		{Domain: "[127.0.0.1]", Class: 0, Account: 1},
	} {
		for i := range 3 {
			sub := b.message(l.Account, l.Class, l.Domain)
			sub.Recipients[0].Due = now.Add(time.Duration(3-i) * time.Minute)
			b.accept(sub)
		}
	}
	held := b.message(1, 0, "z.example")
	held.Recipients[0].State = model.StateHeld
	b.accept(held)
	var got []string
	var after model.Lane
	for {
		page, err := b.Lanes(b.ctx, after, 2)
		b.ok(err)
		for _, h := range page {
			got = append(got, fmt.Sprintf("%s/%d/%d", h.Lane.Domain, h.Lane.Class, h.Lane.Account))
			if !h.Due.Equal(now.Add(time.Minute)) {
				t.Errorf("%v: head due %v", h.Lane, h.Due)
			}
			after = h.Lane
		}
		if len(page) < 2 {
			break
		}
	}
	same(t, "lanes", got, []string{"[127.0.0.1]/0/1", "a.example/0/1", "a.example/0/2", "a.example/1/1", "b.example/0/2"})
}

func testClaim(t *testing.T, b *bench) {
	lane := model.Lane{Domain: "a.example", Account: 1}
	var ids []ident.ID
	for i := range 4 {
		sub := b.message(1, 0, "a.example", "b.example")
		sub.Recipients[0].Due = now.Add(time.Duration(i-2) * time.Minute) // -2, -1, 0, +1
		b.accept(sub)
		ids = append(ids, sub.Message.ID)
	}
	got := b.claim(7, lane, 2)
	if len(got.Recipients) != 2 || got.Recipients[0].Message != ids[0] || got.Recipients[1].Message != ids[1] {
		t.Fatalf("claimed %+v, want the first due", got)
	}
	r := got.Recipients[0]
	if r.State != model.StateLeased || r.Lease != 7 || r.Attempts != 1 || !r.Due.Equal(now.Add(time.Hour)) || r.Address != "user0@a.example" {
		t.Errorf("claimed %+v", r)
	}
	same(t, "what is stored", b.state(r.RecipientKey), r)
	if !got.Head.Equal(now) {
		t.Errorf("head %v, want %v", got.Head, now)
	}
	got = b.claim(7, lane, 10)
	if len(got.Recipients) != 1 || !got.Head.Equal(now.Add(time.Minute)) {
		t.Errorf("the rest that is due: %+v", got)
	}
	if got = b.claim(7, model.Lane{Domain: "none.example"}, 10); len(got.Recipients) != 0 || !got.Head.IsZero() {
		t.Errorf("an empty lane: %+v", got)
	}
}

func testConcurrentClaims(t *testing.T, b *bench) {
	const messages = 200
	for range messages {
		b.accept(b.message(1, 0, "a.example"))
	}
	var mu sync.Mutex
	owner := map[model.RecipientKey]int64{}
	var wg sync.WaitGroup
	for lease := int64(1); lease <= 4; lease++ {
		wg.Go(func() {
			for range messages {
				got, err := b.Claim(b.ctx, []store.Claim{{Lane: model.Lane{Domain: "a.example", Account: 1}, Limit: 7}}, lease, now, now)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for _, r := range got[0].Recipients {
					if other, ok := owner[r.RecipientKey]; ok {
						t.Errorf("%v claimed by %d and %d", r.RecipientKey, other, lease)
					}
					owner[r.RecipientKey] = lease
				}
				done := len(owner) == messages
				mu.Unlock()
				if done {
					return
				}
			}
		})
	}
	wg.Wait()
	if len(owner) != messages {
		t.Errorf("%d of %d claimed", len(owner), messages)
	}
}

func testSettle(t *testing.T, b *bench) {
	sub := b.message(1, 0, "a.example", "a.example", "a.example", "a.example")
	b.accept(sub)
	got := b.claim(7, model.Lane{Domain: "a.example", Account: 1}, 10)
	reply := model.Reply{Code: 250, Enhanced: "2.0.0", Text: "Ok", Host: "mx.a.example", At: now, Transcript: "S: 220\n"}
	outcome := func(i int, s model.RecipientState) store.Outcome {
		ev := b.event(model.EventDelivered, sub.Message.ID, i, got.Recipients[i].Address)
		ev.Data = model.EventData{Reply: &model.Reply{Code: 250, At: now}, Attempt: 1, Delays: &model.Delays{Send: time.Second}}
		return store.Outcome{Key: got.Recipients[i].RecipientKey, Lease: 7, State: s, Due: now.Add(time.Minute), Reply: reply, At: now, Attempted: true, Event: &ev}
	}
	delivered, deferred, put := outcome(0, model.StateDelivered), outcome(1, model.StateWaiting), outcome(2, model.StateWaiting)
	put.Attempted, put.Event, put.Reply = false, nil, model.Reply{}
	told := outcome(3, model.StateWaiting)
	told.Attempted, told.Event, told.Reply = false, nil, model.Reply{Text: "not tried", At: now}
	stale, err := b.Settle(b.ctx, []store.Outcome{delivered, deferred, put, told})
	b.ok(err)
	if len(stale) != 0 {
		t.Errorf("stale: %v", stale)
	}
	r := b.state(delivered.Key)
	if r.State != model.StateDelivered || !r.SettledAt.Equal(now) || r.Attempts != 1 || r.Lease != 0 {
		t.Errorf("delivered: %+v", r)
	}
	same(t, "last reply", r.Last, reply)
	r = b.state(deferred.Key)
	if r.State != model.StateWaiting || !r.Due.Equal(now.Add(time.Minute)) || r.Attempts != 1 || !r.SettledAt.IsZero() {
		t.Errorf("deferred: %+v", r)
	}
	if r = b.state(put.Key); r.State != model.StateWaiting || r.Attempts != 0 || !r.Last.At.IsZero() {
		t.Errorf("put back without an attempt: %+v", r)
	}
	if r = b.state(told.Key); r.Attempts != 0 {
		t.Errorf("put back without an attempt, and told why: %+v", r)
	}
	same(t, "why nothing was dialled", r.Last, told.Reply)
	evs := b.events(store.EventFilter{Message: sub.Message.ID, Kinds: []model.EventKind{model.EventDelivered}, Ascending: true})
	same(t, "events", evs, []model.Event{*delivered.Event, *deferred.Event})
	_, err = b.Settle(b.ctx, []store.Outcome{{Key: put.Key, Lease: 7, State: model.StateCancelled}})
	b.kind(err, store.Conflict)
}

func testStale(t *testing.T, b *bench) {
	sub := b.message(1, 0, "a.example", "a.example")
	b.accept(sub)
	got := b.claim(7, model.Lane{Domain: "a.example", Account: 1}, 10)
	var outcomes []store.Outcome
	for i, lease := range []int64{8, 7} {
		ev := b.event(model.EventBounced, sub.Message.ID, i, got.Recipients[i].Address)
		outcomes = append(outcomes, store.Outcome{Key: got.Recipients[i].RecipientKey, Lease: lease, State: model.StateBounced, At: now, Attempted: true, Event: &ev, Notice: model.NoticeFailed})
	}
	stale, err := b.Settle(b.ctx, outcomes)
	b.ok(err)
	same(t, "stale", stale, []model.RecipientKey{outcomes[0].Key})
	if s := b.state(outcomes[0].Key).State; s != model.StateLeased {
		t.Errorf("moved to %v by another's lease", s)
	}
	ns, err := b.ListNotices(b.ctx, 10)
	b.ok(err)
	if len(ns) != 1 || ns[0].Key != outcomes[1].Key || len(b.events(store.EventFilter{Kinds: []model.EventKind{model.EventBounced}})) != 1 {
		t.Errorf("notices %v, or an event of a stale outcome", ns)
	}
	if stale, err = b.Settle(b.ctx, outcomes[1:]); err != nil || len(stale) != 1 {
		t.Errorf("settled twice: %v, %v", stale, err)
	}
}

func testBounce(t *testing.T, b *bench) {
	sub := b.message(1, 0, "a.example", "b.example", "c.example")
	sub.Recipients[1].State, sub.Recipients[1].Lease = model.StateLeased, 7
	b.accept(sub)
	got := b.claim(7, sub.Recipients[0].Lane, 1)
	_, err := b.Settle(b.ctx, []store.Outcome{{Key: got.Recipients[0].RecipientKey, Lease: 7, State: model.StateDelivered, At: now, Attempted: true}})
	b.ok(err)
	reply := model.Reply{Code: 550, Enhanced: "5.1.1", Text: "no such user", At: now}
	for n, want := range []bool{true, false, true} {
		key := sub.Recipients[n].RecipientKey
		for _, again := range []bool{false, true} {
			ev := b.event(model.EventBounced, key.Message, n, sub.Recipients[n].Address)
			moved, err := b.Bounce(b.ctx, store.Outcome{Key: key, Reply: reply, Event: &ev, Notice: model.NoticeFailed})
			b.ok(err)
			if moved != (want && !again) {
				t.Errorf("recipient %d, again %v: moved %v", n, again, moved)
			}
		}
	}
	if r := b.state(sub.Recipients[0].RecipientKey); r.State != model.StateBounced || r.Last.Code != 550 {
		t.Errorf("after the DSN: %+v", r)
	}
	if n := len(b.events(store.EventFilter{Kinds: []model.EventKind{model.EventBounced}})); n != 2 {
		t.Errorf("%d events, want 2", n)
	}
	ev := b.event(model.EventBounced, 5, 0, "")
	if moved, err := b.Bounce(b.ctx, store.Outcome{Key: model.RecipientKey{Message: 5}, Reply: reply, Event: &ev}); moved || err != nil {
		t.Errorf("nobody: %v, %v", moved, err)
	}
}

func testNotices(t *testing.T, b *bench) {
	sub := b.message(1, 0, "a.example", "a.example")
	b.accept(sub)
	got := b.claim(7, sub.Recipients[0].Lane, 10)
	for _, r := range got.Recipients {
		_, err := b.Settle(b.ctx, []store.Outcome{{Key: r.RecipientKey, Lease: 7, State: model.StateBounced, At: now, Attempted: true, Notice: model.NoticeFailed}})
		b.ok(err)
	}
	ns, err := b.ListNotices(b.ctx, 10)
	b.ok(err)
	same(t, "notices", ns, []model.Notice{{Key: got.Recipients[0].RecipientKey, Kind: model.NoticeFailed, At: now}, {Key: got.Recipients[1].RecipientKey, Kind: model.NoticeFailed, At: now}})
	report := b.message(1, 0, "school.example")
	report.Answers = ns[:1]
	b.accept(report)
	left, err := b.ListNotices(b.ctx, 10)
	b.ok(err)
	same(t, "left after the DSN is queued", left, ns[1:])
	again := b.message(1, 0, "school.example")
	again.Answers = ns // one of them was answered already
	b.kind(b.Accept(b.ctx, []store.Submission{again}, nil), store.Conflict)
	_, err = b.Message(b.ctx, again.Message.ID)
	b.kind(err, store.NotFound)
	later := model.Notice{Key: sub.Recipients[0].RecipientKey, Kind: model.NoticeDelayed, At: now}
	b.ok(b.NoteEvents(b.ctx, []model.Event{b.event(model.EventDeferred, sub.Message.ID, 0, sub.Recipients[0].Address)}, later))
	left, err = b.ListNotices(b.ctx, 10)
	b.ok(err)
	same(t, "with that of an event", left, []model.Notice{later, ns[1]})
	b.ok(b.DropNotices(b.ctx, left))
	if left, err = b.ListNotices(b.ctx, 10); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func testRecover(t *testing.T, b *bench) {
	for range 5 {
		b.accept(b.message(1, 0, "a.example"))
	}
	lane := model.Lane{Domain: "a.example", Account: 1}
	b.claim(7, lane, 3)
	b.claim(8, lane, 1)
	due := now.Add(time.Second)
	for _, want := range []int{2, 1, 0} {
		n, err := b.RecoverLeases(b.ctx, 7, due, 2)
		b.ok(err)
		if n != want {
			t.Errorf("recovered %d, want %d", n, want)
		}
	}
	got, err := b.Claim(b.ctx, []store.Claim{{Lane: lane, Limit: 10}}, 9, due, due)
	b.ok(err)
	if len(got[0].Recipients) != 4 {
		t.Errorf("%d claimable, want 4", len(got[0].Recipients))
	}
	for _, r := range got[0].Recipients {
		if r.Attempts != 1 && r.Attempts != 2 {
			t.Errorf("attempts %d: a lost attempt is not forgotten", r.Attempts)
		}
	}
}
