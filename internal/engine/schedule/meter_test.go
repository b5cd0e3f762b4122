package schedule

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
)

// TestNoWindowHasMoreThanItsNumber takes whatever a meter gives, at random moments, and looks at every window of a second,
// a minute and an hour that begins with something sent.
func TestNoWindowHasMoreThanItsNumber(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := Limits{
			Rate:      rapid.SampledFrom([]float64{0, 0.2, 1, 2.5, 20}).Draw(t, "second"),
			PerMinute: rapid.SampledFrom([]int{0, 7, 300}).Draw(t, "minute"), PerHour: rapid.SampledFrom([]int{0, 100, 1000}).Draw(t, "hour"),
		}
		var m meter
		m.set(l, epoch)
		var at []time.Time
		now := epoch.Add(time.Duration(rapid.IntRange(0, 1e9).Draw(t, "offset")))
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			if n := min(m.free(now), rapid.IntRange(1, 30).Draw(t, "n")); n > 0 {
				m.take(n, now)
				for range n {
					at = append(at, now)
				}
			} else if next := m.next(now); !next.After(now) || next.Sub(now) > time.Hour+time.Hour/slotsOf {
				t.Fatalf("nothing is free at %v, and something will be at %v", now, next)
			}
			switch rapid.IntRange(0, 2).Draw(t, "pass") {
			case 0:
				now = now.Add(time.Duration(rapid.Int64Range(0, int64(2*time.Second)).Draw(t, "some")))
			case 1:
				now = m.next(now)
			}
		}
		for _, w := range []struct {
			limit  int
			window time.Duration
		}{{int(math.Ceil(l.Rate)), time.Second}, {l.PerMinute, time.Minute}, {l.PerHour, time.Hour}} {
			for i, from := 0, 0; i < len(at) && w.limit > 0; i++ {
				for at[i].Sub(at[from]) >= w.window {
					from++
				}
				if n := i - from + 1; n > w.limit {
					t.Fatalf("%d in the %v before %v, at most %d", n, w.window, at[i], w.limit)
				}
			}
		}
	})
}

func TestAQuotaIsUsed(t *testing.T) {
	var q quota
	q.set(20, time.Second)
	now, sent := epoch, 0
	for now.Before(epoch.Add(100 * time.Second)) {
		if q.free(now) == 0 {
			now = q.next(now)
			continue
		}
		q.take(1, now)
		sent++
	}
	if sent < 1960 || sent > 2000 {
		t.Errorf("%d in 100 seconds at 20 a second", sent)
	}
	q.set(0, time.Second)
	if q.free(now) < 1000 {
		t.Error("no limit, and no room")
	}
	q.take(10, now)
	q.set(5, time.Second)
	if n := q.free(now); n != 0 {
		t.Errorf("a limit that was lowered forgot what was sent: %d free", n)
	}
}

func TestTheMeterKnowsWhatWasSentOfLate(t *testing.T) {
	var m meter
	m.set(Limits{}, epoch)
	now := epoch
	for i := range 600 {
		m.take(1, now)
		now = now.Add(50 * time.Millisecond)
		if got := m.recent(now); i > 40 && (got < 17 || got > 24) {
			t.Fatalf("%v of late after %v at 20 a second", got, now.Sub(epoch))
		}
	}
	if got := m.recent(now.Add(time.Minute)); got > 0.2 {
		t.Errorf("%v of late after a minute's rest", got)
	}
}

// TestConnectionsAMinute opens sessions as fast as it is let, of one message each.
func TestConnectionsAMinute(t *testing.T) {
	s := New(Config{}, epoch)
	limits := Limits{Connections: 4, Recipients: 1, Dials: 10, Rules: Rules{Dials: "slow"}}
	lane := laneOf(1, model.ClassTransactional)
	for i := range 40 {
		if !s.Reserve(lane, oneSite, limits) || !s.Redeem(Handle{RecipientKey: model.RecipientKey{Message: ident.ID(i + 1)}, Lane: lane}) {
			t.Fatal("no room")
		}
	}
	var dialled []time.Time
	for now := epoch; len(dialled) < 40; now = now.Add(100 * time.Millisecond) {
		s.Advance(now)
		var places []*Place
		for p, ok := s.Pick(); ok; p, ok = s.Pick() {
			places = append(places, p.Place)
		}
		for i, p := range places {
			if len(dialled) > 0 || i > 0 { // the very first finds that it needs none
				s.Dialing(p)
			}
			dialled = append(dialled, now)
			s.Leave(p)
		}
		if limit, rule := s.heldBy(s.paths[oneSite]); len(dialled) == 11 && (limit != HeldDials || rule != "slow") {
			t.Fatalf("held by %q, %q", limit, rule)
		}
	}
	for i := 11; i < len(dialled); i++ {
		if d := dialled[i].Sub(dialled[i-10]); i > 11 && d < time.Minute {
			t.Errorf("connections %d to %d within %v", i-10, i, d)
		}
	}
}

func TestMailOfAPathThatIsLeftIsRoutedAnew(t *testing.T) {
	s := New(Config{}, epoch)
	limits := Limits{Connections: 4, Recipients: 1}
	lane := laneOf(1, model.ClassTransactional)
	s.Reserve(lane, oneSite, limits)
	s.Redeem(Handle{RecipientKey: model.RecipientKey{Message: 1}, Lane: lane})
	s.Known(laneOf(2, model.ClassTransactional), epoch)
	l, _ := s.Unrouted()
	s.Route(l, oneSite, limits)

	limits.Rests, limits.Leave, limits.Why = epoch.Add(time.Hour), true, "listed"
	s.SetLimits(oneSite, limits)
	if st := s.TakeStranded(); len(st) != 1 || st[0].Due.After(epoch) || st[0].Site != "" || st[0].Rest != HeldRule {
		t.Errorf("stranded %+v", st)
	}
	if again, ok := s.Unrouted(); !ok || again != l {
		t.Errorf("the lane is not routed anew: %v, %v", again, ok)
	}
	s.Route(l, oneSite, limits) // there is no other way
	if _, ok := s.Unrouted(); ok {
		t.Error("the lane does not wait though there is no other way")
	}
	limits.Rests, limits.Leave = time.Time{}, false
	s.SetLimits(oneSite, limits)
	s.Advance(epoch.Add(time.Hour))
	if again, ok := s.Unrouted(); !ok || again != l {
		t.Errorf("after the rest: %v, %v", again, ok)
	}
	s.check(t)
}
