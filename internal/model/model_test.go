package model

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var states = []RecipientState{StateWaiting, StateLeased, StateHeld, StateDelivered, StateBounced, StateExpired, StateCancelled}

// TestMoves is the whole table of RecipientState.
func TestMoves(t *testing.T) {
	want := map[string]string{
		"waiting": "leased held bounced expired cancelled", "leased": "waiting delivered bounced expired", "held": "waiting bounced expired cancelled",
		"delivered": "bounced", "bounced": "", "expired": "", "cancelled": "",
	}
	for _, from := range states {
		var got []string
		for _, to := range states {
			if from.CanBecome(to) {
				got = append(got, to.String())
			}
		}
		if s := strings.Join(got, " "); s != want[from.String()] {
			t.Errorf("%v can become %q, want %q", from, s, want[from.String()])
		}
	}
}

// TestWalks takes legal moves at random: what is final stays so, but for the DSN that comes after the receiver's 250, and
// the only way to delivered is a lease.
func TestWalks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, bounces := StateWaiting, 0
		for range 20 {
			next := rapid.SampledFrom(states).Draw(t, "next")
			if !s.CanBecome(next) {
				continue
			}
			if s == next {
				t.Fatalf("%v may become itself", s)
			}
			if s.Final() && !(s == StateDelivered && next == StateBounced) {
				t.Fatalf("%v is final and became %v", s, next)
			}
			if next == StateDelivered && s != StateLeased {
				t.Fatalf("%v became delivered without a lease", s)
			}
			if s = next; s == StateBounced {
				bounces++
			}
		}
		if bounces > 1 {
			t.Fatal("bounced twice")
		}
	})
}

func TestStateNames(t *testing.T) {
	for i, s := range states {
		if int(s) != i {
			t.Errorf("%v is stored as %d, not %d", s, s, i) // the numbers are in every store
		}
		if got, ok := ParseState(s.String()); !ok || got != s {
			t.Errorf("ParseState(%q) = %v, %v", s, got, ok)
		}
	}
	if _, ok := ParseState("lost"); ok || RecipientState(7).String() != "unknown" || RecipientState(-1).String() != "unknown" {
		t.Error("a state that is none has a name")
	}
	if ClassBulk.String() != "bulk" || ClassTransactional.String() != "transactional" {
		t.Error("names of classes")
	}
}

func TestMaySend(t *testing.T) {
	for s, want := range map[DomainState]bool{DomainAdded: false, DomainWaiting: false, DomainLive: true, DomainDegraded: true, DomainStopped: false} {
		if s.MaySend() != want {
			t.Errorf("%s may send: %v", s, !want)
		}
	}
}

func TestMovesOfDomainsAndKeys(t *testing.T) {
	domains := []DomainState{DomainAdded, DomainWaiting, DomainLive, DomainDegraded, DomainStopped}
	var got []string
	for _, a := range domains {
		for _, b := range domains {
			if a.CanBecome(b) {
				got = append(got, string(a+" "+b))
			}
		}
	}
	keys := []KeyState{KeyComing, KeyActive, KeyLost, KeyRetired, KeyWithdrawn}
	for _, a := range keys {
		for _, b := range keys {
			if a.CanBecome(b) {
				got = append(got, string(a+" "+b))
			}
		}
	}
	want := []string{
		"added waiting", "added live", "waiting live", "live degraded", "live stopped", "degraded live", "degraded stopped", "stopped live", "stopped degraded",
		"coming active", "active lost", "active retired", "lost active", "lost retired", "retired withdrawn",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

// TestJSON is what the command line prints and the stores keep.
func TestJSON(t *testing.T) {
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		value any
		want  string
	}{
		{Account{ID: 1, Name: "school", State: AccountActive, Weight: 1, CreatedAt: at}, `{"id":1,"name":"school","state":"active","bulk":false,"operator":false,"weight":1,"created_at":"2026-11-23T09:00:00Z"}`},
		{
			Domain{ID: 2, Name: "school.example", Account: 1, State: DomainLive, Waiver: "test", Setup: SetupTXT, CreatedAt: at, ChangedAt: at},
			`{"id":2,"name":"school.example","account":1,"state":"live","waiver":"test","setup":"txt","created_at":"2026-11-23T09:00:00Z","changed_at":"2026-11-23T09:00:00Z"}`,
		},
		{
			SigningKey{Domain: 2, Selector: "s", Algorithm: AlgorithmEd25519, State: KeyActive, Public: []byte{1}, Sealed: []byte("secret"), CreatedAt: at},
			`{"domain":2,"selector":"s","algorithm":"ed25519","state":"active","public":"AQ==","created_at":"2026-11-23T09:00:00Z"}`,
		},
		{
			Credential{Username: "u", Account: 1, Salt: []byte("s"), Iterations: 1, StoredKey: []byte("s"), ServerKey: []byte("s"), CreatedAt: at},
			`{"username":"u","account":1,"created_at":"2026-11-23T09:00:00Z"}`,
		},
		{APIKey{ID: 5, Account: 1, Name: "n", Prefix: "key-a", Hash: []byte("s"), CreatedAt: at}, `{"id":"000000000000a","account":1,"name":"n","prefix":"key-a","created_at":"2026-11-23T09:00:00Z"}`},
		{RecipientKey{Message: 5, N: 1}, `{"message":"000000000000a","n":1}`},
		{Meta{}, `{}`},
		{Meta{MessageID: "1@x", Return: ReturnFull, Tags: []string{"a"}}, `{"message_id":"1@x","tags":["a"],"ret":"FULL"}`},
		{EventData{}, `{}`},
		{EventData{Delays: &Delays{Accept: time.Millisecond}, Delayed: true}, `{"delays":{"accept":1000000,"queue":0,"connect":0,"send":0},"delayed":true}`},
	} {
		got, err := json.Marshal(tt.value)
		if err != nil || string(got) != tt.want {
			t.Errorf("%T: %s, %v\nwant %s", tt.value, got, err, tt.want)
		}
	}
}
