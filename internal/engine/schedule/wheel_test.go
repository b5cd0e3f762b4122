package schedule

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestTimersRingOnTimeWhateverTheDistance(t *testing.T) {
	for _, d := range []time.Duration{
		0, time.Millisecond, 10 * time.Millisecond, 2550 * time.Millisecond, 2560 * time.Millisecond, 2570 * time.Millisecond, time.Minute,
		11 * time.Minute, time.Hour, 46 * time.Hour, 47 * time.Hour, 100 * 24 * time.Hour, 600 * 24 * time.Hour, -time.Hour,
	} {
		var w wheel[int]
		w.init(epoch)
		w.advance(epoch.Add(1234*time.Millisecond), func(int) {})
		start := epoch.Add(1234 * time.Millisecond)
		at := start.Add(d)
		tm := timer[int]{owner: 1}
		w.set(&tm, at)
		rang := time.Time{}
		for steps := 0; rang.IsZero(); steps++ {
			next, ok := w.next()
			if !ok || steps > 100 {
				t.Fatalf("%v: lost after %d steps", d, steps)
			}
			w.advance(next, func(int) { rang = next })
		}
		if late := rang.Sub(at); late < 0 && d >= 0 || late > tick && d >= 0 {
			t.Errorf("%v: rang %v late", d, late)
		}
	}
}

// TestWheelAgainstAList sets, stops and advances at random; a plain list says what must ring.
func TestWheelAgainstAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w wheel[int]
		w.init(epoch)
		now := epoch
		timers := make([]timer[int], 20)
		due := map[int]time.Time{}
		for i := range timers {
			timers[i].owner = i
		}
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			i := rapid.IntRange(0, len(timers)-1).Draw(t, "timer")
			switch rapid.IntRange(0, 2).Draw(t, "step") {
			case 0:
				// Distances of every size, from ticks to years.
				d := time.Duration(1) << rapid.IntRange(20, 55).Draw(t, "bits")
				due[i] = now.Add(d + time.Duration(rapid.Int64Range(0, int64(d)).Draw(t, "more")))
				w.set(&timers[i], due[i])
			case 1:
				delete(due, i)
				w.stop(&timers[i])
			case 2:
				d := time.Duration(1) << rapid.IntRange(20, 52).Draw(t, "bits")
				now = now.Add(d)
				var rang []int
				w.advance(now, func(i int) { rang = append(rang, i) })
				var want []int
				for i, at := range due {
					if !at.Truncate(0).After(w.time(w.now)) {
						want = append(want, i)
						delete(due, i)
					}
				}
				slices.Sort(rang)
				slices.Sort(want)
				if !slices.Equal(rang, want) {
					t.Fatalf("at %v rang %v, want %v", now, rang, want)
				}
			}
			first := time.Time{}
			for _, at := range due {
				if first.IsZero() || at.Before(first) {
					first = at
				}
			}
			next, ok := w.next()
			if ok != (len(due) > 0) || ok && next.After(first.Add(tick)) {
				t.Fatalf("next is %v %v, the first alarm %v", next, ok, first)
			}
			if i, ok := w.last(); ok != (len(due) > 0) || ok && due[i].IsZero() {
				t.Fatalf("last is %d, %v", i, ok)
			}
		}
	})
}

func TestLastIsAmongTheFarthest(t *testing.T) {
	var w wheel[int]
	w.init(epoch)
	timers := make([]timer[int], 1000)
	for i := range timers {
		timers[i].owner = i
		w.set(&timers[i], epoch.Add(time.Duration(i*i)*time.Second))
	}
	for range 100 {
		i, _ := w.last()
		if i < 600 {
			t.Fatalf("timer %d is not among the farthest", i)
		}
		w.stop(&timers[i])
	}
}
