// Package relay keeps the accounts' own servers: SMTP servers of customers, by which all mail of their account goes out.
//
// It sets, tests and removes them, tells routing how mail gets there, counts the recipients of a day before they are sent to, and
// watches how delivery fares: of a server that fails again and again its contact is told once, and once more when it is mended.
//
// On failure: what cannot be read or counted holds the account's mail back, which is tried again. A node that dies has counted
// recipients which it did not send to; that leaves room unused until the day is over. The package delivers no queued mail and decides
// nothing about retries. A password is sealed where it is kept and in no text, event or letter of this package; where a server's reply
// repeats it, it is left out.
package relay

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/base/keyring"
	"github.com/budkavle/budkavle/internal/engine/outbound"
	"github.com/budkavle/budkavle/internal/engine/route"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// Store is what the service needs of store.Store.
type Store interface {
	store.Routes
	Account(ctx context.Context, name string) (model.Account, error)
	AccountByID(ctx context.Context, id model.AccountID) (model.Account, error)
	ListAccounts(ctx context.Context, after string, limit int) ([]model.Account, error)
	ListDomains(ctx context.Context, account model.AccountID, after string, limit int) ([]model.Domain, error)
	DomainByID(ctx context.Context, id model.DomainID) (model.Domain, error)
}

// Router finds the hosts of an own server; *route.Router does.
type Router interface {
	Via(ctx context.Context, o *route.Own, domain string) (*route.Plan, error)
}

// Config is what a Service is made of.
type Config struct {
	Store     Store
	Ring      *keyring.Ring
	Router    Router
	Connector *outbound.Connector
	Clock     clock.Clock
	IDs       *ident.Source
	Log       *slog.Logger
	Helo      string
	Source    netip.Addr // that tests dial from; zero: the system chooses
	// Write queues a letter on behalf of the operator's account: the customer's own would go by the server that fails.
	Write func(ctx context.Context, operator model.Account, to, subject, text string) error
}

// Service keeps own servers. It is safe for concurrent use.
type Service struct {
	Config

	mu         sync.Mutex
	generation int // counts Flush, so that what was read before is not kept after
	known      map[model.AccountID]known
	health     map[model.AccountID]*health
}

// known is an account's server as the store has it; nil: none.
type known struct {
	route *model.Route
	own   *route.Own
}

// maxKnown bounds the accounts remembered, those without a server too: 10,000 x 0.6 KiB, and at most as many that fail. A map that is
// full is emptied.
const maxKnown = 10_000

// New returns a Service.
func New(c Config) *Service {
	return &Service{Config: c, known: map[model.AccountID]known{}, health: map[model.AccountID]*health{}}
}

// Flush forgets what was read from the store.
func (s *Service) Flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.generation++
	clear(s.known)
}

// look finds an account's server.
func (s *Service) look(ctx context.Context, account model.AccountID) (known, error) {
	s.mu.Lock()
	k, ok := s.known[account]
	generation := s.generation
	s.mu.Unlock()
	if ok {
		return k, nil
	}
	r, err := s.Store.RouteOf(ctx, account)
	switch {
	case err == nil:
		own, err := s.ready(&r)
		if err != nil {
			return known{}, err
		}
		k = known{&r, own}
	case !store.Is(err, store.NotFound):
		return known{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.generation == generation {
		if len(s.known) >= maxKnown {
			clear(s.known)
		}
		s.known[account] = k
	}
	return k, nil
}

// ready unseals the password.
func (s *Service) ready(r *model.Route) (*route.Own, error) {
	o := &route.Own{Account: r.Account, Revision: r.Revision, Host: r.Host, Port: r.Port, TLS: r.TLS, Limits: r.Limits}
	if r.Username == "" {
		return o, nil
	}
	password, err := s.Ring.Open(r.Sealed, model.RouteContext(r))
	if err != nil {
		return nil, errors.New("the password of the account's own server " + err.Error() + "; set it again with: budkavle account route set")
	}
	o.Auth = &route.Auth{Username: r.Username, Password: string(password)}
	return o, nil
}

// Own finds the account's server as it may be used now; nil: it has none.
func (s *Service) Own(ctx context.Context, account model.AccountID) (*route.Own, error) {
	k, err := s.look(ctx, account)
	if err != nil || k.own == nil {
		return nil, err
	}
	o := *k.own
	o.Ours = k.route.Fallback == model.FallbackOwn
	now := s.Clock.Now()
	day := model.DayOf(now)
	over := o.Limits.PerDay > 0 && k.route.SentOn(day) >= int64(o.Limits.PerDay) // when it was read
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.health[account]
	if h == nil || h.revision != o.Revision {
		h = &health{}
	}
	switch {
	case over || h.day == day:
		o.Closed, o.Until = dayOver(&o), (day + 1).Begin()
	case o.Ours && now.Before(h.closed):
		o.Closed, o.Until = "the account's own server fails: "+h.fault, h.closed
	}
	return &o, nil
}
