package schedule

import (
	"net/netip"
	"time"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
)

// Scheduler is the window on the queue. Make it with New. It is not safe for concurrent use.
type Scheduler struct {
	cfg      Config
	now      time.Time
	sleeping wheel[*lane] // alarms of lanes asleep
	resting  wheel[*path] // alarms of paths that rest or lack a token
	lanes    map[model.Lane]*lane
	accounts map[model.AccountID]*account
	paths    map[PathKey]*path
	groups   map[groupKey]*group

	classes [model.Classes]member[*classTurn]
	byClass turns[*classTurn]

	warm   queue[*path] // the ready ring: paths with a place that waits with an open session …
	ready  queue[*path] // … and those that need a new place
	hungry queue[*path] // paths that want a claim
	idle   queue[*path] // paths without mail, the longest idle first

	spare queue[*Place] // places that wait, the longest first

	resident int // handles, reservations, claims under way
	places   int
	stranded []Stranded // at most MaxHandles and what is claimed
	overflow bool
}

// PathKey names a path.
type PathKey struct {
	Source netip.Addr // zero: the system chooses
	Site   string
}

// Handle is one recipient that this node leased and holds in memory.
type Handle struct {
	model.RecipientKey
	Lane     model.Lane
	Address  string
	ORcpt    string
	Notify   model.Notify
	Attempts int // begun, the coming one included
	Lease    int64
	LastAt   time.Time // end of the attempt before; zero: there was none
}

// HandleOf is the handle of a recipient that was claimed or accepted.
func HandleOf(r *model.Recipient) Handle {
	return Handle{
		RecipientKey: r.RecipientKey, Lane: r.Lane, Address: r.Address, ORcpt: r.ORcpt, Notify: r.Notify,
		Attempts: r.Attempts, Lease: r.Lease, LastAt: r.Last.At,
	}
}

// classTurn is the part of the unrouted lanes that is of one class.
type classTurn struct{ accounts turns[*backlog] }

// groupKey names the handles that may share a transaction.
type groupKey struct {
	flow    *flow
	message ident.ID
	domain  string // empty where domains mix
}

// New returns an empty scheduler whose time begins at now.
func New(cfg Config, now time.Time) *Scheduler {
	s := &Scheduler{
		cfg: cfg.withDefaults(), now: now,
		lanes: map[model.Lane]*lane{}, accounts: map[model.AccountID]*account{}, paths: map[PathKey]*path{},
		groups: map[groupKey]*group{},
	}
	s.sleeping.init(now)
	s.resting.init(now)
	for c := range s.classes {
		s.classes[c].init(&classTurn{}, s.cfg.ClassWeight[c])
	}
	return s
}

// Advance moves time to now: lanes come due, paths end their rests, idle paths are forgotten. Call it before
// anything that depends on time, and at the time Next names.
func (s *Scheduler) Advance(now time.Time) {
	if !now.After(s.now) {
		return
	}
	s.now = now
	s.resting.advance(now, s.pathWakes)
	s.sleeping.advance(now, s.laneDue)
	for {
		p, ok := s.idle.first()
		if !ok || now.Sub(p.idleSince) < s.cfg.IdlePath {
			return
		}
		if p.rests(now) || p.meter.counts(now) { // why it rests must be known when its lanes wake, and what it has sent
			p.idleNode.leave()
			if p.idleSince = now; p.rests(now) {
				p.idleSince = p.restsUntil
			}
			s.idle.push(&p.idleNode)
			continue
		}
		s.forgetPath(p)
	}
}

// Next is when Advance will have something to do at the earliest; false: never, as things stand.
func (s *Scheduler) Next() (time.Time, bool) {
	at, ok := s.sleeping.next()
	if rest, some := s.resting.next(); some && (!ok || rest.Before(at)) {
		at, ok = rest, true
	}
	if p, some := s.idle.first(); some {
		if end := p.idleSince.Add(s.cfg.IdlePath); !ok || end.Before(at) {
			return end, true
		}
	}
	return at, ok
}

// Overflowed reports, once, that lanes were forgotten for want of room and that there is room for them again: a sweep
// of the store finds them.
func (s *Scheduler) Overflowed() bool {
	if !s.overflow || len(s.lanes) > s.cfg.MaxLanes/2 {
		return false
	}
	s.overflow = false
	return true
}

// Stranded is a handle that will not be sent soon, because its path rests or its account is held.
type Stranded struct {
	Handle
	Due  time.Time // when it may be tried again
	Site string    // that rests; empty: the account is held
	Rest string    // of the site: HeldDead, HeldPaused or HeldRule
	Why  string    // in words
}

// TakeStranded hands over what is stranded. The caller returns it to the store.
func (s *Scheduler) TakeStranded() []Stranded {
	h := s.stranded
	s.stranded = nil
	return h
}

// Abandon takes every handle out of the window, for a node that stops or has lost its lease.
func (s *Scheduler) Abandon() []Handle {
	handles := make([]Handle, 0, s.resident+len(s.stranded))
	for _, st := range s.TakeStranded() {
		handles = append(handles, st.Handle)
	}
	for _, g := range s.groups {
		f := g.key.flow
		handles = append(handles, g.handles...)
		s.unload(f, g, len(g.handles))
		s.reconsider(f.band.path)
	}
	return handles
}

// Resident is how much of the window is in use: handles, reservations, claims under way.
func (s *Scheduler) Resident() int { return s.resident }
