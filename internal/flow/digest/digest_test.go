package digest

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/engine/bounce"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/smtp"
	"github.com/budkavle/budkavle/internal/store"
	"github.com/budkavle/budkavle/internal/store/sqlite"
	"github.com/budkavle/budkavle/internal/store/sqlite/sqlitetest"
)

var update = flag.Bool("update", false, "write the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a store with an account that has a contact and a live domain.
type bench struct {
	t       testing.TB
	store   store.Store
	ids     *ident.Source
	zone    *time.Location
	account model.Account
	domain  model.Domain

	mu      sync.Mutex
	log     bytes.Buffer
	letters []model.Letter
	fault   error // of writing
}

// run gives the test a bench at 9:00 in Stockholm on 2026-11-24.
func run(t *testing.T, f func(t *testing.T, b *bench)) {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 11, 23, 12, 0, 0, 0, zone)))
		st, err := sqlite.Open(t.Context(), sqlitetest.File(t), clock.System{})
		if err != nil {
			t.Fatal(err)
		}
		b := &bench{t: t, store: st, ids: ident.NewSource(clock.System{}, 1), zone: zone}
		b.account = b.add("school")
		b.domain = b.addDomain("school.example", b.account.ID)
		f(t, b)
		b.ok(st.Close())
	})
}

func (b *bench) add(name string) model.Account {
	b.t.Helper()
	a, err := b.store.AddAccount(b.t.Context(), model.Account{Name: name, State: model.AccountActive, Weight: 1, Contact: "it@" + name + ".example", CreatedAt: time.Now()})
	b.ok(err)
	return a
}

func (b *bench) addDomain(name string, account model.AccountID) model.Domain {
	b.t.Helper()
	d := model.Domain{Name: name, Account: account, State: model.DomainLive, Setup: model.SetupTXT, CreatedAt: time.Now(), ChangedAt: time.Now()}
	d, err := b.store.AddDomain(b.t.Context(), d, nil, model.Event{ID: b.ids.Next(), Kind: model.EventDomain, At: time.Now()})
	b.ok(err)
	return d
}

func (b *bench) ok(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// note records an event of the domain now, and so many.
func (b *bench) note(n int, d model.Domain, kind model.EventKind, data model.EventData) {
	b.t.Helper()
	var evs []model.Event
	for i := range n {
		evs = append(evs, model.Event{
			ID: b.ids.Next(), Kind: kind, At: time.Now(), Account: d.Account, Domain: d.ID, Message: 1, N: i, Recipient: fmt.Sprintf("user%d@b.example", i), Data: data,
		})
	}
	b.ok(b.store.NoteEvents(b.t.Context(), evs))
}

func (b *bench) service(hour int) *Service {
	return New(Config{Store: b.store, Clock: clock.System{}, Log: slog.New(slog.NewTextHandler(&b.log, nil)), Location: b.zone, Hour: hour, Write: b.write})
}

func (b *bench) write(_ context.Context, l model.Letter) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fault == nil {
		b.letters = append(b.letters, l)
	}
	return b.fault
}

// during runs services while f does something.
func (b *bench) during(f func(), services ...*Service) {
	ctx, cancel := context.WithCancel(b.t.Context())
	var wg sync.WaitGroup
	for _, s := range services {
		wg.Go(func() { _ = s.Run(ctx) })
	}
	f()
	synctest.Wait()
	cancel()
	wg.Wait()
}

func (b *bench) at(hour, minute int) {
	time.Sleep(time.Until(time.Date(2026, 11, 24, hour, minute, 0, 0, b.zone)))
}

// busy is a day with something of everything.
func (b *bench) busy() {
	b.note(1200, b.domain, model.EventAccepted, model.EventData{})
	b.note(1100, b.domain, model.EventDelivered, model.EventData{})
	b.note(55, b.domain, model.EventBounced, model.EventData{Class: string(bounce.UserUnknown), Listed: true})
	b.note(5, b.domain, model.EventBounced, model.EventData{Class: string(bounce.UserUnknown)})
	b.note(3, b.domain, model.EventBounced, model.EventData{Class: string(bounce.SpamContent)})
	b.note(2, b.domain, model.EventExpired, model.EventData{Class: string(bounce.Network)})
	b.note(7, b.domain, model.EventBounced, model.EventData{Code: model.CodeSuppressedBounce})
	b.note(2, b.domain, model.EventComplained, model.EventData{Class: "abuse", Listed: true})
	b.note(4, b.domain, model.EventUnsubscribed, model.EventData{Tag: "news", Listed: true})
	b.note(6, b.domain, model.EventReplied, model.EventData{Class: "autoreply"})
}

func TestCount(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		other := b.addDomain("b.school.example", b.account.ID)
		shop := b.add("shop")
		foreign := b.addDomain("shop.example", shop.ID)
		time.Sleep(time.Until(time.Date(2026, 11, 23, 23, 59, 59, 0, b.zone)))
		b.busy()
		b.note(1, other, model.EventBounced, model.EventData{Class: "mailbox-full"})
		b.note(9, foreign, model.EventBounced, model.EventData{Class: "user-unknown", Listed: true})
		change := b.domain
		change.State, change.Reason, change.ChangedAt = model.DomainDegraded, "DKIM", time.Now()
		b.ok(b.store.ChangeDomain(t.Context(), store.DomainChange{Domain: change, From: model.DomainLive}))
		b.at(0, 0)
		b.note(100, b.domain, model.EventBounced, model.EventData{Class: "user-unknown", Listed: true}) // another day
		got, err := b.service(7).Of(t.Context(), &b.account, DayOf(time.Now().In(b.zone)).before())
		b.ok(err)
		want := Digest{
			Account: "school", Day: "2026-11-23", Sent: 1200, Delivered: 1100, Stopped: 7, Listed: 57, Complained: 2, Unsubscribed: 4, Answered: 6,
			Failed:  map[string]int64{"user-unknown": 60, "spam-content": 3, "network": 2, "mailbox-full": 1},
			Domains: []Fault{{"school.example", model.DomainDegraded, "DKIM"}}, Addresses: got.Addresses,
		}
		if d := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Digest{})); d != "" || len(got.Addresses) != MaxAddresses || got.Addresses[0] != "user0@b.example" {
			t.Errorf("%s, %d addresses", d, len(got.Addresses))
		}
	})
}

func TestLetter(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.busy()
		b.note(1, b.domain, model.EventBounced, model.EventData{Class: "authentication"})
		b.note(1, b.domain, model.EventBounced, model.EventData{Class: "reputation"})
		b.note(1, b.domain, model.EventBounced, model.EventData{Class: "message-too-large"})
		change := b.domain
		change.State, change.ChangedAt = model.DomainStopped, time.Now()
		b.ok(b.store.ChangeDomain(t.Context(), store.DomainChange{Domain: change, From: model.DomainLive}))
		b.addDomain("z.school.example", b.account.ID)
		b.during(func() { b.at(7, 1) }, b.service(7))
		if len(b.letters) != 1 {
			t.Fatalf("%d letters\n%s", len(b.letters), b.log.String())
		}
		l := b.letters[0]
		if l.To != "it@school.example" || l.Domain.Name != "z.school.example" || l.Requested {
			t.Errorf("letter %+v", l)
		}
		golden(t, "letter.txt", l.Subject+"\n\n"+l.Text)
	})
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Error(d)
	}
}

// Every class has words in both languages, and no other.
func TestEveryClassHasItsWords(t *testing.T) {
	sv, en := swedish(), english()
	if len(sv.classes) != len(en.classes) || len(en.classes) != 25 {
		t.Errorf("%d Swedish, %d English", len(sv.classes), len(en.classes))
	}
	for class := range en.classes {
		if sv.classes[class] == "" || en.classes[class] == "" {
			t.Errorf("%s has no words", class)
		}
	}
}

func TestToldOnceADay(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.busy()
		one, other := b.service(7), b.service(7)
		b.during(func() {
			b.at(6, 59)
			synctest.Wait()
			b.mu.Lock()
			if len(b.letters) > 0 {
				t.Error("told before the hour")
			}
			b.mu.Unlock()
			b.at(23, 0)
		}, one, other)
		b.during(func() { b.at(23, 30) }, b.service(7)) // a new process
		if len(b.letters) != 1 {
			t.Errorf("%d letters", len(b.letters))
		}
	})
}

func TestNothingToTell(t *testing.T) {
	for name, change := range map[string]func(b *bench){
		"all went well": func(b *bench) {
			b.note(5, b.domain, model.EventAccepted, model.EventData{})
			b.note(5, b.domain, model.EventDelivered, model.EventData{})
			b.note(1, b.domain, model.EventUnsubscribed, model.EventData{})
			b.note(2, b.domain, model.EventBounced, model.EventData{Code: 606})
		},
		"no mail":    func(*bench) {},
		"no contact": func(b *bench) { b.busy(); b.ok(b.store.SetAccountContact(b.t.Context(), b.account.ID, "")) },
		"not wanted": func(b *bench) {
			b.busy()
			b.ok(b.store.SetAccountQuiet(b.t.Context(), b.account.ID, model.Quiet{Digest: true}))
		},
		"not possible": func(b *bench) { b.busy(); b.fault = smtp.Errorf(550, "5.7.1", "Account is suspended") },
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, b *bench) {
				change(b)
				b.during(func() { b.at(23, 0) }, b.service(7))
				if len(b.letters) > 0 || strings.Count(b.log.String(), "\n") != map[bool]int{true: 1}[name == "not possible"] {
					t.Errorf("letters %+v\n%s", b.letters, b.log.String())
				}
			})
		})
	}
}

// What fails is tried again, told of once in the log, and holds up no other account.
func TestTriesOn(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.busy()
		shop := b.add("shop")
		b.note(1, b.addDomain("shop.example", shop.ID), model.EventBounced, model.EventData{Class: "user-unknown", Listed: true})
		b.fault = errors.New("no room")
		b.during(func() {
			b.at(9, 0)
			synctest.Wait()
			b.mu.Lock()
			b.fault = nil
			b.mu.Unlock()
			b.at(10, 0)
		}, b.service(7))
		if len(b.letters) != 2 || strings.Count(b.log.String(), "trying on") != 1 {
			t.Errorf("%d letters\n%s", len(b.letters), b.log.String())
		}
	})
}

func TestParseDay(t *testing.T) {
	if d, err := ParseDay("2026-03-29"); err != nil || d.number() != 20260329 || d.before().String() != "2026-03-28" {
		t.Errorf("%v, %v", d, err)
	}
	zone, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		t.Fatal(err)
	}
	if d, _ := ParseDay("2026-03-29"); d.end(zone).Sub(d.begin(zone)) != 23*time.Hour {
		t.Error("the day on which summer time begins has 23 hours")
	}
	for _, s := range []string{"", "2026-02-30", "yesterday", "2026-11-24T00:00"} {
		if _, err := ParseDay(s); err == nil {
			t.Errorf("%q is a day", s)
		}
	}
}
