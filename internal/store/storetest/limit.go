package storetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

func (b *bench) account(name string) model.Account {
	b.t.Helper()
	a, err := b.AddAccount(b.ctx, model.Account{Name: name, State: model.AccountActive, Weight: 1, CreatedAt: now})
	b.ok(err)
	return a
}

// counted is a message that counts n against the account's half hour, and locks it when that is over.
func (b *bench) counted(a model.AccountID, n, limit int64) store.Submission {
	sub := b.message(a, 0, "a.example")
	sub.Budget = &store.Budget{
		N:       n,
		Charges: []model.Charge{{Scope: model.ScopeAccount, Limits: model.Limits{HalfHour: limit}, Locks: true}},
		Lock: func(o *model.Over) (string, model.Event) {
			ev := b.event(model.EventAccount, 0, 0, "")
			ev.Account, ev.Domain, ev.Data.Reason = a, 0, "locked: "+o.Error()
			return fmt.Sprintf("more than %d", o.Limit), ev
		},
	}
	return sub
}

func over(t testing.TB, err error) *model.Over {
	t.Helper()
	var o *model.Over
	if !store.Is(err, store.Over) || !errors.As(err, &o) {
		t.Fatalf("error %v, want one of kind %q", err, store.Over)
	}
	return o
}

func testLimitRules(t *testing.T, b *bench) {
	a, c := b.account("school"), b.account("shop")
	rules := []model.LimitRule{
		{Account: a.ID, Scope: model.ScopeAccount, Limits: model.Limits{HalfHour: 100, Day: model.NoLimit, Month: 9, Recipients: 10, Size: 1 << 40}},
		{Account: a.ID, Scope: model.ScopeCredential, Name: model.EachName, Limits: model.Limits{HalfHour: 5}},
		{Account: a.ID, Scope: model.ScopeDomain, Name: "school.example", Limits: model.Limits{Day: 7}},
	}
	for _, i := range []int{2, 0, 1} {
		b.ok(b.SetLimit(b.ctx, rules[i]))
	}
	got, err := b.ListLimits(b.ctx, a.ID)
	b.ok(err)
	same(t, "rules", got, rules)
	rules[1].Limits = model.Limits{Day: 8}
	b.ok(b.SetLimit(b.ctx, rules[1]))
	b.ok(b.SetLimit(b.ctx, model.LimitRule{Account: a.ID, Scope: model.ScopeDomain, Name: "school.example"}))
	got, err = b.ListLimits(b.ctx, a.ID)
	b.ok(err)
	same(t, "changed rules", got, rules[:2])
	for i := range model.MaxLimitRules {
		b.ok(b.SetLimit(b.ctx, model.LimitRule{Account: c.ID, Scope: model.ScopeDomain, Name: fmt.Sprintf("d%d.example", i), Limits: model.Limits{Day: 1}}))
	}
	b.kind(b.SetLimit(b.ctx, model.LimitRule{Account: c.ID, Scope: model.ScopeDomain, Name: "more.example", Limits: model.Limits{Day: 1}}), store.Full)
	if got, err = b.ListLimits(b.ctx, c.ID); err != nil || len(got) != model.MaxLimitRules {
		t.Errorf("%d rules, %v", len(got), err)
	}
}

// testBudget has fifty callers send what one limit has room for and more: as much as it has room for is taken, the next one
// locks, and mail of others that shares the commits is not harmed.
func testBudget(t *testing.T, b *bench) {
	const limit, callers = 100, 50
	a, other := b.account("school"), b.account("shop")
	var taken, locked, refused atomic.Int64
	var wg sync.WaitGroup
	for range callers {
		mine, others := [4]store.Submission{}, [4]store.Submission{} // identifiers are not made by many at once in a test
		for i := range mine {
			mine[i], others[i] = b.counted(a.ID, 1, limit), b.counted(other.ID, 1, 1000)
		}
		wg.Go(func() {
			for i := range mine {
				err := b.Accept(b.ctx, mine[i:i+1], nil)
				var o *model.Over
				switch {
				case err == nil:
					taken.Add(1)
				case errors.As(err, &o) && o.Locked:
					locked.Add(1)
				case errors.As(err, &o) && o.State == model.AccountLocked && o.Reason == "more than 100":
					refused.Add(1)
				default:
					t.Errorf("error %v", err)
				}
				if err := b.Accept(b.ctx, others[i:i+1], nil); err != nil {
					t.Errorf("another account: %v", err)
				}
			}
		})
	}
	wg.Wait()
	if taken.Load() != limit || locked.Load() != 1 || refused.Load() != 4*callers-limit-1 {
		t.Errorf("%d taken, %d locked, %d refused", taken.Load(), locked.Load(), refused.Load())
	}
	got, err := b.AccountByID(b.ctx, a.ID)
	b.ok(err)
	if got.State != model.AccountLocked || got.Reason != "more than 100" || time.Since(got.LockedAt).Abs() > time.Hour {
		t.Errorf("account %+v", got)
	}
	evs := b.events(store.EventFilter{Account: a.ID, Kinds: []model.EventKind{model.EventAccount}})
	if len(evs) != 1 || evs[0].Data.Reason != "locked: limit of account: 100 a half hour, of which 100 are used and 1 more were asked for" {
		t.Errorf("events %+v", evs)
	}
	if sig, err := b.Signals(b.ctx); err != nil || sig[store.SignalDirectory] != 1 {
		t.Errorf("signals %v, %v", sig, err)
	}
	reading, err := b.Readings(b.ctx, other.ID, 10)
	b.ok(err)
	if len(reading) != 1 || reading[0].Meter.Today != 4*callers || reading[0].Meter.InIt != 4*callers || reading[0].Meter.Recent.Sum() != 4*callers {
		t.Errorf("readings %+v", reading)
	}
	b.unlock(a)
	b.accept(b.counted(a.ID, limit, limit)) // a new half hour
	if o := over(t, b.Accept(b.ctx, []store.Submission{b.counted(a.ID, 1, limit)}, nil)); !o.Locked || o.Count != limit {
		t.Errorf("over %+v", o)
	}
}

func (b *bench) unlock(a model.Account) {
	b.t.Helper()
	b.ok(b.SetAccountState(b.ctx, a.ID, model.AccountActive, "", b.event(model.EventAccount, 0, 0, "")))
}

func testBudgetOfOneCall(t *testing.T, b *bench) {
	a := b.account("school")
	b.accept(b.counted(a.ID, 6, 10))
	subs := []store.Submission{b.counted(a.ID, 2, 10), b.message(a.ID, 0, "a.example"), b.counted(a.ID, 3, 10)}
	for i := range subs {
		if subs[i].Budget != nil {
			subs[i].Budget.Charges[0].Locks = false
		}
	}
	o := over(t, b.Accept(b.ctx, subs, nil))
	if o.Locked || o.Count != 6 || o.N != 5 || o.Limit != 10 || o.Period != model.PerHalfHour || o.Until.IsZero() {
		t.Errorf("over %+v", o)
	}
	_, err := b.Message(b.ctx, subs[0].Message.ID)
	b.kind(err, store.NotFound)
	b.accept(subs[:2]...)
	// An account that is not active takes nothing that is counted, and what is not counted still.
	b.ok(b.SetAccountState(b.ctx, a.ID, model.AccountSuspended, "unpaid", b.event(model.EventAccount, 0, 0, "")))
	if o := over(t, b.Accept(b.ctx, []store.Submission{b.counted(a.ID, 1, 10)}, nil)); o.State != model.AccountSuspended || o.Reason != "unpaid" || o.Locked {
		t.Errorf("over %+v", o)
	}
	b.accept(b.message(a.ID, 0, "a.example"))
	b.kind(b.Accept(b.ctx, []store.Submission{b.counted(99, 1, 10)}, nil), store.NotFound)
}

func testScopes(t *testing.T, b *bench) {
	a := b.account("school")
	send := func(n int64, charges ...model.Charge) error {
		sub := b.counted(a.ID, n, 1)
		sub.Budget.Charges = charges
		return b.Accept(b.ctx, []store.Submission{sub}, nil)
	}
	whole := model.Charge{Scope: model.ScopeAccount, Limits: model.Limits{HalfHour: 100, Day: 9}}
	user := model.Charge{Scope: model.ScopeCredential, Name: "web", Limits: model.Limits{Month: 5}}
	b.ok(send(5, whole, user))
	if o := over(t, send(1, whole, user)); o.Charge.Name != "web" || o.Period != model.PerMonth || o.Until.Before(time.Now()) {
		t.Errorf("over %+v", o)
	}
	b.ok(send(4, whole)) // what was refused did not count against the account
	if o := over(t, send(1, whole)); o.Charge.Scope != model.ScopeAccount || o.Period != model.PerDay || o.Count != 9 {
		t.Errorf("over %+v", o)
	}
	if o := over(t, send(6, user)); !o.Until.IsZero() {
		t.Errorf("more than the limit has room for at all, until %v", o.Until)
	}
	got, err := b.Readings(b.ctx, a.ID, 10)
	b.ok(err)
	month := got[0].Meter.Month
	if n, err := b.PurgeMeters(b.ctx, month, 10); n != 0 || err != nil {
		t.Errorf("purged %d of the month itself, %v", n, err)
	}
	if n, err := b.PurgeMeters(b.ctx, month+1, 1); n != 1 || err != nil {
		t.Errorf("purged %d, %v", n, err)
	}
	if left, err := b.Readings(b.ctx, a.ID, 10); len(left) != 1 || err != nil {
		t.Errorf("left %v, %v", left, err)
	}
	if len(got) != 2 || got[0].Meter.Today != 9 || got[1].Name != "web" || got[1].Meter.InIt != 5 || got[1].Meter.Recent != nil {
		t.Errorf("readings %+v", got)
	}
}

func testClaimLocks(t *testing.T, b *bench) {
	a := b.account("school")
	before := b.Stats().Changes
	claim := func(at time.Time) []model.Account {
		t.Helper()
		list, err := b.ClaimLocks(b.ctx, at, at.Add(time.Minute), 10)
		b.ok(err)
		return list
	}
	if got := claim(now); len(got) != 0 || b.Stats().Changes != before {
		t.Errorf("claimed %v, with a change", got)
	}
	_ = over(t, b.Accept(b.ctx, []store.Submission{b.counted(a.ID, 11, 10)}, nil))
	if first, again, later := claim(now), claim(now), claim(now.Add(time.Minute)); len(first) != 1 || first[0].ID != a.ID || len(again) != 0 || len(later) != 1 {
		t.Errorf("claimed %v, %v, %v", first, again, later)
	}
	told := b.event(model.EventAccount, 0, 0, "told")
	b.ok(b.ToldLock(b.ctx, a.ID, told))
	same(t, "event of the telling", b.events(store.EventFilter{Recipient: "told"}), []model.Event{told})
	if got := claim(now.Add(time.Hour)); len(got) != 0 {
		t.Errorf("told, and claimed again: %v", got)
	}
}
