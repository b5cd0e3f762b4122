package deliver

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/budkavle/budkavle/internal/engine/schedule"
	"github.com/budkavle/budkavle/internal/engine/shaping"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

const (
	// keepEvery is how often what holds the paths is told to the store, if it changed, and what was lowered climbs.
	keepEvery = 5 * time.Second
	// keepHeld is how many paths that hold mail are told of.
	keepHeld = store.MaxPathStates / 2
)

// restorePaths puts in force again what answers had before this process. Without it they will say so again.
func (s *Service) restorePaths(ctx context.Context) {
	kept, err := s.Store.PathStates(ctx, s.cfg.Node)
	if err != nil {
		logFault(s.Log, "what answers have put in force before cannot be read", err)
		return
	}
	var list []shaping.Force
	for _, p := range kept {
		var f shaping.Force
		if len(p.Force) > 0 && json.Unmarshal(p.Force, &f) == nil {
			list = append(list, f)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shaped.Restore(list, s.Clock.Now())
}

// keepPaths lets what was lowered climb back, and tells the store of the paths. At the end only what is in force is left
// there: nothing is held any more.
func (s *Service) keepPaths(ctx context.Context) error {
	var last []model.PathState
	for s.pause(ctx, s.work, keepEvery) {
		last = s.tellPaths(ctx, s.pathStates(), last)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	left := slices.DeleteFunc(s.pathStates(), func(p model.PathState) bool { return p.Force == nil })
	for i := range left {
		left[i].HeldBy, left[i].Rule, left[i].Reason, left[i].Until = "", "", "", time.Time{}
	}
	s.tellPaths(ctx, left, last)
	return nil
}

// tellPaths writes what is not as it was told last, and returns what the store has.
func (s *Service) tellPaths(ctx context.Context, list, last []model.PathState) []model.PathState {
	same := slices.EqualFunc(list, last, func(a, b model.PathState) bool {
		return a.Source == b.Source && a.Site == b.Site && a.HeldBy == b.HeldBy && a.Rule == b.Rule && a.Reason == b.Reason &&
			a.Until.Equal(b.Until) && bytes.Equal(a.Force, b.Force)
	})
	if same && (len(list) == 0 || list[0].At.Sub(last[0].At) < time.Minute) { // older ones are not believed
		return last
	}
	if err := s.Store.KeepPaths(ctx, s.cfg.Node, list); err != nil {
		s.Metrics.StoreFaults.Add(1)
		logFault(s.Log, "what holds the paths cannot be kept; trying on", err)
		return last
	}
	return list
}

// pathStates lists the paths that hold mail or that answers have changed, and tells the scheduler of the latter.
func (s *Service) pathStates() []model.PathState {
	all := map[schedule.PathKey]model.PathState{}
	var now time.Time
	s.act(func(at time.Time) {
		now = at
		shaped := s.shaped.All(now)
		slices.SortFunc(shaped, func(a, b shaping.Shaped) int { return b.Until().Compare(a.Until()) })
		for i := range shaped {
			f := &shaped[i]
			if f.Limits.Connections > 0 {
				s.sched.SetLimits(schedule.PathKey(f.Path), forced(&f.Limits, &f.Force, now))
			}
			if now.Before(f.Until()) && len(all) < store.MaxPathStates-keepHeld {
				force, _ := json.Marshal(f.Force) // of numbers, words and times
				all[schedule.PathKey(f.Path)] = model.PathState{Node: s.cfg.Node, Source: f.Source, Site: f.Site, At: now, Force: force}
			}
		}
		for _, h := range s.sched.Held(keepHeld) {
			key := schedule.PathKey{Source: h.Source, Site: h.Site}
			p := all[key]
			p.Node, p.Source, p.Site, p.At = s.cfg.Node, h.Source, h.Site, now
			p.HeldBy, p.Rule, p.Reason, p.Until = h.HeldBy, h.Rule, h.Reason, h.Until
			all[key] = p
		}
	})
	list := make([]model.PathState, 0, len(all))
	for _, p := range all {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b model.PathState) int {
		return cmp.Or(a.Source.Compare(b.Source), cmp.Compare(a.Site, b.Site))
	})
	return list
}
