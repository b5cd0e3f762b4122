package addresses

import (
	"context"
	"net/netip"
	"regexp"
	"time"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/address"
	"github.com/budkavle/budkavle/internal/store"
)

// poolName is what pools are called.
var poolName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)

// Add stores an address, of which Address is needed, and tells of it. State is warming, which is the default, or active: an
// address that is in use already. EHLO name and pool are checked, times are set here.
func (s *Service) Add(ctx context.Context, a model.SourceAddress) (model.SourceAddress, error) {
	if !a.Address.IsValid() || a.Address.IsUnspecified() || a.Address.IsMulticast() {
		return a, wording.Errorf("%q is not an IP address that mail can be sent from", a.Address.String())
	}
	if a.State == "" {
		a.State = model.AddressWarming
	}
	if a.State != model.AddressWarming && a.State != model.AddressActive {
		return a, wording.Errorf("a new address is warming or active, not %s", string(a.State))
	}
	if a.Pool == "" {
		a.Pool = model.DefaultPool
	}
	if !poolName.MatchString(a.Pool) {
		return a, wording.Errorf("pool %q: use 1 to 32 lower-case letters, digits and hyphens", a.Pool)
	}
	if a.Helo != "" {
		name, err := address.ParseDomain(a.Helo)
		if err != nil {
			return a, wording.Errorf("EHLO name %q is not a host name: %w", a.Helo, err)
		}
		a.Helo = name
	}
	list, err := s.Store.ListAddresses(ctx)
	if err != nil {
		return a, err
	}
	if len(list) >= store.MaxAddresses {
		return a, wording.Errorf("there are %d addresses already, which is the most there may be; remove retired ones", len(list))
	}
	now := s.Clock.Now()
	a.Address, a.PTR = plain(a.Address), model.PTRUnclear
	a.CreatedAt, a.ChangedAt, a.NextCheck, a.ReadyAt = now, now, now, now
	if a.State == model.AddressWarming {
		a.ReadyAt = now.Add(s.Notice)
	}
	if err := s.Store.AddAddress(ctx, a, announcement(&a, "", now), s.event(&a, "")); err != nil {
		return a, err
	}
	return a, s.signal(ctx)
}

// All are the addresses of the store, the older first.
func (s *Service) All(ctx context.Context) ([]model.SourceAddress, error) {
	return s.Store.ListAddresses(ctx)
}

// Change is a wish for an address.
type Change struct {
	State model.AddressState
	On    time.Time // of retiring: it goes out of use; zero: when the notice is over
	Now   bool      // active before those who asked have had their notice
}

// Set changes the state of an address, and tells of it.
func (s *Service) Set(ctx context.Context, addr netip.Addr, c Change) (a model.SourceAddress, err error) {
	for range 5 { // the watch may note a check at the same moment
		if a, err = s.set(ctx, addr, c); !store.Is(err, store.Conflict) {
			break
		}
	}
	return a, err
}

func (s *Service) set(ctx context.Context, addr netip.Addr, c Change) (model.SourceAddress, error) {
	a, err := s.Store.Address(ctx, plain(addr))
	if err != nil {
		return a, err
	}
	now, from := s.Clock.Now(), a.State
	if !from.CanBecome(c.State) {
		return a, wording.Errorf("address %s is %s and cannot become %s", a.Address.String(), string(from), string(c.State))
	}
	if !c.On.IsZero() && c.State != model.AddressRetiring {
		return a, wording.Errorf("only retiring has a date")
	}
	a.State, a.ChangedAt, a.NextCheck = c.State, now, now
	switch c.State {
	case model.AddressActive:
		a.RetiresAt = time.Time{}
		if from == model.AddressWarming && now.Before(a.ReadyAt) && !c.Now {
			return a, wording.Errorf("address %s may come into full use from %s: until then those who asked to be told have their notice, and their servers may take its mail for spam (now: at once all the same)", a.Address.String(), a.ReadyAt.Format(time.DateOnly))
		}
	case model.AddressWarming:
		if from == model.AddressRetired { // off the lists of receivers
			a.ReadyAt, a.RetiresAt = now.Add(s.Notice), time.Time{}
		}
	case model.AddressRetiring:
		if a.RetiresAt, err = s.lastDay(c.On, now); err != nil {
			return a, err
		}
	case model.AddressRetired:
		a.RetiresAt = now
	}
	return a, s.move(ctx, a, from)
}

// lastDay is when a retiring address goes out of use. A day that has begun is taken for now.
func (s *Service) lastDay(on, now time.Time) (time.Time, error) {
	switch {
	case on.IsZero():
		return now.Add(s.Notice), nil
	case !on.Before(now):
		return on, nil
	case now.Sub(on) < 24*time.Hour:
		return now, nil
	}
	return on, wording.Errorf("%s is over", on.Format(time.DateOnly))
}

// move stores an address that has come into another state, and tells of it.
func (s *Service) move(ctx context.Context, a model.SourceAddress, from model.AddressState) error {
	said := announcement(&a, from, a.ChangedAt)
	err := s.Store.ChangeAddress(ctx, store.AddressChange{Address: a, From: from, Said: &said, Events: []model.Event{s.event(&a, from)}})
	if err != nil {
		return err
	}
	return s.signal(ctx)
}

// Remove deletes a retired address. The page does not show it any longer.
func (s *Service) Remove(ctx context.Context, addr netip.Addr) error {
	a, err := s.Store.Address(ctx, plain(addr))
	if err != nil {
		return err
	}
	if a.State != model.AddressRetired {
		return wording.Errorf("address %s is %s; only retired ones can be removed", a.Address.String(), string(a.State))
	}
	ev := s.event(&a, a.State)
	ev.Data.Reason = a.Address.String() + ": removed"
	if err := s.Store.RemoveAddress(ctx, a.Address, ev); err != nil {
		return err
	}
	return s.signal(ctx)
}

// signal tells this service and those of other processes that addresses changed.
func (s *Service) signal(ctx context.Context) error {
	s.DirectoryChanged()
	return s.Store.Signal(ctx, store.SignalDirectory)
}

func announcement(a *model.SourceAddress, from model.AddressState, now time.Time) model.Announcement {
	n := model.Announcement{At: now, Address: a.Address, From: from, To: a.State, Helo: a.Helo, Effective: now}
	switch a.State {
	case model.AddressWarming:
		n.Effective = a.ReadyAt
	case model.AddressRetiring:
		n.Effective = a.RetiresAt
	}
	return n
}

// event is the record of an address's present state.
func (s *Service) event(a *model.SourceAddress, from model.AddressState) model.Event {
	text := a.Address.String() + ": " + string(a.State)
	if from != "" {
		text += ", was " + string(from)
	}
	if a.State == model.AddressRetiring {
		text += ", until " + a.RetiresAt.UTC().Format(time.RFC3339)
	}
	return s.note(text)
}

func (s *Service) note(text string) model.Event {
	return model.Event{ID: s.IDs.Next(), Kind: model.EventAddress, At: s.Clock.Now(), Data: model.EventData{Reason: text}}
}
