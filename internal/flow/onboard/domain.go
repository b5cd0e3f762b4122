package onboard

import (
	"context"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/address"
	"github.com/budkavle/budkavle/internal/store"
)

// Choice is what a person chooses of a new domain.
type Choice func(*model.Domain)

// WithSetup chooses how the domain publishes our keys.
func WithSetup(setup model.Setup) Choice { return func(d *model.Domain) { d.Setup = setup } }

// WithOpenSubdomains lets other accounts add subdomains.
func WithOpenSubdomains(open bool) Choice { return func(d *model.Domain) { d.Open = open } }

// AddDomain gives a domain to an account and makes its two signing keys. With a waiver, the operator's reason, it is
// live at once; without, it may send when DNS proves it.
func (s *Service) AddDomain(ctx context.Context, account, name, waiver string, choices ...Choice) (model.Domain, error) {
	domain, err := domainName(name)
	if err != nil {
		return model.Domain{}, err
	}
	a, err := s.store.Account(ctx, account)
	if err != nil {
		return model.Domain{}, err
	}
	lapsed, err := s.free(ctx, a, domain)
	if err != nil {
		return model.Domain{}, err
	}
	now := s.clock.Now()
	d := model.Domain{
		Name: domain, Account: a.ID, State: model.DomainAdded, Setup: model.SetupTXT, CreatedAt: now, ChangedAt: now, AskedAt: now, NextCheck: now,
	}
	for _, choose := range choices {
		choose(&d)
	}
	if err := s.possible(d.Setup); err != nil {
		return d, err
	}
	if waiver != "" {
		d.State, d.Waiver = model.DomainLive, waiver
	}
	d.Reason = Reason(d.State).String()
	if d.Token, err = s.token(); err != nil {
		return d, err
	}
	if d.ID, err = s.store.NumberDomain(ctx); err != nil {
		return d, err
	}
	keys, err := s.makeKeys(&d, model.KeyActive, nil)
	if err != nil {
		return d, err
	}
	if lapsed != nil {
		gone := s.event(lapsed, "claim lapsed: never proved, and another account asks for the domain")
		if err := s.store.RemoveDomain(ctx, lapsed.ID, gone); err != nil && !store.Is(err, store.NotFound) {
			return d, err
		}
	}
	ev := s.event(&d, strings.TrimSuffix("added, "+string(d.State)+": "+waiver, ": "))
	if d, err = s.store.AddDomain(ctx, d, keys, ev); err != nil {
		return d, err
	}
	return d, s.store.Signal(ctx, store.SignalDirectory)
}

// possible refuses a set-up that the operator has not prepared.
func (s *Service) possible(setup model.Setup) error {
	switch {
	case setup == model.SetupTXT:
		return nil
	case setup != model.SetupCNAME:
		return wording.Errorf("set-up %q: use txt or cname", string(setup))
	case s.KeyZone == "":
		return wording.Errorf("set-up cname: the operator has named no zone for keys; set domains.key_zone in the configuration, or use txt")
	}
	return nil
}

func (s *Service) event(d *model.Domain, reason string) model.Event {
	return model.Event{
		ID: s.ids.Next(), Kind: model.EventDomain, At: s.clock.Now(), Account: d.Account, Domain: d.ID, Data: model.EventData{Reason: reason},
	}
}

// token is what an owner publishes to prove ownership: 160 random bits.
func (s *Service) token() (string, error) { return s.randomText(20, letters) }

// Reason says in general why a domain is in a state; what it lacks says it in particular. Empty: nothing to explain.
func Reason(state model.DomainState) wording.Text {
	switch state {
	case model.DomainAdded:
		return wording.Say("its DNS records have not been looked up yet")
	case model.DomainWaiting:
		return wording.Say("its DNS records are not proved yet")
	case model.DomainDegraded:
		return wording.Say("DNS records that it had are gone; it may send on until they are back")
	case model.DomainStopped:
		return wording.Say("its mail would fail DMARC: no DKIM key is in DNS and SPF is not aligned")
	}
	return wording.Text{}
}

// domainName is a name as it is stored: A-labels in lower case, without the closing dot.
func domainName(name string) (string, error) {
	domain, err := address.ParseDomain(strings.TrimSuffix(name, "."))
	if err != nil || strings.HasPrefix(domain, "[") || !strings.Contains(domain, ".") {
		return "", wording.Errorf("%q is not a domain name such as school.example", name)
	}
	return domain, nil
}

// Domain finds a domain by any way of writing its name.
func (s *Service) Domain(ctx context.Context, name string) (model.Domain, error) {
	name, err := domainName(name)
	if err != nil {
		return model.Domain{}, err
	}
	return s.store.Domain(ctx, name)
}

// free refuses a domain that another account has, and one below such a domain unless its owner left it open. One above
// another's is given: what is below it stays with who has it, since the nearest domain covers an address. A claim never
// proved stands in nobody's way after its time: whoever typed a name wrong, or another's, does not hold it for ever.
//
// lapsed is such a claim to the domain itself, which is to be removed.
func (s *Service) free(ctx context.Context, a model.Account, domain string) (lapsed *model.Domain, err error) {
	for name := domain; strings.Contains(name, "."); _, name, _ = strings.Cut(name, ".") {
		d, err := s.store.Domain(ctx, name)
		switch {
		case store.Is(err, store.NotFound):
			continue
		case err != nil:
			return nil, err
		case d.Account == a.ID && name == domain:
			return nil, &store.Error{Kind: store.Exists, Op: "add domain " + domain}
		case d.Account == a.ID:
		case name != domain:
			if !d.Open && !s.lapsed(&d) {
				return nil, wording.Errorf("domain %s is below %s, which belongs to another account", domain, d.Name)
			}
		case !s.lapsed(&d):
			return nil, wording.Errorf("domain %s belongs to another account; if it is yours, ask the operator", domain)
		default:
			lapsed = &d
		}
	}
	return lapsed, nil
}

// lapsed reports whether a domain is a claim whose time is over.
func (s *Service) lapsed(d *model.Domain) bool {
	claim := d.OwnedAt.IsZero() && d.Waiver == "" && (d.State == model.DomainAdded || d.State == model.DomainWaiting)
	return claim && s.Claim > 0 && s.clock.Now().Sub(d.CreatedAt) >= s.Claim
}

// RemoveDomain takes a domain from its account.
func (s *Service) RemoveDomain(ctx context.Context, name string) error {
	name, err := domainName(name)
	if err != nil {
		return err
	}
	d, err := s.store.Domain(ctx, name)
	if err != nil {
		return err
	}
	if err := s.store.RemoveDomain(ctx, d.ID, s.event(&d, "removed")); err != nil {
		return err
	}
	return s.store.Signal(ctx, store.SignalDirectory)
}

// later is the later of two instants.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
