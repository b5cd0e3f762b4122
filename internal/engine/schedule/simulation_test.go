package schedule

import (
	"container/heap"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
)

// world is a queue on disk, counted by lane, and receivers that take a while: everything the scheduler does not do,
// in virtual time.
type world struct {
	*Scheduler
	now     time.Time
	waiting map[model.Lane]int
	next    ident.ID
	left    int
	ends    ends
	done    int
	picks   int
	onDone  func(h *Handle, now time.Time)
}

type end struct {
	at    time.Time
	place *Place
	batch []Handle
}

type ends []end

func (e ends) Len() int           { return len(e) }
func (e ends) Less(i, j int) bool { return e[i].at.Before(e[j].at) }
func (e ends) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *ends) Push(x any)        { *e = append(*e, x.(end)) }
func (e *ends) Pop() any          { o := *e; x := o[len(o)-1]; *e = o[:len(o)-1]; return x }

// siteFor spreads domains over sites: four of ten at one of five big providers, the others each at its own.
func siteFor(l model.Lane) (PathKey, Limits) {
	h := 0
	for _, c := range []byte(l.Domain) {
		h = h*31 + int(c)
	}
	if h = h & 0xffffff; h%10 < 4 {
		return PathKey{Site: fmt.Sprintf("provider%d", h%5)}, Limits{Connections: 20}
	}
	return PathKey{Site: "mx." + l.Domain}, Limits{Connections: 5}
}

func newWorld(domains, depth int, cfg Config) *world {
	w := &world{Scheduler: New(cfg, epoch), now: epoch, waiting: map[model.Lane]int{}, left: depth}
	for i := range depth {
		w.waiting[model.Lane{
			Domain: fmt.Sprintf("d%d.example", i%domains), Class: model.Class(i / domains % 2), Account: model.AccountID(i%7 + 1),
		}]++
	}
	return w
}

// sweep does what the store's sweep does, as far as there is room to remember.
func (w *world) sweep() {
	for l, n := range w.waiting {
		if n > 0 && len(w.lanes) < w.cfg.MaxLanes {
			w.Known(l, epoch)
		}
	}
}

func (w *world) turn() {
	for l, ok := w.Unrouted(); ok; l, ok = w.Unrouted() {
		key, limits := siteFor(l)
		w.Route(l, key, limits)
	}
	for _, r := range w.Refills(nil, 256) {
		n := min(r.Limit, w.waiting[r.Lane])
		got := make([]Handle, n)
		for i := range got {
			w.next++
			got[i] = Handle{RecipientKey: model.RecipientKey{Message: w.next}, Lane: r.Lane}
		}
		head := time.Time{}
		if w.waiting[r.Lane] -= n; w.waiting[r.Lane] > 0 {
			head = epoch
		}
		w.Claimed(r.Lane, got, head)
	}
	for {
		p, ok := w.Pick()
		if !ok {
			break
		}
		w.send(p.Place, p.Handles)
	}
	if w.Crowded() {
		if p := w.Spare(); p != nil {
			w.Leave(p)
		}
	}
}

func (w *world) send(p *Place, batch []Handle) {
	w.picks++
	heap.Push(&w.ends, end{w.now.Add(50*time.Millisecond + time.Duration(w.picks%97)*time.Millisecond), p, batch})
}

// run works until everything is sent.
func (w *world) run(t testing.TB) {
	for w.done < w.left {
		w.turn()
		if len(w.ends) == 0 {
			at, ok := w.Next()
			if w.Overflowed() || !ok {
				w.sweep()
			}
			if w.turn(); len(w.ends) == 0 && ok {
				w.now = at
				w.Advance(at)
			} else if len(w.ends) == 0 && !ok && w.done < w.left {
				t.Fatalf("%d of %d sent, and nothing to do: %+v", w.done, w.left, w.Snapshot(3))
			}
			continue
		}
		e := heap.Pop(&w.ends).(end)
		w.now = e.at
		w.Advance(w.now)
		for i := range e.batch {
			w.done++
			if w.onDone != nil {
				w.onDone(&e.batch[i], w.now)
			}
		}
		w.Reached(e.place)
		batch, verdict := w.More(e.place)
		switch verdict {
		case Send:
			w.send(e.place, batch)
		case Leave:
			w.Leave(e.place)
		}
	}
}

func TestManyMessagesInVirtualTime(t *testing.T) {
	w := newWorld(5_000, simulated, Config{})
	resident := 0
	w.onDone = func(*Handle, time.Time) {
		resident = max(resident, w.Resident())
		if w.done == simulated/2 {
			w.sweep()
		}
	}
	w.sweep()
	w.run(t)
	w.check(t)
	if resident > 20_000 || len(w.groups) != 0 || w.Resident() != 0 {
		t.Errorf("resident %d at most, %d at the end", resident, w.Resident())
	}
	t.Logf("%d messages in %v of virtual time, at most %d resident", w.done, w.now.Sub(epoch), resident)
}

func TestASingleMessageBehindAMillionLeavesByTheNextSlot(t *testing.T) {
	w := newWorld(1, 0, Config{})
	big := laneOf(1, 1)
	w.waiting[big], w.left = 1_000_000, 20_000
	w.Known(big, epoch)
	single := laneOf(2, 1)
	queuedAt, leftAt, between := 0, 0, 0
	w.onDone = func(h *Handle, now time.Time) {
		if w.done == 10_000 {
			key, limits := siteFor(single)
			if !w.Reserve(single, key, limits) {
				t.Fatal("no room for the single message")
			}
			w.Redeem(Handle{RecipientKey: model.RecipientKey{Message: 1 << 50}, Lane: single})
			queuedAt = w.picks
		}
		if queuedAt > 0 && leftAt == 0 && h.Lane == single {
			leftAt = w.done
			between = leftAt - 10_000
		}
	}
	w.run(t)
	// It is picked next, and then takes as long as those already being sent.
	if leftAt == 0 || between > 2*5 {
		t.Errorf("the single message left after %d of the other account's", between)
	}
}

// heapOf is how much memory what make returns keeps.
func heapOf(make func() any) (any, int64) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	v := make()
	runtime.GC()
	runtime.ReadMemStats(&after)
	return v, int64(after.HeapAlloc) - int64(before.HeapAlloc)
}

func TestMemoryDoesNotGrowWithDepth(t *testing.T) {
	heaps := map[int]int64{}
	for _, depth := range []int{10_000, 100_000, 1_000_000, 100_000_000} {
		// The disk is a counter here, so what is measured is the scheduler.
		_, heaps[depth] = heapOf(func() any {
			s := New(Config{}, epoch)
			for i := range 10_000 {
				s.Known(model.Lane{Domain: fmt.Sprintf("d%d.example", i), Account: 1}, epoch)
			}
			w := &world{Scheduler: s, now: epoch, waiting: map[model.Lane]int{}}
			for l := range s.lanes {
				w.waiting[l] = depth / 10_000
			}
			for range 200 {
				w.turn()
			}
			w.waiting = nil
			return w
		})
	}
	t.Logf("heap by depth: %v", heaps)
	if heaps[100_000_000] > heaps[100_000]*3/2+1<<20 || heaps[100_000_000] > 63<<20 {
		t.Errorf("heap grows with depth: %v", heaps)
	}
}

// BenchmarkPick is the whole cost of one message in the scheduler: refill, pick, completion.
func BenchmarkPick(b *testing.B) {
	for _, depth := range []int{10_000, 1_000_000, 100_000_000} {
		b.Run(fmt.Sprintf("depth=%d", depth), func(b *testing.B) {
			const domains = 50_000
			w := &world{Scheduler: New(Config{}, epoch), now: epoch, waiting: map[model.Lane]int{}}
			for i := range min(domains, depth) {
				l := model.Lane{Domain: fmt.Sprintf("d%d.example", i), Class: model.Class(i % 2), Account: model.AccountID(i%7 + 1)}
				w.waiting[l] = depth / min(domains, depth)
				w.Known(l, epoch)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for sent := 0; sent < b.N; {
				w.turn()
				for len(w.ends) > 0 && sent < b.N {
					e := heap.Pop(&w.ends).(end)
					w.now = e.at
					w.Advance(w.now)
					sent += len(e.batch)
					for _, h := range e.batch { // it never runs dry
						w.waiting[h.Lane]++
						w.Known(h.Lane, epoch)
					}
					w.Reached(e.place)
					if batch, v := w.More(e.place); v == Send {
						w.send(e.place, batch)
					} else if v == Leave {
						w.Leave(e.place)
					}
				}
			}
		})
	}
}

// BenchmarkReserve is the way of a message whose path is known: reserve, redeem, pick, completion.
func BenchmarkReserve(b *testing.B) {
	s := New(Config{}, epoch)
	lane, limits := laneOf(1, 0), Limits{Connections: 50, Recipients: 100, Mixed: true}
	var place *Place
	b.ReportAllocs()
	for i := range b.N {
		if !s.Reserve(lane, oneSite, limits) {
			b.Fatal("no room")
		}
		s.Redeem(Handle{RecipientKey: model.RecipientKey{Message: ident.ID(i + 1)}, Lane: lane})
		p, _ := s.Pick()
		place = p.Place
		s.Reached(place)
		if _, v := s.More(place); v != Wait {
			b.Fatal("more?")
		}
	}
	s.Leave(place)
}
