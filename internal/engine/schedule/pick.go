package schedule

// Place is one session's place in the window of a path. Its holder gives it back with Leave.
type Place struct {
	path   *path
	served int          // messages since the place was taken
	dialed bool         // its connection is counted; until then it is set aside
	node   node[*Place] // on path.waiting
	spare  node[*Place] // on Scheduler.spare, together with node
	left   bool
}

// Path is where the place is.
func (p *Place) Path() PathKey { return p.path.key }

// Pick is a transaction to be made.
type Pick struct {
	Place   *Place
	Handles []Handle // of one message; as many as may share the transaction
	Warm    bool     // the place was waiting, with its session open
}

// Verdict says what the holder of a place does next.
type Verdict int

// Verdicts of More.
const (
	Send  Verdict = iota // the handles it got
	Wait                 // keep the session open: a Pick may come; or Leave when that takes too long
	Leave                // close the session, then call Leave
)

// Pick takes the next transaction from the ready ring. It reports false when nothing can be sent now.
func (s *Scheduler) Pick() (Pick, bool) {
	for {
		p, warm := s.warm.first()
		if !warm {
			var ok bool
			if p, ok = s.ready.first(); !ok || s.places >= s.cfg.MaxPlaces {
				return Pick{}, false
			}
		}
		p.ring.leave() // it goes to the end
		handles := s.take(p)
		if handles == nil {
			s.reconsider(p)
			continue
		}
		var place *Place
		if warm {
			place = p.waiting.tail.value // whose session rested least
			s.unwait(place)
		} else {
			place = &Place{path: p}
			p.dialing++
			place.node.value, place.spare.value = place, place
			s.places++
		}
		p.busy++
		place.served++
		s.reconsider(p)
		return Pick{Place: place, Handles: handles, Warm: warm}, true
	}
}

// More is asked by the holder of a place that has sent what it had.
func (s *Scheduler) More(place *Place) ([]Handle, Verdict) {
	p := place.path
	switch {
	case p.rests(s.now), p.busy+p.waiting.n > p.window.places(s.now), s.othersWait(p) && place.served >= s.cfg.Turn:
		return nil, Leave
	}
	if p.handles > 0 && p.meter.free(s.now) > 0 {
		if handles := s.take(p); handles != nil {
			place.served++
			s.reconsider(p)
			return handles, Send
		}
	}
	if s.Crowded() {
		return nil, Leave
	}
	p.busy--
	p.waiting.push(&place.node)
	s.spare.push(&place.spare)
	s.reconsider(p)
	return nil, Wait
}

// unwait ends the waiting of a place; the caller counts it busy.
func (s *Scheduler) unwait(place *Place) {
	place.node.leave()
	place.spare.leave()
}

// Withdraw keeps a waiting place from being picked, so that its holder can close the session and Leave. It reports
// false if the place does not wait: then a Pick has it.
func (s *Scheduler) Withdraw(place *Place) bool {
	if !place.node.listed() {
		return false
	}
	s.unwait(place)
	place.path.busy++
	s.reconsider(place.path)
	return true
}

// Spare withdraws the place that has waited longest, for a path that finds none free (Crowded). nil: none waits.
func (s *Scheduler) Spare() *Place {
	place, ok := s.spare.first()
	if !ok {
		return nil
	}
	s.Withdraw(place)
	return place
}

// Leave gives a place back, busy or waiting. It may be called again.
func (s *Scheduler) Leave(place *Place) {
	if place.left {
		return
	}
	place.left = true
	s.places--
	if !place.dialed {
		place.path.dialing--
	}
	if place.node.listed() {
		s.unwait(place)
	} else {
		place.path.busy--
	}
	s.reconsider(place.path)
}

// Dialing tells that the holder of a place opens a connection now. The first is set aside since the place was taken; what
// comes after it (a peer that closed an idle session, a second host) is counted and not held up.
func (s *Scheduler) Dialing(place *Place) {
	p := place.path
	if !place.dialed {
		place.dialed = true
		p.dialing--
	}
	p.meter.dials.take(1, s.now)
	s.reconsider(p)
}

// Crowded reports that every place is taken and a path waits for one: sessions without mail should end.
func (s *Scheduler) Crowded() bool { return s.ready.n > 0 && s.places >= s.cfg.MaxPlaces }

// othersWait reports that a path other than p waits for a place and none is free.
func (s *Scheduler) othersWait(p *path) bool {
	return s.Crowded() && (s.ready.n > 1 || p.ring.list != &s.ready)
}

// take gives the path's next handles; nil if none is left. Those of held accounts are stranded on the way.
func (s *Scheduler) take(p *path) []Handle {
	for {
		b := p.turns.next(func(*band) {})
		if b == nil {
			return nil
		}
		m := b.owner.turns.next(s.tidyFlow)
		f := m.owner
		if f.account.held != "" {
			s.strandFlow(f)
			continue
		}
		g, _ := f.groups.first()
		n := min(len(g.handles), p.limits.Recipients, max(p.meter.free(s.now), 1))
		handles := g.handles[:n:n]
		p.turns.take(b, n)
		b.owner.turns.take(m, n)
		p.meter.take(n, s.now)
		s.shrink(f, g, n)
		return handles
	}
}

// Reached tells that the place's host was reached and served it.
func (s *Scheduler) Reached(place *Place) {
	p := place.path
	if p.rest == HeldDead {
		s.endRest(p)
	}
	p.window.reached(p.busy)
	s.reconsider(p)
}

// Failed tells that no host of the place's site could be reached, or none came to the end of its handshake.
func (s *Scheduler) Failed(place *Place, reason string) {
	p := place.path
	if p.rests(s.now) {
		return // the others of the cohort say the same
	}
	if p.window.failed() {
		s.lay(p, doubled(s.cfg.DeadFirst, s.cfg.DeadMax, p.window.deaths), HeldDead, reason)
		return
	}
	s.reconsider(p)
}

// Eased tells that the peer said 421 and that no rule knows why: fewer sessions for a time, and a pause.
func (s *Scheduler) Eased(place *Place, reason string) {
	p := place.path
	if p.rests(s.now) {
		return
	}
	p.window.ease(p.busy+p.waiting.n, s.now.Add(s.cfg.EaseFor))
	s.lay(p, doubled(s.cfg.PauseFirst, s.cfg.PauseMax, p.window.pauses), HeldPaused, reason)
}
