package model

import (
	"testing"
	"time"
)

// TestSoftBouncesOverDays: how long mail goes on to an address whose mailbox is always full.
func TestSoftBouncesOverDays(t *testing.T) {
	const day = 24 * time.Hour
	for _, tt := range []struct {
		name  string
		every time.Duration
		times int // failures until it is given up; 0: never
	}{
		{"every hour", time.Hour, 97}, {"every day", day, 5}, {"every other day", 2 * day, 5}, {"every week", 7 * day, 6}, {"every month", 30 * day, 0},
	} {
		var b SoftBounce
		at := time.Date(2026, 11, 24, 0, 30, 0, 0, time.UTC)
		given := 0
		for i := 1; i <= 200 && given == 0; i++ {
			if b = b.Add(at); b.Enough() {
				given = i
			}
			at = at.Add(tt.every)
		}
		if given != tt.times {
			t.Errorf("%s: given up after %d failures, want %d; %+v", tt.name, given, tt.times, b)
		}
	}
}
