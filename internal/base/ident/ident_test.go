package ident

import (
	"sync"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
)

type fixed struct {
	clock.System
	now time.Time
}

func (f *fixed) Now() time.Time { return f.now }

func TestNextNeverRepeatsWhenTheClockStandsOrStepsBack(t *testing.T) {
	c := &fixed{now: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)}
	s := NewSource(c, 7)
	last := ID(0)
	for i := range 10_000 {
		if i == 5_000 {
			c.now = c.now.Add(-time.Hour)
		}
		id := s.Next()
		if id <= last {
			t.Fatalf("identifier %d: %v after %v", i, id, last)
		}
		last = id
	}
}

func TestNextIsUniqueAmongConcurrentCallersAndNodes(t *testing.T) {
	var mu sync.Mutex
	seen := map[ID]bool{}
	var wg sync.WaitGroup
	for node := range 4 {
		s := NewSource(clock.System{}, node)
		for range 4 {
			wg.Go(func() {
				for range 1_000 {
					id := s.Next()
					mu.Lock()
					if seen[id] {
						t.Errorf("%v made twice", id)
					}
					seen[id] = true
					mu.Unlock()
				}
			})
		}
	}
	wg.Wait()
	if len(seen) != 16_000 {
		t.Errorf("%d identifiers, want 16000", len(seen))
	}
}

func TestTextFormSortsAndReturns(t *testing.T) {
	c := &fixed{now: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)}
	a := NewSource(c, 1).Next()
	c.now = c.now.Add(time.Millisecond)
	b := NewSource(c, 0).Next()
	if !(a < b) || !(a.String() < b.String()) || len(a.String()) != 13 {
		t.Errorf("%v %v do not sort as their times", a, b)
	}
	back, err := Parse(a.String())
	if err != nil || back != a {
		t.Errorf("Parse(%q) = %v, %v", a.String(), back, err)
	}
	if got := a.Time(); !got.Equal(c.now.Add(-time.Millisecond)) {
		t.Errorf("Time() = %v", got)
	}
	if First(c.now) > b || First(c.now) <= a {
		t.Errorf("First does not part %v from %v", a, b)
	}
	if far := First(time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)); far <= b || First(time.Time{}) != 0 {
		t.Errorf("First of times out of range: %v, %v", far, First(time.Time{}))
	}
	for _, bad := range []string{"", "x", "00000000000000", "uuuuuuuuuuuuu", "0000000000000"} {
		if _, err := Parse(bad); err == nil {
			t.Errorf("Parse(%q) succeeded", bad)
		}
	}
}
