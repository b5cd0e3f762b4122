package addresses

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/base/finding"
	"github.com/budkavle/budkavle/internal/engine/reputation"
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
		s.alert(ctx, turns)
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

// turn is a change from good to bad or back.
type turn struct {
	event  string // English, for the record
	letter letter
}

// look asks DNS about an address and says what has turned. What DNS did not answer stays as it was. ok: it came to its end.
func (s *Service) look(ctx context.Context, a model.SourceAddress) (next model.SourceAddress, turns []turn, ok bool) {
	asking, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	helo := a.Helo
	if helo == "" && a.Node == s.Hostname {
		helo = s.Hostname
	}
	r := reputation.Check(asking, s.Resolver, reputation.Query{IP: a.Address, Helo: helo, Lists: s.Lists})
	if ctx.Err() != nil {
		return a, nil, false
	}
	next = a
	if state, fault := ptrOf(&r); state != model.PTRUnclear {
		next.PTR, next.PTRFault, next.CheckedAt = state, fault, s.Clock.Now()
	}
	next.Listed = listedOf(&r, a.Listed)
	if was, is := faultyPTR(a.PTR), faultyPTR(next.PTR); was != is {
		turns = append(turns, ptrTurn(&next, is))
	}
	if was, is := len(a.Listed) > 0, len(next.Listed) > 0; was != is {
		turns = append(turns, listTurn(&next, is))
	}
	return next, turns, true
}

func faultyPTR(s model.PTRState) bool { return s == model.PTRMissing || s == model.PTRWrong }

// ptrOf is what a check says of the address's name, with what is wrong in English.
func ptrOf(r *reputation.Report) (model.PTRState, string) {
	for _, f := range r.Findings {
		if f.Subject != reputation.SubjectPTR && f.Subject != reputation.SubjectForward {
			continue
		}
		switch {
		case f.Severity == finding.Unknown:
			return model.PTRUnclear, ""
		case f.Severity == finding.Error && f.Subject == reputation.SubjectPTR:
			return model.PTRMissing, f.Found.String()
		case f.Severity == finding.Error:
			return model.PTRWrong, f.Found.String()
		}
	}
	return model.PTRProved, ""
}

// listedOf are the zones of the lists that name the address and matter. One that gave no answer is taken for what it said before.
func listedOf(r *reputation.Report, before []string) []string {
	var zones []string
	for _, l := range r.Lists {
		named := l.State == reputation.Listed && l.Weight != reputation.Low
		silent := l.State != reputation.Listed && l.State != reputation.Clear
		if named || silent && slices.Contains(before, l.Zone) {
			zones = append(zones, l.Zone)
		}
	}
	return zones
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

func ptrTurn(a *model.SourceAddress, bad bool) turn {
	addr := a.Address.String()
	if !bad {
		return turn{addr + ": the PTR record is in order again", bilingual(
			addr+": PTR-posten är i ordning igen", "PTR-posten för "+addr+" leder tillbaka till adressen. Massutskick tas emot som vanligt.",
			addr+": the PTR record is in order again", "The PTR record of "+addr+" leads back to the address. Bulk mail is taken as before.")}
	}
	swedish, english := "saknas", "missing"
	if a.PTR == model.PTRWrong {
		swedish, english = "leder inte tillbaka till adressen", "wrong ("+a.PTRFault+")"
	}
	return turn{fmt.Sprintf("%s: PTR record %s: %s", addr, a.PTR, a.PTRFault), bilingual(
		addr+": PTR-posten är inte i ordning", "PTR-posten för "+addr+" "+swedish+". Stora mottagare vägrar e-post från en sådan adress, så massutskick skjuts upp (451 4.7.25) tills det är rättat.\n\nBe nätets ägare, oftast värdleverantören, att sätta PTR till namnet som uppges med EHLO. Mer visar:\nbudkavle ip check "+addr,
		addr+": the PTR record is not in order", "The PTR record of "+addr+" is "+english+". Large receivers refuse mail from such an address, so bulk mail is put off (451 4.7.25) until it is mended.\n\nAsk the owner of the network, mostly the hosting provider, to set the PTR to the name given with EHLO. More is shown by:\nbudkavle ip check "+addr)}
}

func listTurn(a *model.SourceAddress, bad bool) turn {
	addr, zones := a.Address.String(), strings.Join(a.Listed, ", ")
	if !bad {
		return turn{addr + ": on no blocklist any longer", bilingual(
			addr+" står inte på någon blocklista längre", "Alla blocklistor som tillfrågas har strukit "+addr+".",
			addr+" is on no blocklist any longer", "All blocklists that are asked have taken "+addr+" off.")}
	}
	return turn{addr + ": on the blocklist " + zones, bilingual(
		addr+" står på en blocklista", "Adressen "+addr+" står på "+zones+". Många mottagare vägrar e-post från den.\n\nVarför, och hur den tas bort, visar:\nbudkavle ip check "+addr,
		addr+" is on a blocklist", "The address "+addr+" is on "+zones+". Many receivers refuse mail from it.\n\nWhy, and how to have it taken off, is shown by:\nbudkavle ip check "+addr)}
}
