package addresses

import (
	"context"
	"encoding/binary"
	"io"
	"net/netip"
	"slices"
	"time"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

const (
	watchPoll  = time.Minute      // between looks for addresses that are due, unless one changed
	watchBatch = 4                // claimed at a time, checked one after the other
	watchClaim = 10 * time.Minute // an address is due again after, if whoever claimed it is gone
	checkTime  = time.Minute      // for one address: watchBatch of them end before the claim does
	whenGood   = 24 * time.Hour   // between checks
	whenBad    = time.Hour
	whenSilent = 5 * time.Minute // DNS has never answered about it
)

// watch checks the addresses of the store and the configuration as they come due. Several nodes may: each claims what it checks.
func (s *Service) watch(ctx context.Context) {
	failing := false
	for {
		now := s.Clock.Now()
		list, err := s.Store.ClaimAddresses(ctx, now, now.Add(watchClaim), watchBatch)
		if err != nil && !failing && ctx.Err() == nil {
			s.Log.Warn("source addresses: the store cannot be read; trying on", "error", err)
		}
		failing = err != nil
		for i := range list {
			// A conflict is somebody's change, who has it due again.
			if _, err := s.check(ctx, list[i]); err != nil && !store.Is(err, store.Conflict) && ctx.Err() == nil {
				s.Log.Warn("source addresses: a check could not be stored", "address", list[i].Address, "error", err)
			}
		}
		s.checkConfigured(ctx, now)
		if len(list) < watchBatch && !s.pause(ctx, watchPoll, s.moved) || ctx.Err() != nil {
			return
		}
	}
}

// Verify looks at an address of the store now, as the watch does when it is due: for somebody who has just mended it.
func (s *Service) Verify(ctx context.Context, addr netip.Addr) (a model.SourceAddress, err error) {
	for range 5 { // the watch may look at the same moment
		if a, err = s.Store.Address(ctx, plain(addr)); err != nil {
			return a, err
		}
		if a, err = s.check(ctx, a); !store.Is(err, store.Conflict) {
			break
		}
	}
	return a, err
}

// check looks at one address of the store, and stores what was found. One whose last day is over retires by it.
func (s *Service) check(ctx context.Context, a model.SourceAddress) (model.SourceAddress, error) {
	now := s.Clock.Now()
	next, turns, ok := a, []turn(nil), true
	if a.State != model.AddressRetired {
		if next, turns, ok = s.look(ctx, a); !ok {
			return a, ctx.Err()
		}
	}
	c := store.AddressChange{Address: next, From: a.State}
	if a.State == model.AddressRetiring && !now.Before(a.RetiresAt) {
		c.Address.State, c.Address.ChangedAt = model.AddressRetired, now
		said := announcement(&c.Address, a.State, now)
		c.Said, c.Events = &said, append(c.Events, s.event(&c.Address, a.State))
	}
	c.Address.NextCheck = s.nextCheck(&c.Address)
	for _, t := range turns {
		c.Events = append(c.Events, s.note(t.event))
	}
	if err := s.Store.ChangeAddress(ctx, c); err != nil {
		return a, err
	}
	s.alert(ctx, turns)
	if len(c.Events) == 0 && a.PTR == next.PTR {
		return c.Address, nil
	}
	return c.Address, s.signal(ctx)
}

// checkConfigured looks at the addresses of the configuration that are due, if they count. What is found is kept in memory
// and told in the log alone.
func (s *Service) checkConfigured(ctx context.Context, now time.Time) {
	for _, a := range s.known() {
		i := slices.IndexFunc(s.configured, func(c model.SourceAddress) bool { return c.Address == a.Address && c.CreatedAt.Equal(a.CreatedAt) })
		if i < 0 || now.Before(a.NextCheck) {
			continue
		}
		next, turns, ok := s.look(ctx, a)
		if !ok {
			return
		}
		next.NextCheck = s.nextCheck(&next)
		s.mu.Lock()
		s.configured[i] = next
		s.mu.Unlock()
		for _, t := range turns { // not by letter: it would come again with every start
			s.Log.Warn("source address", "found", t.event)
		}
	}
}

// nextCheck is when to look at an address again, spread over time so that addresses added together part ways.
func (s *Service) nextCheck(a *model.SourceAddress) time.Time {
	pause := whenGood
	switch {
	case a.State == model.AddressRetired:
	case a.PTR == model.PTRUnclear:
		pause = whenSilent
	case a.PTR != model.PTRProved || len(a.Listed) > 0:
		pause = whenBad
	}
	now := s.Clock.Now()
	next := now.Add(time.Duration(float64(pause) * (0.8 + 0.4*s.roll())))
	if a.State == model.AddressRetiring && a.RetiresAt.Before(next) {
		return a.RetiresAt
	}
	return next
}

// roll is uniform in [0, 1).
func (s *Service) roll() float64 {
	var b [2]byte
	if _, err := io.ReadFull(s.Random, b[:]); err != nil {
		return 0.5
	}
	return float64(binary.BigEndian.Uint16(b[:])) / (1 << 16)
}

// alert tells the operator, in the log and by letter. The events are stored: a letter that fails is not written again.
func (s *Service) alert(ctx context.Context, turns []turn) {
	for _, t := range turns {
		s.Log.Warn("source address", "found", t.event)
		if s.Alert == nil {
			continue
		}
		if err := s.Alert(ctx, t.letter.subject, t.letter.text); err != nil {
			s.Log.Warn("source addresses: the operator could not be written to", "error", err)
		}
	}
}
