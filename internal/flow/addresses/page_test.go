package addresses

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestLettersGolden is every letter of this package, as a person reads it.
func TestLettersGolden(t *testing.T) {
	at := time.Date(2026, 12, 8, 9, 0, 0, 0, time.UTC)
	s := &Service{Config: Config{Page: Page{URL: "https://mail.example/senders"}}}
	var said []model.Announcement
	for _, to := range []model.AddressState{model.AddressWarming, model.AddressActive, model.AddressRetiring, model.AddressRetired} {
		said = append(said, model.Announcement{Address: one, To: to, Effective: at})
	}
	letters := []letter{s.announced("sv", said), s.announced("en", said)}
	a := model.SourceAddress{Address: one, PTR: model.PTRMissing, PTRFault: "the address has no PTR record", Listed: []string{"zen.spamhaus.org"}}
	for _, turn := range []turn{ptrTurn(&a, true), ptrTurn(&a, false), listTurn(&a, true), listTurn(&a, false)} {
		letters = append(letters, turn.letter)
	}
	var b strings.Builder
	for _, l := range letters {
		b.WriteString("== " + l.subject + "\n\n" + l.text + "\n")
	}
	const golden = "testdata/letters.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(golden); err != nil || b.String() != string(want) {
		t.Errorf("the letters are not as in %s (%v); look with git diff after -update", golden, err)
	}
}

func TestSheet(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		if s, err := w.Sheet(ctx, ""); err != nil || len(s.Addresses) != 0 || !s.Changed.IsZero() || s.NoticeDays != 1 || s.Links["text"] != "https://mail.example/senders.txt" {
			t.Errorf("%+v, %v", s, err)
		}
		w.add(one, "")
		_, err := w.Add(ctx, model.SourceAddress{Address: two, State: model.AddressActive, Node: "mx2.example", Note: "rented from a friend"})
		w.ok(err)
		pass(hour)
		_, err = w.Set(ctx, two, Change{State: model.AddressRetiring, On: time.Now().Add(hour)})
		w.ok(err)
		changed := time.Now()
		w.ok(w.Load(ctx))
		s, err := w.Sheet(ctx, "")
		w.ok(err)
		if len(s.Addresses) != 2 || s.Addresses[0].Address != one || s.Addresses[0].ReadyAt.IsZero() || s.Addresses[1].EHLO != "mx2.example" || strings.Join(s.EHLO, " ") != "mx1.example mx2.example" || !s.Changed.Equal(changed.Truncate(time.Microsecond)) {
			t.Errorf("%+v", s)
		}
		pass(2 * hour) // nobody watches
		if s, err = w.Sheet(ctx, ""); err != nil || s.Addresses[1].State != model.AddressRetired || s.Addresses[1].InUse() {
			t.Errorf("after its last day: %+v, %v", s.Addresses, err)
		}
		w.run(w.Service)
		pass(2 * time.Minute)
		if s, err = w.Sheet(ctx, ""); err != nil || len(s.Addresses) != 2 {
			t.Errorf("just retired: %+v, %v", s.Addresses, err)
		}
		w.stop()
		pass(retiredShown)
		if s, err = w.Sheet(ctx, ""); err != nil || len(s.Addresses) != 1 {
			t.Errorf("long retired: %+v, %v", s.Addresses, err)
		}
	})
}

func TestASheetOfADomain(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		d, err := w.store.AddDomain(ctx, model.Domain{Name: "school.example", Account: 1, State: model.DomainAdded, Setup: model.SetupTXT}, []model.SigningKey{
			{Public: []byte{1}, Sealed: []byte{1}, Selector: "a", Algorithm: model.AlgorithmRSA, State: model.KeyActive}, {Public: []byte{1}, Sealed: []byte{1}, Selector: "b", Algorithm: model.AlgorithmEd25519, State: model.KeyComing},
		}, model.Event{ID: w.IDs.Next(), Kind: model.EventDomain, At: time.Now(), Account: 1})
		w.ok(err)
		for _, name := range []string{"school.example", "none.example", "<b>", "127.0.0.1"} {
			if _, err := w.Sheet(ctx, name); !store.Is(err, store.NotFound) {
				t.Errorf("%s, which may not send: %v", name, err)
			}
		}
		d.State, d.ReturnPath = model.DomainLive, true
		w.ok(w.store.ChangeDomain(ctx, store.DomainChange{Domain: d, From: model.DomainAdded}))
		s, err := w.Sheet(ctx, "School.Example")
		w.ok(err)
		if s.Domain == nil || s.Domain.Envelope != "bounce.school.example" || strings.Join(s.Domain.Selectors, " ") != "a" {
			t.Errorf("%+v", s.Domain)
		}
	})
}
