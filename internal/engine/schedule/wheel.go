package schedule

import (
	"math/bits"
	"time"
)

const (
	tick       = 10 * time.Millisecond
	slotBits   = 8
	slots      = 1 << slotBits
	levels     = 4 // 2.56 s, 11 min, 46 h, 497 days
	wheelTicks = 1 << (slotBits * levels)
)

// timer is an alarm on a wheel. It lives in its owner, whom it wakes.
type timer[T any] struct {
	node  node[*timer[T]]
	at    int64 // tick
	slot  *slot[T]
	owner T
}

type slot[T any] struct {
	queue[*timer[T]]
	level, index int
}

// wheel is a hierarchical timer wheel: setting, stopping and firing are O(1). An alarm rings at the tick at or after
// its time, never before; one beyond the wheel's range is put at its end and set again from there.
type wheel[T any] struct {
	origin time.Time
	now    int64 // tick up to which everything has fired
	levels [levels][slots]slot[T]
	used   [levels][slots / 64]uint64 // which slots are not empty
}

func (w *wheel[T]) init(origin time.Time) {
	w.origin = origin
	for l := range w.levels {
		for i := range w.levels[l] {
			w.levels[l][i].level, w.levels[l][i].index = l, i
		}
	}
}

// ticks rounds up, so that nothing rings early.
func (w *wheel[T]) ticks(t time.Time) int64 {
	d := t.Sub(w.origin)
	n := int64(d / tick)
	if d%tick > 0 {
		n++
	}
	return n
}

func (w *wheel[T]) time(n int64) time.Time { return w.origin.Add(time.Duration(n) * tick) }

// set makes t ring at the given time, or at the next tick if that is past.
func (w *wheel[T]) set(t *timer[T], at time.Time) {
	w.stop(t)
	t.at = max(w.ticks(at), w.now+1)
	w.place(t)
}

func (w *wheel[T]) place(t *timer[T]) {
	at := max(t.at, w.now) // equal only while a slot is handed down at the very tick
	if at-w.now >= wheelTicks {
		at = w.now + wheelTicks - 1
	}
	level := 0
	for (at^w.now)>>(slotBits*(level+1)) != 0 && level < levels-1 {
		level++
	}
	index := int(at >> (slotBits * level) & (slots - 1))
	t.node.value = t
	t.slot = &w.levels[level][index]
	t.slot.push(&t.node)
	w.used[level][index/64] |= 1 << (index % 64)
}

func (w *wheel[T]) stop(t *timer[T]) {
	if t.slot == nil {
		return
	}
	t.node.leave()
	w.tidy(t.slot)
	t.slot = nil
}

func (w *wheel[T]) tidy(s *slot[T]) {
	if s.n == 0 {
		w.used[s.level][s.index/64] &^= 1 << (s.index % 64)
	}
}

// advance moves to now and calls fire for what rings on the way, in order of ticks. It costs as many steps as slots
// are in use on the way, however long the way is.
func (w *wheel[T]) advance(now time.Time, fire func(T)) {
	target := int64(now.Sub(w.origin) / tick)
	for w.now < target {
		at, ok := w.nextTick()
		if !ok || at > target {
			w.now = target
			return
		}
		w.now = at
		w.handDown()
		w.ring(fire)
	}
}

// ring fires the slot of the present tick.
func (w *wheel[T]) ring(fire func(T)) {
	s := &w.levels[0][w.now&(slots-1)]
	for {
		t, ok := s.pop()
		if !ok {
			break
		}
		t.slot = nil
		if t.at > w.now { // it was beyond the range of the wheel
			w.place(t)
			continue
		}
		fire(t.owner)
	}
	w.tidy(s)
}

// handDown spreads the slots whose time begins now over the levels below, the highest first.
func (w *wheel[T]) handDown() {
	if w.now&(slots-1) != 0 {
		return
	}
	top := 1
	for top < levels-1 && w.now>>(slotBits*top)&(slots-1) == 0 {
		top++
	}
	for l := top; l > 0; l-- {
		s := &w.levels[l][w.now>>(slotBits*l)&(slots-1)]
		for range s.n {
			t, _ := s.pop()
			w.place(t)
		}
		w.tidy(s)
	}
}

// next is a time at or before the first alarm, and false if none is set.
func (w *wheel[T]) next() (time.Time, bool) {
	at, ok := w.nextTick()
	return w.time(at), ok
}

// nextTick is the first slot in use: its tick on the lowest level, the tick at which it begins on those above. What a
// level holds comes before what is held by those above it.
func (w *wheel[T]) nextTick() (int64, bool) {
	for l := range levels {
		shift := slotBits * l
		current := int(w.now >> shift & (slots - 1))
		base := w.now >> shift &^ (slots - 1)
		if i := w.nextUsed(l, current+1); i >= 0 {
			return (base | int64(i)) << shift, true
		}
		if l == levels-1 {
			if i := w.nextUsed(l, 0); i >= 0 { // the highest level wraps round
				return (base + slots + int64(i)) << shift, true
			}
		}
	}
	return 0, false
}

// last is an owner whose timer is in the farthest slot that is in use.
func (w *wheel[T]) last() (owner T, ok bool) {
	for l := levels - 1; l >= 0; l-- {
		current := int(w.now >> (slotBits * l) & (slots - 1))
		for i := range slots {
			s := &w.levels[l][(current-i+slots)%slots]
			if i == 0 && l < levels-1 {
				continue // the present slot of a level is empty: it was handed down
			}
			if t, ok := s.first(); ok {
				return t.owner, true
			}
		}
	}
	return owner, false
}

// nextUsed is the first slot in use from index on, or -1.
func (w *wheel[T]) nextUsed(level, from int) int {
	for word := from / 64; word < slots/64; word++ {
		b := w.used[level][word]
		if word == from/64 {
			b &= ^uint64(0) << (from % 64)
		}
		if b != 0 {
			return word*64 + bits.TrailingZeros64(b)
		}
	}
	return -1
}
