package schedule

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// check fails when the scheduler's counts do not add up or a path is not where it belongs.
func (s *Scheduler) check(t interface{ Fatalf(string, ...any) }) {
	resident, places, groups := 0, 0, 0
	reserved := map[*flow]int{}
	claims := map[*flow]int{}
	uses := map[*account]int{}
	pathLanes := map[*path]int{}
	for key, l := range s.lanes {
		uses[l.account]++
		if l.key != key {
			t.Fatalf("lane %v is filed under %v", l.key, key)
		}
		if l.reserved > 0 {
			reserved[l.home] += l.reserved
		}
		if l.state == claiming {
			claims[l.flow] += l.limit
		}
		if l.state == queued || l.state == claiming {
			pathLanes[l.flow.band.path]++
		}
		if (l.state == asleep) != (l.timer.slot != nil) {
			t.Fatalf("lane %v in state %d: timer set is %v", key, l.state, l.timer.slot != nil)
		}
		if l.state == none && l.reserved == 0 {
			t.Fatalf("lane %v is kept for nothing", key)
		}
	}
	for _, p := range s.paths {
		s.checkPath(t, p, reserved, claims, uses)
		resident += p.resident
		places += p.busy + p.waiting.n
		if p.lanes != pathLanes[p] {
			t.Fatalf("path %v counts %d lanes, has %d", p.key, p.lanes, pathLanes[p])
		}
		for c := range p.bands {
			for _, f := range p.bands[c].flows {
				groups += f.groups.n
			}
		}
	}
	if resident != s.resident || places != s.places || groups != len(s.groups) {
		t.Fatalf("resident %d counted %d, places %d counted %d, groups %d counted %d", resident, s.resident, places, s.places, groups, len(s.groups))
	}
	if s.resident > s.cfg.MaxHandles || s.places > s.cfg.MaxPlaces || len(s.paths) > s.cfg.MaxPaths {
		t.Fatalf("over a bound: resident %d, places %d, paths %d", s.resident, s.places, len(s.paths))
	}
	for _, a := range s.accounts {
		if a.uses != uses[a] {
			t.Fatalf("account %d counts %d uses, has %d", a.id, a.uses, uses[a])
		}
	}
}

func (s *Scheduler) checkPath(t interface{ Fatalf(string, ...any) }, p *path, reserved, claims map[*flow]int, uses map[*account]int) {
	resident, handles := 0, 0
	for c := range p.bands {
		b := &p.bands[c]
		band, load := 0, 0
		for _, f := range b.flows {
			uses[f.account]++
			n := 0
			for e := f.groups.head; e != nil; e = e.next {
				n += len(e.value.handles)
			}
			if f.load != n || f.resident != n+reserved[f]+claims[f] {
				t.Fatalf("path %v: flow loads %d of %d handles, resident %d of %d reserved and %d claimed", p.key, f.load, n, f.resident, reserved[f], claims[f])
			}
			if n > 0 && !f.member.node.listed() {
				t.Fatalf("path %v: a flow with mail has no turn", p.key)
			}
			if f.lanes.n > 0 && f.resident == 0 && !f.hungerNode.listed() {
				t.Fatalf("path %v: a flow with lanes and nothing resident is not fed", p.key)
			}
			load += n
			band += f.resident
		}
		if b.load != load || b.resident != band || band > s.cfg.MaxBand {
			t.Fatalf("path %v: band loads %d of %d, resident %d of %d", p.key, b.load, load, b.resident, band)
		}
		// A path that holds something is looked at again when it lets go of it.
		if b.hungry.n > 0 && p.resident == 0 && s.resident < s.cfg.MaxHandles && !p.rests(s.now) && !p.hungerNode.listed() {
			t.Fatalf("path %v: band has hunger and room and is not on the ring", p.key)
		}
		resident += band
		handles += load
	}
	if p.resident != resident || p.handles != handles {
		t.Fatalf("path %v: resident %d of %d, handles %d of %d", p.key, p.resident, resident, p.handles, handles)
	}
	may := p.handles > 0 && !p.rests(s.now) && p.meter.free(s.now) > 0 && (p.waiting.n > 0 || p.busy < p.window.places(s.now) && p.dialsFree(s.now) > 0)
	held, _ := s.heldBy(p)
	if may && !p.ring.listed() && p.alarm.slot == nil {
		t.Fatalf("path %v may send and is not on the ring: held by %q", p.key, held)
	}
	if !may && p.ring.listed() {
		t.Fatalf("path %v is on the ring and may not send: held by %q", p.key, held)
	}
	if w := p.window; w.size < 1 || w.size > w.limit {
		t.Fatalf("path %v: window %d of %d", p.key, w.size, w.limit)
	}
}

// disk is the store as the scheduler sees it: waiting mail by lane.
type disk struct {
	waiting map[model.Lane][]waiting
	sent    map[model.RecipientKey]int
	total   int
	next    ident.ID
}

type waiting struct {
	key model.RecipientKey
	due time.Time
}

func newDisk() *disk {
	return &disk{waiting: map[model.Lane][]waiting{}, sent: map[model.RecipientKey]int{}}
}

func (d *disk) handle(l model.Lane, k model.RecipientKey) Handle {
	return Handle{RecipientKey: k, Lane: l, Attempts: 1}
}

func (d *disk) put(l model.Lane, k model.RecipientKey, due time.Time) {
	d.waiting[l] = append(d.waiting[l], waiting{k, due})
}

func (d *disk) claim(l model.Lane, limit int, now time.Time) (got []Handle, head time.Time) {
	var rest []waiting
	for _, w := range d.waiting[l] {
		if len(got) < limit && !w.due.After(now) {
			got = append(got, d.handle(l, w.key))
			continue
		}
		rest = append(rest, w)
		if head.IsZero() || w.due.Before(head) {
			head = w.due
		}
	}
	d.waiting[l] = rest
	return got, head
}

// machine drives a scheduler at random against a model of the disk: no handle may be lost or doubled, and the
// counts and rings must be right after every step.
type machine struct {
	s        *Scheduler
	d        *disk
	now      time.Time
	busy     map[*Place][]Handle
	waiting  []*Place
	reserved []model.Lane
	routing  []model.Lane
	claims   []Refill
}

func (m *machine) drawLane(t *rapid.T) model.Lane {
	return model.Lane{
		Domain:  fmt.Sprintf("d%d.example", rapid.IntRange(0, 7).Draw(t, "domain")),
		Class:   model.Class(rapid.IntRange(0, 1).Draw(t, "class")),
		Account: model.AccountID(rapid.IntRange(1, 3).Draw(t, "account")),
	}
}

func siteOf(l model.Lane) (PathKey, Limits) {
	n := int(l.Domain[1]-'0') % 3
	return PathKey{Site: fmt.Sprintf("site%d", n)}, Limits{
		Connections: 1 + 3*n, Recipients: 1 + 2*n, Rate: float64(n) * 40, Mixed: n == 2, Dials: 100 * n, PerMinute: 300 * (n % 2), PerHour: 10_000 * (n / 2),
	}
}

func (m *machine) fresh(l model.Lane, n int) []Handle {
	m.d.next++
	var hs []Handle
	for i := range n {
		m.d.total++
		hs = append(hs, m.d.handle(l, model.RecipientKey{Message: m.d.next, N: i}))
	}
	return hs
}

func (m *machine) collect() {
	for _, st := range m.s.TakeStranded() {
		due := st.Due
		if !due.After(m.now) {
			due = m.now.Add(time.Second)
		}
		m.d.put(st.Lane, st.RecipientKey, due)
		m.s.Known(st.Lane, due)
	}
}

func (m *machine) accept(t *rapid.T) {
	l := m.drawLane(t)
	key, limits := siteOf(l)
	for _, h := range m.fresh(l, rapid.IntRange(1, 4).Draw(t, "recipients")) {
		if m.s.Reserve(l, key, limits) {
			m.d.sent[h.RecipientKey] = 0
			if !m.s.Redeem(h) {
				t.Fatalf("redeem failed")
			}
			continue
		}
		due := m.now.Add(time.Duration(rapid.IntRange(-5, 500).Draw(t, "due")) * time.Second)
		m.d.put(l, h.RecipientKey, due)
		m.s.Known(l, due)
	}
}

func (m *machine) reserve(t *rapid.T) {
	l := m.drawLane(t)
	key, limits := siteOf(l)
	if m.s.Reserve(l, key, limits) {
		m.reserved = append(m.reserved, l)
	}
}

func (m *machine) endReservation(t *rapid.T) {
	if len(m.reserved) == 0 {
		return
	}
	l := m.reserved[0]
	m.reserved = m.reserved[1:]
	if rapid.Bool().Draw(t, "forget") {
		m.s.Forget(l)
		return
	}
	if !m.s.Redeem(m.fresh(l, 1)[0]) {
		t.Fatalf("redeem failed")
	}
}

func (m *machine) route(t *rapid.T) {
	if l, ok := m.s.Unrouted(); ok {
		m.routing = append(m.routing, l)
	}
	if len(m.routing) > 0 && rapid.Bool().Draw(t, "answer") {
		l := m.routing[0]
		m.routing = m.routing[1:]
		if rapid.IntRange(0, 9).Draw(t, "postpone") == 0 {
			m.s.Postpone(l, m.now.Add(time.Minute))
			return
		}
		key, limits := siteOf(l)
		m.s.Route(l, key, limits)
	}
}

func (m *machine) refill(t *rapid.T) {
	m.claims = m.s.Refills(m.claims, len(m.claims)+rapid.IntRange(1, 4).Draw(t, "lanes"))
	for len(m.claims) > 0 && rapid.IntRange(0, 3).Draw(t, "answer") > 0 {
		r := m.claims[0]
		m.claims = m.claims[1:]
		if rapid.IntRange(0, 9).Draw(t, "fault") == 0 {
			m.s.Postpone(r.Lane, m.now.Add(time.Second))
			continue
		}
		got, head := m.d.claim(r.Lane, r.Limit, m.now)
		m.s.Claimed(r.Lane, got, head)
	}
}

func (m *machine) pick(*rapid.T) {
	p, ok := m.s.Pick()
	if !ok {
		return
	}
	for i, w := range m.waiting {
		if w == p.Place {
			m.waiting = append(m.waiting[:i], m.waiting[i+1:]...)
			break
		}
	}
	m.busy[p.Place] = p.Handles
}

func (m *machine) finish(t *rapid.T) {
	for place, hs := range m.busy {
		switch rapid.IntRange(0, 9).Draw(t, "outcome") {
		case 0:
			m.s.Failed(place, "refused")
		case 1:
			m.s.Eased(place, "421")
		default:
			m.s.Reached(place)
		}
		for _, h := range hs {
			if m.d.sent[h.RecipientKey]++; m.d.sent[h.RecipientKey] > 1 {
				t.Fatalf("%v sent twice", h.RecipientKey)
			}
		}
		more, v := m.s.More(place)
		m.busy[place] = more
		if v != Send {
			delete(m.busy, place)
			if v == Wait {
				m.waiting = append(m.waiting, place)
			} else {
				m.s.Leave(place)
			}
		}
		return
	}
}

func (m *machine) dial(*rapid.T) {
	for place := range m.busy {
		m.s.Dialing(place)
		return
	}
}

// shape tells a path what a rule does to it.
func (m *machine) shape(t *rapid.T) {
	key, limits := siteOf(m.drawLane(t))
	limits.Rests = m.now.Add(time.Duration(rapid.IntRange(-5, 30).Draw(t, "rest")) * time.Second)
	limits.Rate = float64(rapid.IntRange(0, 3).Draw(t, "rate")) * 20
	limits.Leave, limits.Why = rapid.Bool().Draw(t, "leave"), "a rule"
	m.s.SetLimits(key, limits)
}

func (m *machine) leave(*rapid.T) {
	if len(m.waiting) > 0 {
		m.s.Leave(m.waiting[0])
		m.s.Leave(m.waiting[0])
		m.waiting = m.waiting[1:]
	}
}

func (m *machine) pass(t *rapid.T) {
	m.now = m.now.Add(time.Duration(rapid.IntRange(1, 60_000).Draw(t, "ms")) * time.Millisecond)
	m.s.Advance(m.now)
}

func (m *machine) hold(t *rapid.T) {
	held := ""
	if rapid.Bool().Draw(t, "held") {
		held = "suspended"
	}
	m.s.SetAccount(model.AccountID(rapid.IntRange(1, 3).Draw(t, "account")), rapid.IntRange(1, 5).Draw(t, "weight"), held)
}

// sweep tells the scheduler what the store knows, as it does after lanes were forgotten.
func (m *machine) sweep(*rapid.T) {
	for l, ws := range m.d.waiting {
		for _, w := range ws {
			m.s.Known(l, w.due)
		}
	}
}

func (m *machine) drain(t *rapid.T) {
	for id := range 3 {
		m.s.SetAccount(model.AccountID(id+1), 1, "")
	}
	for _, l := range m.reserved {
		m.s.Forget(l)
	}
	m.reserved = nil
	for round := 0; len(m.d.sent) < m.d.total || m.unsent() > 0; round++ {
		if round > 20_000 {
			t.Fatalf("%d of %d unsent: %+v", m.unsent(), m.d.total, m.s.Snapshot(10))
		}
		m.now = m.now.Add(100 * time.Millisecond)
		if at, ok := m.s.Next(); ok && at.After(m.now) && len(m.busy) == 0 && round%2 == 1 {
			m.now = at
		}
		m.s.Advance(m.now)
		m.collect()
		m.sweep(t)
		for l, ok := m.s.Unrouted(); ok; l, ok = m.s.Unrouted() {
			m.routing = append(m.routing, l)
		}
		for _, l := range m.routing {
			key, limits := siteOf(l)
			m.s.Route(l, key, limits)
		}
		m.claims = m.s.Refills(m.claims, 100)
		for _, r := range m.claims {
			got, head := m.d.claim(r.Lane, r.Limit, m.now)
			m.s.Claimed(r.Lane, got, head)
		}
		m.routing, m.claims = nil, nil
		for range 10 {
			m.pick(t)
		}
		for place, hs := range m.busy {
			for _, h := range hs {
				m.d.sent[h.RecipientKey]++
			}
			m.s.Leave(place)
		}
		clear(m.busy)
		for len(m.waiting) > 0 {
			m.leave(t)
		}
		m.s.check(t)
	}
}

func (m *machine) unsent() int {
	n := m.d.total
	for _, times := range m.d.sent {
		n -= min(times, 1)
	}
	return n
}

func TestNothingIsLostOrDoubledWhateverHappens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := Config{
			MaxLanes: rapid.IntRange(4, 60).Draw(t, "lanes"), MaxHandles: rapid.IntRange(3, 60).Draw(t, "handles"), PathPercent: 50,
			MaxBand: rapid.IntRange(1, 20).Draw(t, "band"), MaxPlaces: rapid.IntRange(1, 6).Draw(t, "places"), Turn: 2,
			MaxPaths: rapid.IntRange(1, 4).Draw(t, "paths"), MaxAccounts: 2,
		}
		m := &machine{s: New(cfg, epoch), d: newDisk(), now: epoch, busy: map[*Place][]Handle{}}
		step := func(f func(*rapid.T)) func(*rapid.T) {
			return func(t *rapid.T) { f(t); m.collect() }
		}
		t.Repeat(map[string]func(*rapid.T){
			"accept": step(m.accept), "reserve": step(m.reserve), "end reservation": step(m.endReservation), "route": step(m.route),
			"refill": step(m.refill), "pick": step(m.pick), "finish": step(m.finish), "leave": step(m.leave), "pass": step(m.pass),
			"hold": step(m.hold), "dial": step(m.dial), "shape": step(m.shape), "sweep": step(m.sweep),
			"": func(t *rapid.T) { m.s.check(t) },
		})
		m.drain(t)
		for key, times := range m.d.sent {
			if times != 1 {
				t.Fatalf("%v was sent %d times", key, times)
			}
		}
	})
}
