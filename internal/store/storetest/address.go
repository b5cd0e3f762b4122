package storetest

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

func (b *bench) addressEvent() model.Event {
	return model.Event{ID: b.ids.Next(), Kind: model.EventAddress, At: now, Data: model.EventData{Reason: "r"}}
}

func sourceAddress(text string, s model.AddressState) model.SourceAddress {
	return model.SourceAddress{
		Address: netip.MustParseAddr(text), State: s, Helo: "mx1.example", Pool: "default", Node: "n1", Note: "rented", PTR: model.PTRUnclear, PTRFault: "f", Listed: []string{"a.example", "b.example"},
		CreatedAt: now, ChangedAt: now.Add(time.Second), ReadyAt: now.Add(2 * time.Second), RetiresAt: now.Add(3 * time.Second), CheckedAt: now.Add(4 * time.Second), NextCheck: now.Add(5 * time.Second),
	}
}

// announced is what the suite says of an address; the number is that which the store is to give it.
func announced(a *model.SourceAddress, from model.AddressState, number int64) model.Announcement {
	return model.Announcement{Number: number, At: now, Address: a.Address, From: from, To: a.State, Helo: a.Helo, Effective: now.Add(time.Hour)}
}

// address adds an address; its announcement is the nth.
func (b *bench) address(a model.SourceAddress, nth int64) {
	b.t.Helper()
	b.ok(b.AddAddress(b.ctx, a, announced(&a, "", 0), b.addressEvent()))
	list, err := b.Announcements(b.ctx, nth-1, 10)
	b.ok(err)
	same(b.t, "announcements", list, []model.Announcement{announced(&a, "", nth)})
}

func testAddresses(t *testing.T, b *bench) {
	if last, err := b.LastAnnouncement(b.ctx); err != nil || last.Number != 0 {
		t.Errorf("announcements of an empty store: %+v, %v", last, err)
	}
	four, six := sourceAddress("192.0.2.1", model.AddressWarming), sourceAddress("2001:db8::1", model.AddressActive)
	six.CreatedAt, six.Listed, six.RetiresAt, six.CheckedAt = now.Add(-time.Second), nil, time.Time{}, time.Time{}
	b.address(four, 1)
	b.address(six, 2)
	b.kind(b.AddAddress(b.ctx, four, announced(&four, "", 0), b.addressEvent()), store.Exists)
	list, err := b.ListAddresses(b.ctx)
	b.ok(err)
	same(t, "addresses, the older first", list, []model.SourceAddress{six, four})
	_, err = b.Address(b.ctx, netip.MustParseAddr("192.0.2.9"))
	b.kind(err, store.NotFound)

	four.State, four.Helo, four.Pool, four.Node, four.Note, four.PTR, four.PTRFault, four.Listed = model.AddressRetiring, "h", "p", "", "", model.PTRProved, "", nil
	four.ChangedAt, four.ReadyAt, four.RetiresAt, four.CheckedAt, four.NextCheck = now.Add(6*time.Second), now.Add(7*time.Second), now.Add(8*time.Second), now.Add(9*time.Second), now.Add(10*time.Second)
	said := announced(&four, model.AddressWarming, 0)
	ev := b.addressEvent()
	b.ok(b.ChangeAddress(b.ctx, store.AddressChange{Address: four, From: model.AddressWarming, Said: &said, Events: []model.Event{ev}}))
	four.Revision++
	got, err := b.Address(b.ctx, four.Address)
	b.ok(err)
	same(t, "changed address", got, four)
	last, err := b.LastAnnouncement(b.ctx)
	b.ok(err)
	same(t, "last announcement", last, announced(&four, model.AddressWarming, 3))
	b.ok(b.ChangeAddress(b.ctx, store.AddressChange{Address: four, From: model.AddressRetiring})) // nothing said, no event
	four.Revision++
	if n := len(b.events(store.EventFilter{})); n != 3 {
		t.Errorf("%d events, want 3", n)
	}

	b.kind(b.RemoveAddress(b.ctx, four.Address, b.addressEvent()), store.Conflict)
	four.State = model.AddressRetired
	b.ok(b.ChangeAddress(b.ctx, store.AddressChange{Address: four, From: model.AddressRetiring}))
	b.ok(b.RemoveAddress(b.ctx, four.Address, b.addressEvent()))
	b.kind(b.RemoveAddress(b.ctx, four.Address, b.addressEvent()), store.NotFound)
	list, err = b.ListAddresses(b.ctx)
	b.ok(err)
	same(t, "addresses left", list, []model.SourceAddress{six})
}

func testChangeAddressConflicts(t *testing.T, b *bench) {
	a := sourceAddress("192.0.2.1", model.AddressWarming)
	b.address(a, 1)
	for name, change := range map[string]func(c *store.AddressChange){
		"older than what is stored":     func(c *store.AddressChange) { c.Address.Revision = -1 },
		"of another state":              func(c *store.AddressChange) { c.From, c.Address.State = model.AddressActive, model.AddressRetiring },
		"a state it cannot come to":     func(c *store.AddressChange) { c.Address.State = model.AddressRetired },
		"an address that is not there":  func(c *store.AddressChange) { c.Address.Address = netip.MustParseAddr("192.0.2.2") },
		"a date where no date can come": func(c *store.AddressChange) { c.From, c.Address.State = model.AddressRetiring, model.AddressRetiring },
	} {
		t.Run(name, func(t *testing.T) {
			c := store.AddressChange{Address: a, From: a.State, Events: []model.Event{b.addressEvent()}}
			said := announced(&a, a.State, 0)
			c.Address.State, c.Said = model.AddressActive, &said
			change(&c)
			b.kind(b.ChangeAddress(b.ctx, c), store.Conflict)
		})
	}
	got, err := b.Address(b.ctx, a.Address)
	b.ok(err)
	same(t, "address", got, a)
	if n := len(b.events(store.EventFilter{})); n != 1 {
		t.Errorf("changes that were refused left %d events", n-1)
	}
	if last, err := b.LastAnnouncement(b.ctx); err != nil || last.Number != 1 {
		t.Errorf("changes that were refused were announced: %+v, %v", last, err)
	}
}

func testClaimAddresses(t *testing.T, b *bench) {
	for i := range 5 {
		a := sourceAddress(fmt.Sprintf("192.0.2.%d", i+1), model.AddressActive)
		a.NextCheck = now.Add(-time.Duration(i) * time.Second)
		b.address(a, int64(i+1))
	}
	until := now.Add(10 * time.Minute)
	got, err := b.ClaimAddresses(b.ctx, now.Add(-time.Second), until, 2)
	b.ok(err)
	if len(got) != 2 || got[0].Address.String() != "192.0.2.5" || got[1].Address.String() != "192.0.2.4" || !got[0].NextCheck.Equal(until) {
		t.Errorf("the longest due are not first: %+v", got)
	}
	rest, err := b.ClaimAddresses(b.ctx, now, until, 10)
	b.ok(err)
	if len(rest) != 3 {
		t.Errorf("%d addresses claimed after the first two, want 3", len(rest))
	}
	got[0].PTR = model.PTRProved
	b.ok(b.ChangeAddress(b.ctx, store.AddressChange{Address: got[0], From: got[0].State})) // a claim is no change
	again, err := b.ClaimAddresses(b.ctx, until, until.Add(time.Hour), 10)
	b.ok(err)
	if len(again) != 5 {
		t.Errorf("%d addresses are due after the claims ran out, want 5", len(again))
	}
}

func (b *bench) subscriber(target string) model.Subscriber {
	b.t.Helper()
	u := model.Subscriber{ID: b.ids.Next(), Kind: model.SubscriberURL, Target: target, Language: "sv", Sealed: []byte{1, 0}, CreatedAt: now}
	b.ok(b.AddSubscriber(b.ctx, u))
	return u
}

func testSubscribers(t *testing.T, b *bench) {
	before := b.subscriber("https://a.example/hook")
	a := sourceAddress("192.0.2.1", model.AddressWarming)
	b.address(a, 1)
	after := model.Subscriber{ID: b.ids.Next(), Kind: model.SubscriberMail, Target: "mail@b.example", Language: "en", CreatedAt: now.Add(time.Second)}
	b.ok(b.AddSubscriber(b.ctx, after))
	after.Told = 1 // what was announced before it asked stands on the page
	b.kind(b.AddSubscriber(b.ctx, model.Subscriber{ID: b.ids.Next(), Kind: model.SubscriberMail, Target: after.Target, Language: "sv"}), store.Exists)
	list, err := b.ListSubscribers(b.ctx)
	b.ok(err)
	same(t, "subscribers, the older first", list, []model.Subscriber{before, after})

	until := now.Add(time.Minute)
	var mu sync.Mutex
	var got []model.Subscriber
	var claimers sync.WaitGroup
	for range maxWriters + 1 {
		claimers.Go(func() {
			list, err := b.ClaimSubscribers(b.ctx, now, until, 10)
			if err != nil {
				b.t.Error(err)
			}
			mu.Lock()
			got = append(got, list...)
			mu.Unlock()
		})
	}
	claimers.Wait()
	before.NextTry = until
	same(t, "claimed, by one alone", got, []model.Subscriber{before})

	before.Attempts, before.Failure, before.NextTry = 1, "503", now.Add(5*time.Minute)
	b.ok(b.ToldSubscriber(b.ctx, before, 0, nil))
	if got, err = b.ClaimSubscribers(b.ctx, now.Add(4*time.Minute), until, 10); err != nil || len(got) != 0 {
		t.Errorf("claimed before its time: %+v, %v", got, err)
	}
	got, err = b.ClaimSubscribers(b.ctx, before.NextTry, before.NextTry, 10)
	b.ok(err)
	same(t, "claimed again", got, []model.Subscriber{before})
	ev := b.addressEvent()
	before.Told, before.Attempts, before.Failure, before.NextTry = 1, 0, "", time.Time{}
	b.ok(b.ToldSubscriber(b.ctx, before, 0, &ev))
	b.kind(b.ToldSubscriber(b.ctx, before, 0, nil), store.Conflict)
	if n := len(b.events(store.EventFilter{})); n != 2 {
		t.Errorf("%d events, want that of the address and that of the subscriber", n)
	}
	if got, err = b.ClaimSubscribers(b.ctx, now.Add(time.Hour), until, 10); err != nil || len(got) != 0 {
		t.Errorf("claimed with nothing to be told: %+v, %v", got, err)
	}
	b.ok(b.RemoveSubscriber(b.ctx, before.Target))
	b.kind(b.RemoveSubscriber(b.ctx, before.Target), store.NotFound)
	b.kind(b.ToldSubscriber(b.ctx, before, 1, nil), store.Conflict)
}
