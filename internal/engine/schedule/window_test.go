package schedule

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestWindowMovesByOneOverN(t *testing.T) {
	var w window
	w.init(5, 20)
	for range 4 {
		w.reached(5)
	}
	if w.size != 5 {
		t.Errorf("grew to %d before a cohort had succeeded", w.size)
	}
	w.reached(5)
	if w.size != 6 {
		t.Errorf("%d after a cohort of 5, want 6", w.size)
	}
	if w.failed() || w.size != 5 {
		t.Errorf("%d after one failure, want a step down at once", w.size)
	}
	w.reached(5) // a success between: the cohort has not failed
	for range 4 {
		w.failed()
	}
	if w.size != 4 {
		t.Errorf("%d after four more failures, want one step", w.size)
	}
}

func TestWindowGrowsOnlyWhatIsUsed(t *testing.T) {
	var w window
	w.init(5, 50)
	for range 1000 {
		w.reached(2)
	}
	if w.size > 7 {
		t.Errorf("window %d with 2 places in use", w.size)
	}
}

func TestACohortOfFailuresKills(t *testing.T) {
	for _, initial := range []int{1, 2, 3, 5, 10} {
		var w window
		w.init(initial, 20)
		failures := 1
		for !w.failed() {
			failures++
		}
		if failures > initial {
			t.Errorf("window %d took %d failures to die", initial, failures)
		}
		w.revive()
		if w.size != 1 || !w.failed() || w.deaths != 2 {
			t.Errorf("a failed probe did not kill again: %+v", w)
		}
	}
}

func TestWindowStaysInItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w window
		w.init(rapid.IntRange(1, 20).Draw(t, "initial"), rapid.IntRange(1, 50).Draw(t, "limit"))
		now := epoch
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0:
				if w.failed() {
					w.revive()
				}
			case 1:
				w.ease(rapid.IntRange(1, w.size).Draw(t, "busy"), now.Add(time.Minute))
			case 2:
				w.setLimit(rapid.IntRange(0, 50).Draw(t, "new limit"))
			default:
				w.reached(rapid.IntRange(1, w.size).Draw(t, "busy"))
			}
			now = now.Add(time.Duration(rapid.IntRange(0, 60).Draw(t, "s")) * time.Second)
			if w.size < 1 || w.size > w.limit || w.places(now) < 1 || w.places(now) > w.size {
				t.Fatalf("%+v: %d places", w, w.places(now))
			}
			if w.success < -1 || w.success > 1.5 || w.failure < 0 || w.failure > 1.5 {
				t.Fatalf("feedback out of its cycle: %+v", w)
			}
		}
	})
}

func TestRestsDoubleUpToTheirLimit(t *testing.T) {
	for times, want := range []time.Duration{time.Minute, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 15 * time.Minute, 15 * time.Minute} {
		if got := doubled(time.Minute, 15*time.Minute, times); got != want {
			t.Errorf("rest %d: %v, want %v", times, got, want)
		}
	}
}

func TestBucketKeepsItsRate(t *testing.T) {
	var b bucket
	b.set(20, 0, epoch)
	now, sent := epoch, 0
	for now.Before(epoch.Add(10 * time.Second)) {
		if !b.ready(now) {
			now = b.next()
			continue
		}
		n := 1 + sent%3
		b.take(n)
		sent += n
	}
	if sent < 198 || sent > 206 {
		t.Errorf("%d in 10 seconds at 20 a second", sent)
	}
	b.set(0, 0, now)
	if !b.ready(now) {
		t.Error("no rate, no token")
	}
}
