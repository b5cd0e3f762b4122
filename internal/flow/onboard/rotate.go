package onboard

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// maxKeys bounds the keys of a domain: two signing, two coming, and the retired ones of a few rotations in one retry period.
const maxKeys = 12

// Rotate makes new keys beside the old. They sign when DNS shows them everywhere; the old ones stay published until no mail
// can need them, and there is no moment without a key that signs. As TXT the owner has to publish them; by CNAME the
// operator does, in its own zone.
func (s *Service) Rotate(ctx context.Context, name string) (model.Domain, error) {
	return s.rotate(ctx, name, "")
}

// SetUp changes how a domain publishes our keys, by a rotation to keys published so.
func (s *Service) SetUp(ctx context.Context, name string, setup model.Setup) (model.Domain, error) {
	if err := s.possible(setup); err != nil {
		return model.Domain{}, err
	}
	return s.rotate(ctx, name, setup)
}

func (s *Service) rotate(ctx context.Context, name string, setup model.Setup) (model.Domain, error) {
	d, err := s.edit(ctx, name, func(c *store.DomainChange) error {
		d := &c.Domain
		if setup == d.Setup {
			return wording.Errorf("domain %s is set up by %s already", d.Name, string(setup))
		}
		if setup != "" {
			d.Setup = setup
		}
		keys, err := s.store.SigningKeys(ctx, d.ID)
		if err != nil {
			return err
		}
		return s.addComing(c, keys)
	})
	if err != nil || d.Setup == model.SetupCNAME {
		return d, err
	}
	return d, s.warn(ctx, WarnRotate, &d)
}

// addComing puts a new key of each algorithm beside those there are.
func (s *Service) addComing(c *store.DomainChange, keys []model.SigningKey) error {
	d, now := &c.Domain, s.clock.Now()
	var taken []model.SigningKey
	for _, k := range keys {
		switch k.State {
		case model.KeyComing:
			return wording.Errorf("domain %s: a rotation that began %s is under way; its new keys are not in DNS yet", d.Name, k.CreatedAt.Local().Format(time.DateTime))
		case model.KeyWithdrawn: // its place is wanted
			c.Keys = append(c.Keys, store.KeyChange{SigningKey: k, From: k.State, Gone: true})
			continue
		}
		taken = append(taken, k)
	}
	full := len(taken) >= maxKeys || slices.ContainsFunc(algorithms[:], func(a algorithm) bool { return s.selector(d, a.letter, taken) == "" })
	if full {
		free := now
		for _, k := range taken {
			if k.State == model.KeyRetired && (free.Equal(now) || k.ChangedAt.Add(s.Hold).Before(free)) {
				free = k.ChangedAt.Add(s.Hold)
			}
		}
		return wording.Errorf("domain %s: mail on its way is signed with the keys of the last rotation; new ones have no place before %s", d.Name, free.Local().Format(time.DateTime))
	}
	coming, err := s.makeKeys(d, model.KeyComing, taken)
	if err != nil {
		return err
	}
	var selectors []string
	for _, k := range coming {
		c.Keys = append(c.Keys, store.KeyChange{SigningKey: k})
		selectors = append(selectors, k.Selector)
	}
	d.RotatedAt, d.NextCheck = now, now
	ev := s.event(d, "rotation: new keys "+strings.Join(selectors, ", ")+" are to be published by "+publisher(d.Setup))
	c.Event = &ev
	return nil
}

func publisher(setup model.Setup) string {
	if setup == model.SetupCNAME {
		return "the operator"
	}
	return "the owner of the domain"
}

// rotationDue reports whether the keys of a domain are to be changed by the schedule. Domains added together come apart by a
// tenth of the age, so that their keys are not all made on one day. Only a domain in order is touched.
func (s *Settings) rotationDue(d *model.Domain, keys []model.SigningKey, now time.Time) bool {
	if s.RotateAfter <= 0 || d.State != model.DomainLive || d.Waiver != "" || len(d.Lacks) > 0 {
		return false
	}
	newest := time.Time{}
	for _, k := range keys {
		switch k.State {
		case model.KeyComing, model.KeyRetired:
			return false
		case model.KeyActive:
			newest = later(newest, k.CreatedAt)
		}
	}
	apart := s.RotateAfter / 10 * time.Duration(d.ID%100) / 100
	return !newest.IsZero() && now.Sub(newest) >= s.RotateAfter+apart
}
