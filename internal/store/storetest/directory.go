package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func testAccounts(t *testing.T, b *bench) {
	a, err := b.AddAccount(b.ctx, model.Account{Name: "school", State: model.AccountActive, Bulk: true, Operator: true, Weight: 3, CreatedAt: now})
	b.ok(err)
	c, err := b.AddAccount(b.ctx, model.Account{Name: "shop", State: model.AccountActive, Weight: 1, CreatedAt: now})
	b.ok(err)
	if a.ID != 1 || c.ID != 2 {
		t.Errorf("numbers %d and %d", a.ID, c.ID)
	}
	_, err = b.AddAccount(b.ctx, model.Account{Name: "school", State: model.AccountActive})
	b.kind(err, store.Exists)
	got, err := b.Account(b.ctx, "school")
	b.ok(err)
	same(t, "account", got, a)
	_, err = b.Account(b.ctx, "none")
	b.kind(err, store.NotFound)
	_, err = b.AccountByID(b.ctx, 99)
	b.kind(err, store.NotFound)
	ev := model.Event{ID: b.ids.Next(), Kind: model.EventAccount, At: now, Account: a.ID, Data: model.EventData{Reason: "unpaid"}}
	b.ok(b.SetAccountState(b.ctx, a.ID, model.AccountSuspended, "unpaid", ev))
	b.kind(b.SetAccountState(b.ctx, 99, model.AccountSuspended, "", ev), store.NotFound)
	got, err = b.AccountByID(b.ctx, a.ID)
	b.ok(err)
	a.State, a.Reason = model.AccountSuspended, "unpaid"
	same(t, "suspended account", got, a)
	same(t, "event of the change", b.events(store.EventFilter{Account: a.ID}), []model.Event{ev})
	list, err := b.ListAccounts(b.ctx, "school", 10)
	b.ok(err)
	same(t, "accounts after school", list, []model.Account{c})
}

func testDomains(t *testing.T, b *bench) {
	keys := []model.SigningKey{
		{Selector: "r1", Algorithm: model.AlgorithmRSA, State: model.KeyActive, Public: []byte{1}, Sealed: []byte{2, 0}, CreatedAt: now},
		{Selector: "e1", Algorithm: model.AlgorithmEd25519, State: model.KeyComing, Public: []byte{3}, Sealed: []byte{4}, CreatedAt: now},
	}
	ev := model.Event{ID: b.ids.Next(), Kind: model.EventDomain, At: now, Account: 1}
	d, err := b.AddDomain(b.ctx, model.Domain{Name: "school.example", Account: 1, State: model.DomainAdded, CreatedAt: now, ChangedAt: now}, keys, ev)
	b.ok(err)
	_, err = b.AddDomain(b.ctx, model.Domain{Name: "school.example", Account: 2, State: model.DomainAdded}, nil, model.Event{ID: b.ids.Next()})
	b.kind(err, store.Exists)
	got, err := b.SigningKeys(b.ctx, d.ID)
	b.ok(err)
	for i := range keys {
		keys[i].Domain = d.ID
	}
	same(t, "keys", got, keys)
	later := now.Add(time.Minute)
	b.ok(b.SetDomainState(b.ctx, d.ID, model.DomainLive, "", "trusted", model.Event{ID: b.ids.Next(), Kind: model.EventDomain, At: later, Domain: d.ID}))
	d.State, d.Waiver, d.ChangedAt = model.DomainLive, "trusted", later
	byName, err := b.Domain(b.ctx, "school.example")
	b.ok(err)
	same(t, "domain", byName, d)
	if n := len(b.events(store.EventFilter{Domain: d.ID})); n != 2 {
		t.Errorf("%d events of the domain, want 2", n)
	}
	b.ok(b.AddCredential(b.ctx, model.Credential{Username: "u", Account: 1, Domain: d.ID, Salt: []byte{1}, StoredKey: []byte{2}, ServerKey: []byte{3}, CreatedAt: now}))
	list, err := b.ListDomains(b.ctx, 1, "", 10)
	b.ok(err)
	same(t, "domains of the account", list, []model.Domain{d})
	list, err = b.ListDomains(b.ctx, 2, "", 10)
	b.ok(err)
	if len(list) != 0 {
		t.Errorf("another account has %v", list)
	}
	b.ok(b.RemoveDomain(b.ctx, d.ID, model.Event{ID: b.ids.Next(), Kind: model.EventDomain, At: later, Domain: d.ID}))
	_, err = b.DomainByID(b.ctx, d.ID)
	b.kind(err, store.NotFound)
	_, err = b.Credential(b.ctx, "u")
	b.kind(err, store.NotFound)
	if got, err = b.SigningKeys(b.ctx, d.ID); err != nil || len(got) != 0 {
		t.Errorf("keys left: %v, %v", got, err)
	}
	b.kind(b.RemoveDomain(b.ctx, d.ID, model.Event{ID: b.ids.Next()}), store.NotFound)
	next, err := b.AddDomain(b.ctx, model.Domain{Name: "shop.example", Account: 2, State: model.DomainAdded}, nil, model.Event{ID: b.ids.Next(), Kind: model.EventDomain, At: now})
	b.ok(err)
	if next.ID == d.ID {
		t.Errorf("domain %s has the number, and with it the events, of one that was removed", next.Name)
	}
}

func testCredentials(t *testing.T, b *bench) {
	c := model.Credential{Username: "school-1", Account: 1, Salt: []byte{0, 1}, Iterations: 4096, StoredKey: []byte{2}, ServerKey: []byte{3}, CreatedAt: now}
	b.ok(b.AddCredential(b.ctx, c))
	b.kind(b.AddCredential(b.ctx, c), store.Exists)
	got, err := b.Credential(b.ctx, "school-1")
	b.ok(err)
	same(t, "credential", got, c)
	list, err := b.ListCredentials(b.ctx, 0, "", 10)
	b.ok(err)
	same(t, "credentials", list, []model.Credential{c})
	b.ok(b.RemoveCredential(b.ctx, "school-1"))
	b.kind(b.RemoveCredential(b.ctx, "school-1"), store.NotFound)
}

func testKeys(t *testing.T, b *bench) {
	k := model.APIKey{ID: b.ids.Next(), Account: 1, Name: "web", Prefix: "key-abc", Hash: []byte{1, 2, 3}, CreatedAt: now}
	b.ok(b.AddKey(b.ctx, k))
	got, err := b.KeyByHash(b.ctx, []byte{1, 2, 3})
	b.ok(err)
	same(t, "key", got, k)
	_, err = b.KeyByHash(b.ctx, []byte{9})
	b.kind(err, store.NotFound)
	list, err := b.ListKeys(b.ctx, 1, 10)
	b.ok(err)
	same(t, "keys", list, []model.APIKey{k})
	b.ok(b.RemoveKey(b.ctx, k.ID))
	b.kind(b.RemoveKey(b.ctx, k.ID), store.NotFound)
}

func testNodes(t *testing.T, b *bench) {
	b.ok(b.Signal(b.ctx, store.SignalQueue))
	b.ok(b.Signal(b.ctx, store.SignalQueue))
	b.ok(b.Signal(b.ctx, store.SignalDirectory))
	got, err := b.Signals(b.ctx)
	b.ok(err)
	if got[store.SignalQueue] != 2 || got[store.SignalDirectory] != 1 {
		t.Errorf("signals %v", got)
	}
	old, err := b.OpenLease(b.ctx, "mx1", now, now.Add(time.Minute))
	b.ok(err)
	mine, err := b.OpenLease(b.ctx, "mx1", now, now.Add(time.Minute))
	b.ok(err)
	other, err := b.OpenLease(b.ctx, "mx2", now, now.Add(time.Minute))
	b.ok(err)
	if old == mine || mine == other || old == 0 {
		t.Errorf("leases %d %d %d", old, mine, other)
	}
	dead, err := b.DeadLeases(b.ctx, "mx1", mine, now)
	b.ok(err)
	same(t, "an earlier process of the node is dead at once", dead, []int64{old})
	b.ok(b.RenewLease(b.ctx, mine, now.Add(time.Hour)))
	dead, err = b.DeadLeases(b.ctx, "mx3", 0, now.Add(2*time.Minute))
	b.ok(err)
	same(t, "another node is dead when its lease has expired", dead, []int64{old, other})
	b.ok(b.CloseLease(b.ctx, old))
	b.kind(b.RenewLease(b.ctx, old, now), store.NotFound)
	next, err := b.OpenLease(b.ctx, "mx1", now, now)
	b.ok(err)
	if next <= other {
		t.Errorf("lease %d was used before", next)
	}
}
