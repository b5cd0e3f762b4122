// Package addresses keeps the addresses that mail is sent from: their life from warming to retired, what the world sees of
// them, and who is told when the list changes.
//
// A change of an address is one commit with its event and, where receivers must know, its announcement; those who asked are
// told of announcements one after the other, each subscriber at a place of its own, so that a slow one delays nobody and a
// restart forgets nothing. It is at least once: who dies between telling and noting it tells again, with the same
// identifier. What cannot be told is tried for 8 hours and then given up with an event.
//
// The watch asks DNS daily whether each address has a name that leads back to it and whether blocklists name it. A resolver
// that does not answer changes nothing. A fault is one event and one letter to the operator when it comes, and one when it goes.
//
// Known addresses are read into memory and again when the store's directory signal moves; what the configuration names
// counts when the store has none for this node. Errors are *store.Error, or say which value cannot be used and why. The
// package sends no mail and chooses no address for a message: flow/deliver does.
package addresses

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/base/keyring"
	"github.com/budkavle/budkavle/internal/engine/reputation"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/store"
)

// Store is what the package needs of store.Store.
type Store interface {
	store.Addresses
	Signal(ctx context.Context, name string) error
	Domain(ctx context.Context, name string) (model.Domain, error)
	SigningKeys(ctx context.Context, id model.DomainID) ([]model.SigningKey, error)
}

// Config is what a Service is made of.
type Config struct {
	Store      Store
	Ring       *keyring.Ring // seals the secrets of subscribers
	Clock      clock.Clock
	Random     io.Reader
	IDs        *ident.Source
	Log        *slog.Logger
	Hostname   string       // of this node, which is the EHLO name of addresses that have none of their own
	Configured []netip.Addr // addresses of the configuration
	Notice     time.Duration
	// Local reports whether this machine has an address: what it has not, it cannot send from. nil: it has all.
	Local func(netip.Addr) bool
	// Inside says that loopback, private and link-local addresses are as good as others: those of a lab. Without, nobody
	// can tell how the world sees them, so they need no PTR record, and no URL may lead there.
	Inside   bool
	Resolver dns.Resolver
	Lists    []reputation.List // asked about every address
	HTTP     http.RoundTripper // carries what URLs are told
	// Write queues a letter to a subscriber; nil: none can be told by mail. Alert queues one to the operator; nil: the log has to do.
	Write   func(ctx context.Context, to, subject, text string) error
	Alert   func(ctx context.Context, subject, text string) error
	Page    Page
	Changed func() // called after the known addresses were read; nil: nobody wants to know
}

// Service adds, changes and watches addresses and tells of them. It is safe for concurrent use.
type Service struct {
	Config
	dirty chan struct{} // the known addresses are to be read again
	moved chan struct{} // an address may have to be looked at
	due   chan struct{} // somebody may have to be told

	mu         sync.Mutex            // guards what follows
	listed     []model.SourceAddress // of the store, at most store.MaxAddresses
	elsewhere  map[netip.Addr]bool   // those of listed that this machine does not have
	configured []model.SourceAddress // of the configuration, checked but not stored
}

// New returns a Service that knows no address of the store until Load.
func New(c Config) *Service {
	if c.Changed == nil {
		c.Changed = func() {}
	}
	if c.Local == nil {
		c.Local = func(netip.Addr) bool { return true }
	}
	s := &Service{Config: c, dirty: make(chan struct{}, 1), moved: make(chan struct{}, 1), due: make(chan struct{}, 1)}
	now := c.Clock.Now()
	for _, a := range c.Configured {
		s.configured = append(s.configured, model.SourceAddress{
			Address: plain(a), State: model.AddressActive, Pool: model.DefaultPool, Node: c.Hostname, PTR: model.PTRUnclear,
			CreatedAt: now, ChangedAt: now, ReadyAt: now, NextCheck: now,
		})
	}
	return s
}

// plain is an address as it is kept: without a zone, IPv4 as such.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// Run watches, tells and follows the store until ctx ends, and returns when nothing is under way.
func (s *Service) Run(ctx context.Context) error {
	var parts sync.WaitGroup
	parts.Go(func() { s.watch(ctx) })
	parts.Go(func() { s.tell(ctx) })
	s.follow(ctx)
	parts.Wait()
	return ctx.Err()
}

// pause waits for d or a poke; false: ctx ended.
func (s *Service) pause(ctx context.Context, d time.Duration, poked <-chan struct{}) bool {
	t := s.Clock.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-poked:
	case <-ctx.Done():
		return false
	}
	return true
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
