package model

import (
	"strings"
	"testing"
	"time"
)

// TestAddressMoves is the whole table of AddressState.
func TestAddressMoves(t *testing.T) {
	states := []AddressState{AddressWarming, AddressActive, AddressRetiring, AddressRetired}
	want := map[AddressState]string{
		AddressWarming: "active retiring", AddressActive: "warming retiring", AddressRetiring: "active retiring retired", AddressRetired: "warming",
	}
	for _, from := range states {
		var got []string
		for _, to := range states {
			if from.CanBecome(to) {
				got = append(got, string(to))
			}
		}
		if s := strings.Join(got, " "); s != want[from] {
			t.Errorf("%s can become %q, want %q", from, s, want[from])
		}
	}
}

func TestAnAddressSendsUntilItsLastMoment(t *testing.T) {
	at := time.Date(2026, 12, 24, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		state AddressState
		now   time.Time
		want  bool
	}{
		{AddressWarming, at, true},
		{AddressActive, at, true},
		{AddressRetiring, at.Add(-1), true},
		{AddressRetiring, at, false},
		{AddressRetired, at.Add(-1), false},
	} {
		if a := (SourceAddress{State: tt.state, RetiresAt: at}); a.Sends(tt.now) != tt.want {
			t.Errorf("%s at %v: sends is %v", tt.state, tt.now, !tt.want)
		}
	}
}
