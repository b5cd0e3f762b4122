package model

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func halfHour(limit int64) Charge {
	return Charge{Scope: ScopeAccount, Limits: Limits{HalfHour: limit}}
}

// TestHalfHourSlides sends at the edges of the half hour.
func TestHalfHourSlides(t *testing.T) {
	var m Meter
	c := halfHour(3)
	for i, tt := range []struct {
		after time.Duration
		n     int64
		fits  bool
	}{
		{0, 1, true},
		{10 * time.Minute, 2, true},
		{10 * time.Minute, 1, false},
		{HalfHour - time.Microsecond, 1, false},
		{HalfHour, 1, true}, // the first has left at this instant
		{HalfHour, 1, false},
		{40*time.Minute - time.Microsecond, 1, false},
		{40 * time.Minute, 2, true},
		{40 * time.Minute, 1, false},
		{5 * time.Hour, 3, true},
		{5 * time.Hour, 1, false},
		{9 * time.Hour, 4, false}, // more than there is ever room for
	} {
		now := noon.Add(tt.after)
		m.Turn(now)
		over := m.Room(c, tt.n)
		if (over == nil) != tt.fits {
			t.Fatalf("%d: %d after %v: %+v", i, tt.n, tt.after, over)
		}
		if over == nil {
			m.Count(c.Limits, tt.n, now)
			continue
		}
		if tt.n > c.Limits.HalfHour {
			if !over.Until.IsZero() {
				t.Errorf("%d: room at %v", i, over.Until)
			}
			continue
		}
		// There is room at the instant that was named, and not a microsecond before.
		for at, fits := range map[time.Time]bool{over.Until: true, over.Until.Add(-time.Microsecond): false} {
			later := m
			later.Turn(at)
			if got := later.Room(c, tt.n) == nil; got != fits {
				t.Errorf("%d: room at %v: %v", i, at, got)
			}
		}
	}
}

// TestNoHalfHourHasMore sends as fast as the limit lets it, at any times, and then counts in every half hour. Clocks of nodes may
// differ.
func TestNoHalfHourHasMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.SampledFrom([]int64{1, 7, 100, exactTo, exactTo + 1, 5000}).Draw(t, "limit")
		var m Meter
		var taken []Burst
		now := noon
		for range rapid.IntRange(1, 300).Draw(t, "calls") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(2*time.Minute)).Draw(t, "pause"))).Truncate(time.Microsecond)
			n := rapid.Int64Range(1, limit).Draw(t, "n")
			m.Turn(now)
			if m.Room(halfHour(limit), n) == nil {
				m.Count(Limits{HalfHour: limit}, n, now)
				taken = append(taken, Burst{now.UnixMicro(), n})
			}
			again, err := ParseWindow(m.Recent.AppendBinary(nil))
			if err != nil || cmp.Diff(m.Recent, again) != "" && len(m.Recent) > 0 {
				t.Fatalf("stored and read: %v, %v", again, err)
			}
			m.Recent = again
		}
		for i, first := range taken {
			sum := int64(0)
			for _, b := range taken[i:] {
				if b.At < first.At+HalfHour.Microseconds() {
					sum += b.N
				}
			}
			if sum > limit {
				t.Fatalf("%d of %d in the half hour from %v", sum, limit, time.UnixMicro(first.At))
			}
		}
	})
}

// TestWindowStaysSmall sends ten messages every 10 ms for an hour against a limit that has room for them.
func TestWindowStaysSmall(t *testing.T) {
	var m Meter
	now := noon
	for range 360_000 {
		now = now.Add(10 * time.Millisecond)
		m.Turn(now)
		m.Count(Limits{HalfHour: 10_000_000}, 10, now)
	}
	if n, sum := len(m.Recent), m.Recent.Sum(); n > 129 || sum < 1_800_000 || sum > 1_800_000+14_080 {
		t.Errorf("%d entries of %d messages", n, sum)
	}
	if size := len(m.Recent.AppendBinary(nil)); size > 1000 {
		t.Errorf("%d octets stored", size)
	}
}

func TestDayAndMonth(t *testing.T) {
	var m Meter
	send := func(at string, l Limits, n int64) *Over {
		t.Helper()
		now, err := time.Parse(time.DateTime, at)
		if err != nil {
			t.Fatal(err)
		}
		m.Turn(now)
		over := m.Room(Charge{Limits: l}, n)
		if over == nil {
			m.Count(l, n, now)
		}
		return over
	}
	l := Limits{Day: 10, Month: 15}
	if send("2026-11-30 00:00:00", l, 10) != nil {
		t.Fatal("the first ten")
	}
	if o := send("2026-11-30 23:59:59", l, 1); o == nil || o.Period != PerDay || o.Count != 10 || o.Until.Format(time.DateTime) != "2026-12-01 00:00:00" {
		t.Errorf("eleventh of the day: %+v", o)
	}
	if send("2026-12-01 00:00:00", l, 10) != nil || send("2026-12-02 00:00:00", l, 5) != nil {
		t.Error("a new day and month")
	}
	if o := send("2026-12-03 00:00:00", l, 1); o == nil || o.Period != PerMonth || o.Until.Format(time.DateTime) != "2027-01-01 00:00:00" {
		t.Errorf("sixteenth of the month: %+v", o)
	}
	// The clock of a node that is behind does not bring an old day back.
	m.Turn(time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC))
	if m.InIt != 15 || MonthOf(m.Month.Begin()) != m.Month {
		t.Errorf("%+v", m)
	}
}

func TestLimitsOver(t *testing.T) {
	got := Limits{HalfHour: NoLimit, Day: 5}.Over(Limits{HalfHour: 500, Day: 9, Size: 7})
	if want := (Limits{HalfHour: NoLimit, Day: 5, Size: 7}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func FuzzParseWindow(f *testing.F) {
	f.Add(Window{{1, 1}, {noon.UnixMicro(), 500}}.AppendBinary(nil))
	f.Add([]byte{0x80})
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := ParseWindow(b)
		if err != nil {
			return
		}
		again, err := ParseWindow(w.AppendBinary(nil))
		if err != nil || len(again) != len(w) || len(w) > 0 && cmp.Diff(w, again) != "" {
			t.Errorf("%v became %v, %v", w, again, err)
		}
	})
}
