package addresses

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dns"
)

// DirectoryChanged tells that addresses in the store may have changed.
func (s *Service) DirectoryChanged() {
	poke(s.dirty)
	poke(s.moved)
	poke(s.due)
}

// Load reads the addresses of the store.
func (s *Service) Load(ctx context.Context) error {
	list, err := s.Store.ListAddresses(ctx)
	if err != nil {
		return err
	}
	elsewhere := map[netip.Addr]bool{}
	for i := range list {
		if s.bound(&list[i]) && !s.Local(list[i].Address) {
			elsewhere[list[i].Address] = true
		}
	}
	s.mu.Lock()
	before := s.elsewhere
	s.listed, s.elsewhere = list, elsewhere
	s.mu.Unlock()
	for a := range elsewhere {
		if !before[a] {
			s.Log.Warn("source address: this machine does not have it, so nothing is sent from it here; say whose it is with --node when it is added", "address", a)
		}
	}
	s.Changed()
	return nil
}

// loadRetry is when the store is read again after it could not be.
const loadRetry = 5 * time.Second

// follow reads the addresses again whenever something says that they changed, and every minute: one's last day may be over.
func (s *Service) follow(ctx context.Context) {
	failing := false
	for wait := time.Minute; s.pause(ctx, wait, s.dirty); {
		switch err := s.Load(ctx); {
		case err == nil:
			wait, failing = time.Minute, false
		case ctx.Err() == nil:
			if !failing {
				s.Log.Warn("source addresses cannot be read; they are as they were, trying on", "error", err)
			}
			wait, failing = loadRetry, true
		}
	}
}

// Stored reports whether this node sends from addresses of the store, and not from those of the configuration.
func (s *Service) Stored() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.listed, s.mine)
}

// Elsewhere are the addresses of the store that are meant for this node and that this machine does not have.
func (s *Service) Elsewhere() []netip.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Keys(s.elsewhere), netip.Addr.Compare)
}

// known is every address that there is: those of the store, and the configuration's if they count.
func (s *Service) known() []model.SourceAddress {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.Clone(s.listed)
	if !slices.ContainsFunc(list, s.mine) {
		list = append(list, s.configured...)
	}
	return list
}

// bound reports whether an address is meant for this node, now.
func (s *Service) bound(a *model.SourceAddress) bool {
	return a.Sends(s.Clock.Now()) && (a.Node == "" || a.Node == s.Hostname)
}

// mine reports whether this node sends from an address now. s.mu is held.
func (s *Service) mine(a model.SourceAddress) bool { return s.bound(&a) && !s.elsewhere[a.Address] }

// Own are the addresses that this node sends from now; none: the system chooses.
func (s *Service) Own() []model.SourceAddress {
	list := s.known()
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(list, func(a model.SourceAddress) bool { return !s.mine(a) })
}

// Senders are the addresses of all nodes that mail taken in now may go out from, as receivers see them; none: nothing is
// known of where it will go out.
func (s *Service) Senders() []model.SourceAddress {
	now := s.Clock.Now()
	return slices.DeleteFunc(s.known(), func(a model.SourceAddress) bool {
		return !a.Sends(now) || !s.Inside && dns.Inside(a.Address)
	})
}
