package storetest

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

func (b *bench) domainEvent() model.Event {
	return model.Event{ID: b.ids.Next(), Kind: model.EventDomain, At: now, Account: 1}
}

func (b *bench) domain(name string, next time.Time, keys ...model.SigningKey) model.Domain {
	b.t.Helper()
	d, err := b.AddDomain(b.ctx, model.Domain{Name: name, Account: 1, State: model.DomainAdded, Setup: model.SetupTXT, CreatedAt: now, ChangedAt: now, NextCheck: next}, keys, b.domainEvent())
	b.ok(err)
	return d
}

func signingKey(selector, algorithm string, s model.KeyState) model.SigningKey {
	return model.SigningKey{Selector: selector, Algorithm: algorithm, State: s, Public: []byte{1}, Sealed: []byte{2, 0}, CreatedAt: now, ChangedAt: now, SeenAt: now.Add(time.Second), MissedAt: now.Add(time.Minute)}
}

func (b *bench) reads(d model.Domain, keys ...model.SigningKey) {
	b.t.Helper()
	got, err := b.Domain(b.ctx, d.Name)
	b.ok(err)
	same(b.t, "domain", got, d)
	for i := range keys {
		keys[i].Domain = d.ID
	}
	stored, err := b.SigningKeys(b.ctx, d.ID)
	b.ok(err)
	same(b.t, "keys", stored, keys)
}

func testDomains(t *testing.T, b *bench) {
	keys := []model.SigningKey{signingKey("r1", model.AlgorithmRSA, model.KeyActive), signingKey("e1", model.AlgorithmEd25519, model.KeyComing)}
	n, err := b.NumberDomain(b.ctx)
	b.ok(err)
	d := model.Domain{
		ID: n, Name: "school.example", Account: 1, State: model.DomainWaiting, Reason: "r", Waiver: "w", Token: "t", Setup: model.SetupCNAME, Open: true, ReturnPath: true,
		Lacks: []string{"spf", "dkim"}, CreatedAt: now, ChangedAt: now.Add(1 * time.Second), OwnedAt: now.Add(2 * time.Second), AskedAt: now.Add(3 * time.Second), CheckedAt: now.Add(4 * time.Second), NextCheck: now.Add(5 * time.Second), RotatedAt: now.Add(6 * time.Second),
	}
	d2, err := b.AddDomain(b.ctx, d, keys, b.domainEvent())
	b.ok(err)
	same(t, "what was added", d2, d)
	b.reads(d, keys...)
	_, err = b.AddDomain(b.ctx, model.Domain{Name: "school.example", Account: 2, State: model.DomainAdded}, nil, b.domainEvent())
	b.kind(err, store.Exists)
	if n := len(b.events(store.EventFilter{Domain: d.ID})); n != 1 {
		t.Errorf("%d events of the domain, want 1", n)
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
	b.ok(b.ChangeDomain(b.ctx, store.DomainChange{Domain: d, From: d.State, Proof: []byte("{}")}))
	b.ok(b.RemoveDomain(b.ctx, d.ID, b.domainEvent()))
	_, err = b.DomainByID(b.ctx, d.ID)
	b.kind(err, store.NotFound)
	_, err = b.Credential(b.ctx, "u")
	b.kind(err, store.NotFound)
	if got, err := b.SigningKeys(b.ctx, d.ID); err != nil || len(got) != 0 {
		t.Errorf("keys left: %v, %v", got, err)
	}
	if got, err := b.Proof(b.ctx, d.ID); err != nil || got != nil {
		t.Errorf("proof left: %s, %v", got, err)
	}
	b.kind(b.RemoveDomain(b.ctx, d.ID, b.domainEvent()), store.NotFound)
	next, err := b.AddDomain(b.ctx, model.Domain{Name: "shop.example", Account: 2, State: model.DomainAdded}, nil, b.domainEvent())
	b.ok(err)
	if next.ID <= d.ID {
		t.Errorf("domain %s has the number, and with it the events, of one that was removed", next.Name)
	}
}

func testChangeDomain(t *testing.T, b *bench) {
	coming, active := signingKey("r2", model.AlgorithmRSA, model.KeyComing), signingKey("r1", model.AlgorithmRSA, model.KeyActive)
	spare := signingKey("e1", model.AlgorithmEd25519, model.KeyWithdrawn)
	d := b.domain("school.example", now, active, coming, spare)
	if got, err := b.Proof(b.ctx, d.ID); err != nil || got != nil {
		t.Errorf("proof before any check: %s, %v", got, err)
	}
	later := now.Add(time.Minute)
	d.State, d.Reason, d.Token, d.Setup, d.Open, d.ReturnPath, d.Lacks = model.DomainLive, "proved", "t", model.SetupCNAME, true, true, []string{"dmarc"}
	d.ChangedAt, d.OwnedAt, d.AskedAt, d.CheckedAt, d.NextCheck, d.RotatedAt = later, later.Add(1*time.Second), later.Add(2*time.Second), later.Add(3*time.Second), later.Add(4*time.Second), later.Add(5*time.Second)
	active.State, active.ChangedAt = model.KeyRetired, later
	coming.State, coming.ChangedAt, coming.SeenAt, coming.MissedAt = model.KeyActive, later, later, time.Time{}
	added := signingKey("e2", model.AlgorithmEd25519, model.KeyComing)
	ev := b.domainEvent()
	ev.Domain = d.ID
	change := store.DomainChange{Domain: d, From: model.DomainAdded, Proof: bytes.Repeat([]byte("x"), store.MaxProof), Event: &ev, Keys: []store.KeyChange{
		{SigningKey: active, From: model.KeyActive}, {SigningKey: coming, From: model.KeyComing}, {SigningKey: added}, {SigningKey: spare, From: model.KeyWithdrawn, Gone: true},
	}}
	b.ok(b.ChangeDomain(b.ctx, change))
	d.Revision++
	b.reads(d, active, coming, added)
	if got, err := b.Proof(b.ctx, d.ID); err != nil || !bytes.Equal(got, change.Proof) {
		t.Errorf("proof of %d octets, %v", len(got), err)
	}
	evs := b.events(store.EventFilter{Domain: d.ID, Ascending: true})
	same(t, "events", evs[1:], []model.Event{ev})

	d.Lacks, d.Waiver = nil, "known"
	b.ok(b.ChangeDomain(b.ctx, store.DomainChange{Domain: d, From: model.DomainLive}))
	d.Revision++
	b.reads(d, active, coming, added)
	if got, err := b.Proof(b.ctx, d.ID); err != nil || len(got) != store.MaxProof {
		t.Errorf("a change without a proof left %d octets of the last, %v", len(got), err)
	}
}

func testChangeDomainConflicts(t *testing.T, b *bench) {
	key := signingKey("r1", model.AlgorithmRSA, model.KeyActive)
	d := b.domain("school.example", now, key)
	lost := key
	lost.State = model.KeyLost
	for name, change := range map[string]func(c *store.DomainChange){
		"older than what is stored":  func(c *store.DomainChange) { c.Domain.Revision = -1 },
		"of another state":           func(c *store.DomainChange) { c.From, c.Domain.State = model.DomainWaiting, model.DomainLive },
		"a state it cannot come to":  func(c *store.DomainChange) { c.Domain.State = model.DomainDegraded },
		"a key that is not there":    func(c *store.DomainChange) { c.Keys[0].Selector = "none" },
		"a key of another state":     func(c *store.DomainChange) { c.Keys[0].From, c.Keys[0].State = model.KeyComing, model.KeyActive },
		"a key of an illegal change": func(c *store.DomainChange) { c.Keys[0].State = model.KeyWithdrawn },
		"a key gone of another state": func(c *store.DomainChange) {
			c.Keys[0].From, c.Keys[0].Gone = model.KeyRetired, true
		},
	} {
		t.Run(name, func(t *testing.T) {
			ev := b.domainEvent()
			ev.Domain = d.ID
			c := store.DomainChange{Domain: d, From: model.DomainAdded, Proof: []byte("{}"), Event: &ev, Keys: []store.KeyChange{{SigningKey: lost, From: model.KeyActive}}}
			c.Domain.State, c.Domain.Reason = model.DomainWaiting, "r"
			change(&c)
			b.kind(b.ChangeDomain(b.ctx, c), store.Conflict)
		})
	}
	b.kind(b.ChangeDomain(b.ctx, store.DomainChange{Domain: d, From: d.State, Keys: []store.KeyChange{{SigningKey: key}}}), store.Exists)
	b.kind(b.ChangeDomain(b.ctx, store.DomainChange{Domain: d, From: d.State, Proof: make([]byte, store.MaxProof+1)}), store.Internal)
	b.reads(d, key)
	if n := len(b.events(store.EventFilter{Domain: d.ID})); n != 1 {
		t.Errorf("changes that were refused left %d events", n-1)
	}
	if got, err := b.Proof(b.ctx, d.ID); err != nil || got != nil {
		t.Errorf("changes that were refused left the proof %s, %v", got, err)
	}
}

func testClaimDomains(t *testing.T, b *bench) {
	const count, limit = 50, 3
	for i := range count {
		b.domain(fmt.Sprintf("d%02d.example", i), now.Add(-time.Duration(i)*time.Second))
	}
	b.domain("later.example", now.Add(time.Second))
	until := now.Add(10 * time.Minute)
	first, err := b.ClaimDomains(b.ctx, now, until, limit)
	b.ok(err)
	if len(first) != limit || first[0].Name != "d49.example" || first[2].Name != "d47.example" || !first[0].NextCheck.Equal(until) {
		t.Errorf("the longest due are not first: %+v", first)
	}
	var mu sync.Mutex
	got := map[string]int{}
	for _, d := range first {
		got[d.Name]++
	}
	var claimers sync.WaitGroup
	for range maxWriters + 2 {
		claimers.Go(func() {
			for {
				list, err := b.ClaimDomains(b.ctx, now, until, limit)
				if err != nil {
					b.t.Error(err)
				}
				if len(list) == 0 {
					return
				}
				mu.Lock()
				for _, d := range list {
					got[d.Name]++
				}
				mu.Unlock()
			}
		})
	}
	claimers.Wait()
	for i := range count {
		if name := fmt.Sprintf("d%02d.example", i); got[name] != 1 {
			t.Errorf("%s was claimed %d times", name, got[name])
		}
	}
	if len(got) != count {
		t.Errorf("%d domains claimed, want %d", len(got), count)
	}
	again, err := b.ClaimDomains(b.ctx, until, until.Add(time.Hour), 2*count)
	b.ok(err)
	if len(again) != count+1 {
		t.Errorf("%d domains are due after the claims ran out, want %d", len(again), count+1)
	}
	d := again[0]
	d.State = model.DomainWaiting
	b.ok(b.ChangeDomain(b.ctx, store.DomainChange{Domain: d, From: model.DomainAdded})) // a claim is no change of the domain
}

func testDomainKeys(t *testing.T, b *bench) {
	var want []store.DomainKeys
	for i := range 4 {
		keys := []model.SigningKey{signingKey("r", model.AlgorithmRSA, model.KeyActive), signingKey("e", model.AlgorithmEd25519, model.KeyComing)}
		if i == 2 {
			keys = nil
		}
		d := b.domain(fmt.Sprintf("d%d.example", 9-i), now, keys...)
		for i := range keys {
			keys[i].Domain = d.ID
		}
		want = append(want, store.DomainKeys{Domain: d, Keys: keys})
	}
	var got []store.DomainKeys
	for after := model.DomainID(0); ; {
		page, err := b.ListDomainKeys(b.ctx, after, 3)
		b.ok(err)
		got = append(got, page...)
		if len(page) < 3 {
			break
		}
		after = page[2].ID
	}
	same(t, "domains with their keys", got, want)
}
