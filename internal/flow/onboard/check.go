package onboard

import (
	"context"
	"encoding/binary"
	"io"
	"strings"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/engine/proof"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// Checked is a check and what came of it.
type Checked struct {
	Domain model.Domain // as it is now
	Keys   []model.SigningKey
	Report proof.Report
	Before model.DomainState
	Told   []string // what the event says; empty: there was nothing to tell
}

// Ready reports whether the domain may send and nothing is wrong that counts.
func (c *Checked) Ready() bool {
	return c.Domain.State == model.DomainLive && (c.Domain.Waiver != "" || len(c.Domain.Lacks) == 0)
}

// Verify checks a domain now, stores what follows, and has it looked at closely for a while.
func (s *Service) Verify(ctx context.Context, name string) (Checked, error) {
	name, err := domainName(name)
	if err != nil {
		return Checked{}, err
	}
	if s.Checker == nil {
		return Checked{}, wording.Errorf("domain %s: no DNS servers can be asked", name)
	}
	for range edits {
		var d model.Domain
		if d, err = s.store.Domain(ctx, name); err != nil {
			return Checked{}, err
		}
		d.AskedAt = s.clock.Now()
		var c Checked
		if c, err = s.check(ctx, s.Checker, d); !store.Is(err, store.Conflict) {
			return c, err
		}
	}
	return Checked{}, err
}

// check looks a domain up and stores what follows. Conflict: it has changed meanwhile, and nothing was stored.
func (s *Service) check(ctx context.Context, checker Checker, d model.Domain) (Checked, error) {
	keys, err := s.store.SigningKeys(ctx, d.ID)
	if err != nil {
		return Checked{}, err
	}
	sources, err := s.Addresses(ctx)
	if err != nil {
		return Checked{}, err
	}
	if d.Token == "" {
		if d.Token, err = s.token(); err != nil {
			return Checked{}, err
		}
	}
	r := checker.Domain(ctx, s.expected(&d, keys, sources))
	s.lookAtSpares(ctx, s.spares(&d, keys), &r)
	if err := ctx.Err(); err != nil {
		return Checked{}, err // what was found is what an end in the midst of it looks like
	}
	v := s.judge(d, keys, &r)
	out := &v.change.Domain
	wait := s.pace(out, v.keys, r.At)
	if unanswered(&r) {
		wait = min(wait, hour)
	}
	out.NextCheck = r.At.Add(spread(wait, s.roll()))
	if len(v.told) > 0 {
		ev := s.event(out, strings.Join(v.told, "; "))
		v.change.Event = &ev
	}
	if err := s.store.ChangeDomain(ctx, v.change); err != nil {
		return Checked{}, err
	}
	out.Revision++
	c := Checked{Domain: *out, Keys: v.keys, Report: r, Before: d.State, Told: v.told}
	if v.moves(d) {
		err = s.store.Signal(ctx, store.SignalDirectory)
	}
	if err == nil && v.warning != "" {
		err = s.warn(ctx, v.warning, out)
	}
	return c, err
}

// moves reports whether running nodes must read the domain anew.
func (v *verdict) moves(was model.Domain) bool {
	d := &v.change.Domain
	for _, k := range v.change.Keys {
		if k.State != k.From || k.Gone {
			return true
		}
	}
	return d.State != was.State || d.ReturnPath != was.ReturnPath
}

// roll is uniform in [0, 1). Without random numbers it is the middle: nothing but the spread suffers.
func (s *Service) roll() float64 {
	var b [2]byte
	if _, err := io.ReadFull(s.random, b[:]); err != nil {
		return 0.5
	}
	return float64(binary.BigEndian.Uint16(b[:])) / (1 << 16)
}
