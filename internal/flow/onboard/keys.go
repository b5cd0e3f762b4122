package onboard

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/budkavle/budkavle/internal/engine/proof"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dkim"
)

// algorithms of a domain's keys, in the order in which they are shown, with the letter that ends a selector.
var algorithms = [...]algorithm{{dkim.RSA, "r"}, {dkim.Ed25519, "e"}}

type algorithm struct{ name, letter string }

// slots are the two places an algorithm has in the operator's zone. The customer's CNAME records lead to both, so that the
// next key is published in the one while the other signs.
var slots = [...]string{"a", "b"}

// slotSelector names a place in the operator's zone: distinct for each domain by its number, which is never given again.
func slotSelector(id model.DomainID, slot, letter string) string {
	return fmt.Sprintf("bk%d%s%s", id, slot, letter)
}

// target is where a key is published if its selector is one of the domain's slots: by CNAME in the operator's zone.
func (s *Service) target(d *model.Domain, selector string) string {
	for _, slot := range slots {
		for _, a := range algorithms {
			if s.KeyZone != "" && selector == slotSelector(d.ID, slot, a.letter) {
				return selector + "._domainkey." + s.KeyZone
			}
		}
	}
	return ""
}

// selector gives a new key a name that none of the domain's keys has. As TXT it tells when and which; by CNAME it is the
// free slot, or empty if none is free.
func (s *Service) selector(d *model.Domain, letter string, taken []model.SigningKey) string {
	isTaken := func(name string) bool {
		return slices.ContainsFunc(taken, func(k model.SigningKey) bool { return k.Selector == name })
	}
	if d.Setup == model.SetupCNAME {
		for _, slot := range slots {
			if name := slotSelector(d.ID, slot, letter); !isTaken(name) {
				return name
			}
		}
		return ""
	}
	month := "bk" + s.clock.Now().UTC().Format("200601")
	name := month + letter
	for n := 2; isTaken(name); n++ {
		name = fmt.Sprintf("%sn%d%s", month, n, letter)
	}
	return name
}

// makeKeys makes one key of each algorithm, in places that none of taken has.
func (s *Service) makeKeys(d *model.Domain, state model.KeyState, taken []model.SigningKey) ([]model.SigningKey, error) {
	now := s.clock.Now()
	var keys []model.SigningKey
	for _, a := range algorithms {
		selector := s.selector(d, a.letter, taken)
		g, err := dkim.Generate(a.name, s.random)
		if err != nil {
			return nil, err
		}
		sealed, err := s.ring.Seal(g.PKCS8, dkim.SealContext(d.Name, selector))
		clear(g.PKCS8)
		if err != nil {
			return nil, err
		}
		keys = append(keys, model.SigningKey{
			Domain: d.ID, Selector: selector, Algorithm: a.name, State: state, Public: g.Public, Sealed: sealed, CreatedAt: now, ChangedAt: now,
		})
	}
	return keys, nil
}

// Addresses are those that mail goes out from: the store's that are in use, and the configuration's that it does not know.
func (s *Service) Addresses(ctx context.Context) ([]netip.Addr, error) {
	stored, err := s.store.ListAddresses(ctx)
	if err != nil {
		return nil, err
	}
	var list []netip.Addr
	known := map[netip.Addr]bool{}
	for _, a := range stored {
		known[a.Address] = true
		if a.Sends(s.clock.Now()) {
			list = append(list, a.Address)
		}
	}
	for _, a := range s.Sources {
		if !known[a] {
			list = append(list, a)
		}
	}
	return list, nil
}

// expected is what the DNS of a domain has to say: all its keys but those that may go.
func (s *Service) expected(d *model.Domain, keys []model.SigningKey, sources []netip.Addr) proof.Expected {
	e := proof.Expected{
		Domain: d.Name, Token: d.Token, Include: s.Include, Sources: sources, ReportTo: s.ReportTo,
		Keys: s.proofKeys(d, keys, model.KeyActive, model.KeyLost, model.KeyComing, model.KeyRetired),
	}
	if s.ReturnLabel != "" {
		e.ReturnPath, e.ReturnTarget = s.ReturnLabel+"."+d.Name, s.ReturnTarget
	}
	return e
}

// proofKeys are the keys in one of the states, in the form of engine/proof; those of the first state first.
func (s *Service) proofKeys(d *model.Domain, keys []model.SigningKey, states ...model.KeyState) []proof.Key {
	var list []proof.Key
	for _, state := range states {
		for _, k := range keys {
			if k.State == state {
				list = append(list, proof.Key{Selector: k.Selector, Algorithm: k.Algorithm, Public: k.Public, Target: s.target(d, k.Selector), Coming: state == model.KeyComing})
			}
		}
	}
	return list
}
