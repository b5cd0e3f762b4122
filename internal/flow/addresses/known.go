package addresses

import (
	"context"
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
	s.mu.Lock()
	s.listed = list
	s.mu.Unlock()
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

// known is every address that there is: those of the store, and the configuration's if they count.
func (s *Service) known() []model.SourceAddress {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.Clone(s.listed)
	if !slices.ContainsFunc(list, func(a model.SourceAddress) bool { return s.Mine(&a) }) {
		list = append(list, s.configured...)
	}
	return list
}

// Mine reports whether this node sends from an address now.
func (s *Service) Mine(a *model.SourceAddress) bool {
	return a.Sends(s.Clock.Now()) && (a.Node == "" || a.Node == s.Hostname)
}

// Own are the addresses that this node sends from now; none: the system chooses.
func (s *Service) Own() []model.SourceAddress {
	return slices.DeleteFunc(s.known(), func(a model.SourceAddress) bool { return !s.Mine(&a) })
}

// Senders are the addresses of all nodes that mail taken in now may go out from, as receivers see them; none: nothing is
// known of where it will go out.
func (s *Service) Senders() []model.SourceAddress {
	now := s.Clock.Now()
	return slices.DeleteFunc(s.known(), func(a model.SourceAddress) bool {
		return !a.Sends(now) || !s.Inside && dns.Inside(a.Address)
	})
}
