package storetest

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) }), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func testAccounts(t *testing.T, b *bench) {
	a, err := b.AddAccount(b.ctx, model.Account{Name: "school", State: model.AccountActive, Bulk: true, Operator: true, Weight: 3, Contact: "it@school.example", CreatedAt: now})
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
	b.ok(b.SetAccountContact(b.ctx, c.ID, "it@shop.example"))
	b.kind(b.SetAccountContact(b.ctx, 99, ""), store.NotFound)
	c.Contact = "it@shop.example"
	quiet := model.Quiet{BulkDSN: true, Replies: true}
	b.ok(b.SetAccountQuiet(b.ctx, c.ID, quiet))
	b.kind(b.SetAccountQuiet(b.ctx, 99, quiet), store.NotFound)
	c.Quiet = quiet
	list, err := b.ListAccounts(b.ctx, "school", 10)
	b.ok(err)
	same(t, "accounts after school", list, []model.Account{c})
}

func testDigests(t *testing.T, b *bench) {
	add := func(name, contact string, q model.Quiet) model.Account {
		a, err := b.AddAccount(b.ctx, model.Account{Name: name, State: model.AccountActive, Weight: 1, Contact: contact, Quiet: q, CreatedAt: now})
		b.ok(err)
		return a
	}
	school, shop := add("school", "it@school.example", model.Quiet{}), add("shop", "it@shop.example", model.Quiet{})
	add("mute", "", model.Quiet{})
	add("quiet", "it@quiet.example", model.Quiet{Digest: true})
	claim := func(day int, at time.Time, limit int) []model.Account {
		t.Helper()
		list, err := b.ClaimDigests(b.ctx, day, at, at.Add(time.Minute), limit)
		b.ok(err)
		return list
	}
	if got := claim(20261123, now, 1); len(got) != 1 || len(claim(20261123, now, 10)) != 1 || len(claim(20261123, now, 10)) != 0 {
		t.Errorf("claimed twice, or not at all: %v", got)
	}
	b.ok(b.ToldDigest(b.ctx, shop.ID, 20261123))
	b.ok(b.ToldDigest(b.ctx, shop.ID, 20261122))
	same(t, "the claim of a node that died ends", claim(20261123, now.Add(2*time.Minute), 10), []model.Account{school})
	same(t, "the day after", claim(20261124, now.Add(2*time.Minute), 10), []model.Account{shop})
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
	for after, want := range map[time.Duration]int{0: 2, time.Minute: 1, 2 * time.Hour: 0} {
		if n, err := b.LiveNodes(b.ctx, now.Add(after)); err != nil || n != want {
			t.Errorf("%d live nodes after %v, %v; want %d", n, after, err, want)
		}
	}
	b.ok(b.CloseLease(b.ctx, old))
	b.kind(b.RenewLease(b.ctx, old, now), store.NotFound)
	next, err := b.OpenLease(b.ctx, "mx1", now, now)
	b.ok(err)
	if next <= other {
		t.Errorf("lease %d was used before", next)
	}
}
