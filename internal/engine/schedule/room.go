package schedule

// unload takes n handles out of the group without charging anybody's turn.
func (s *Scheduler) unload(f *flow, g *group, n int) {
	f.load -= n
	f.band.load -= n
	s.shrink(f, g, n)
}

// shrink drops the first n handles of the group and gives their room back.
func (s *Scheduler) shrink(f *flow, g *group, n int) {
	f.band.path.handles -= n
	s.release(f, n)
	if g.handles = g.handles[n:]; len(g.handles) == 0 {
		g.node.leave()
		delete(s.groups, g.key)
	}
}

// load puts a handle, whose room is held already, into its flow.
func (s *Scheduler) load(f *flow, h Handle) {
	p := f.band.path
	if s.strands(p) || f.account.held != "" {
		s.release(f, 1)
		s.strand(f, h)
		return
	}
	key := groupKey{flow: f, message: h.Message}
	if !p.limits.Mixed {
		key.domain = h.Lane.Domain
	}
	g := s.groups[key]
	if g == nil {
		g = &group{key: key, handles: make([]Handle, 0, 1)}
		g.node.value = g
		s.groups[key] = g
		f.groups.push(&g.node)
	}
	g.handles = append(g.handles, h)
	p.handles++
	f.band.turns.add(&f.member, 1)
	p.turns.add(&f.band.member, 1)
}

// hold takes room for n in the flow, its band, its path and the whole.
func (s *Scheduler) hold(f *flow, n int) {
	f.resident += n
	f.band.resident += n
	f.band.path.resident += n
	s.resident += n
}

func (s *Scheduler) release(f *flow, n int) {
	s.hold(f, -n)
	s.reconsiderHunger(f)
}

// Room is divided by dynamic thresholds: a flow may hold flowShare times what its band has free, a path a
// pathShare-th of what the whole has free. So some of it stays free for who comes next, however many there are. An
// aside-th of each is set aside for those that hold nothing yet, one handle each, for the time until the others have
// shrunk to their shares.
const (
	flowShare = 3
	pathShare = 8
	aside     = 8
)

// room is how many more the flow may hold.
func (s *Scheduler) room(f *flow) int {
	p := f.band.path
	free := s.cfg.MaxBand - f.band.resident
	n := (flowShare*(free-s.cfg.MaxBand/aside) - f.resident) / (flowShare + 1)
	if n < 1 && f.resident == 0 {
		n = 1
	}
	all := s.cfg.MaxHandles - s.resident
	m := (all - s.cfg.MaxHandles/aside - pathShare*p.resident) / (pathShare + 1)
	if m < 1 && p.resident == 0 {
		m = 1
	}
	return max(0, min(n, free, m, all, max(s.cfg.MaxHandles*s.cfg.PathPercent/100, 1)-p.resident))
}
