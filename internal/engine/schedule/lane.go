package schedule

import (
	"time"

	"github.com/budkavle/budkavle/internal/model"
)

// laneState is where a lane stands:
//
//	asleep --due--> unrouted --Unrouted--> routing --Route--> queued --Refills--> claiming
//	claiming --Claimed--> asleep | unrouted | gone        routing, claiming --Postpone--> asleep
//	unrouted, queued --account held--> parked --account let go--> unrouted
//	none: nothing is known to wait; the lane is here for its reservations
type laneState int

const (
	none laneState = iota
	asleep
	unrouted
	routing
	queued
	claiming
	parked
)

type lane struct {
	key      model.Lane
	state    laneState
	due      time.Time // of the first waiting mail, as far as is known
	again    time.Time // mail that came while routing or claiming; zero: none
	timer    timer[*lane]
	node     node[*lane] // on one of: account's backlog, flow's lanes, account's parked
	dueNode  node[*lane] // on account.due unless asleep or none
	account  *account
	flow     *flow // queued, claiming: where
	limit    int   // claiming: recipients asked for
	reserved int   // places promised in home
	home     *flow
}

func (s *Scheduler) lane(key model.Lane) *lane {
	if l := s.lanes[key]; l != nil {
		return l
	}
	if len(s.lanes) >= s.cfg.MaxLanes {
		s.evictLanes()
	}
	a := s.account(key.Account)
	a.uses++
	l := &lane{key: key, account: a}
	l.node.value, l.dueNode.value, l.timer.owner = l, l, l
	s.lanes[key] = l
	return l
}

// Known tells that the lane has waiting mail, the first of it due at due. It may be called with what is known
// already, and with what is no longer so: the claim finds out.
func (s *Scheduler) Known(key model.Lane, due time.Time) {
	l := s.lane(key)
	switch l.state {
	case none:
		s.sleep(l, due)
	case asleep:
		if due.Before(l.due) {
			s.sleep(l, due)
		}
	case routing, claiming:
		if l.again.IsZero() || due.Before(l.again) {
			l.again = due
		}
	}
}

// sleep lets the lane wait for its time, which may have come.
func (s *Scheduler) sleep(l *lane, due time.Time) {
	s.detach(l)
	l.due = due
	if due.After(s.now) {
		l.state = asleep
		l.dueNode.leave()
		s.sleeping.set(&l.timer, due)
		return
	}
	s.laneDue(l)
}

func (s *Scheduler) laneDue(l *lane) {
	if l.account.held != "" {
		s.park(l)
		return
	}
	s.toUnrouted(l)
}

func (s *Scheduler) park(l *lane) {
	s.detach(l)
	s.stayDue(l, parked)
	l.account.parked.push(&l.node)
}

func (s *Scheduler) toUnrouted(l *lane) {
	s.detach(l)
	s.stayDue(l, unrouted)
	b := &l.account.waiting[l.key.Class]
	b.lanes.push(&l.node)
	c := &s.classes[l.key.Class]
	c.owner.accounts.add(&b.member, 1)
	s.byClass.add(c, 1)
}

func (s *Scheduler) stayDue(l *lane, st laneState) {
	l.state = st
	if !l.dueNode.listed() {
		l.account.due.push(&l.dueNode)
	}
}

// detach takes the lane out of whatever it waits in.
func (s *Scheduler) detach(l *lane) {
	switch l.state {
	case asleep:
		s.sleeping.stop(&l.timer)
	case unrouted:
		l.account.waiting[l.key.Class].load--
		s.classes[l.key.Class].load--
	case queued, claiming:
		s.detachFlow(l)
	}
	l.node.leave()
	l.state = none
}

func (s *Scheduler) detachFlow(l *lane) {
	f := l.flow
	l.node.leave()
	f.band.path.lanes--
	if l.state == claiming {
		f.claims--
		s.release(f, l.limit)
	}
	l.flow, l.limit = nil, 0
	s.reconsiderHunger(f)
	s.reconsider(f.band.path)
	s.tidyFlow(f)
}

// settleDown ends a claim or a routing: the lane sleeps until due, or is gone if due is zero and nothing came since.
func (s *Scheduler) settleDown(l *lane, due time.Time) {
	if again := l.again; !again.IsZero() && (due.IsZero() || again.Before(due)) {
		due = again
	}
	l.again = time.Time{}
	if !due.IsZero() {
		s.sleep(l, due)
		return
	}
	s.detach(l)
	l.dueNode.leave()
	s.dropUnused(l)
}

func (s *Scheduler) dropUnused(l *lane) {
	if l.state == none && l.reserved == 0 {
		delete(s.lanes, l.key)
		l.account.uses--
	}
}

// Unrouted takes a lane that is due and whose path must be found, transactional mail and accounts in turn. Answer
// with Route, or with Postpone. While every path there may be has mail, it gives none.
func (s *Scheduler) Unrouted() (model.Lane, bool) {
	if len(s.paths)-s.idle.n >= s.cfg.MaxPaths {
		return model.Lane{}, false
	}
	for {
		c := s.byClass.next(func(*classTurn) {})
		if c == nil {
			return model.Lane{}, false
		}
		b := c.owner.accounts.next(func(*backlog) {})
		l, _ := b.owner.lanes.first()
		if l.account.held != "" {
			s.park(l)
			continue
		}
		s.byClass.take(c, 1)
		c.owner.accounts.take(b, 1)
		l.node.leave()
		l.state = routing
		return l.key, true
	}
}

// Postpone puts a lane that Unrouted or Refills gave to sleep until due.
func (s *Scheduler) Postpone(key model.Lane, due time.Time) {
	if l := s.lanes[key]; l != nil && (l.state == routing || l.state == claiming) {
		l.again = time.Time{}
		s.settleDown(l, due)
	}
}

// evictLanes makes room for a hundredth of the lanes: those asleep go first, the farthest due before the others;
// then those of the account that has most.
func (s *Scheduler) evictLanes() {
	s.overflow = true
	for range s.cfg.MaxLanes/100 + 1 {
		l, ok := s.sleeping.last()
		if !ok {
			break
		}
		s.evict(l)
	}
	if len(s.lanes) < s.cfg.MaxLanes {
		return
	}
	var most *account
	for _, a := range s.accounts {
		if most == nil || a.due.n > most.due.n {
			most = a
		}
	}
	if most == nil {
		return
	}
	n := s.cfg.MaxLanes/100 + 1
	for e := most.due.tail; e != nil && n > 0; {
		l := e.value
		e = e.prev
		if l.state == unrouted || l.state == parked || l.state == queued {
			s.evict(l)
			n--
		}
	}
}

func (s *Scheduler) evict(l *lane) {
	s.detach(l)
	l.dueNode.leave()
	s.dropUnused(l)
}
