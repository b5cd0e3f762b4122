// Package feedback takes mail that comes back to the bounce domain and lets what it says count.
//
// A report is tied to its message by the return path, which only this node's key makes: mail to anything else at the
// domain is refused at RCPT, so the door is neither a relay nor a source of backscatter. Receive returns nil once what
// the report says is durable; a fault of the store is 451, and the peer keeps its mail. The same report twice changes
// nothing twice. Mail that is no report is taken, logged, and changes nothing. The package sends no mail and never
// answers any: what a sender must be told goes to the outbox of notices. It does not say what a failure means
// (internal/engine/bounce).
package feedback

import (
	"context"
	"log/slog"
	"net/netip"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/engine/bounce"
	"github.com/budkavle/budkavle/internal/store"
)

// Config is what a Service is made of. All fields are needed but Noticed.
type Config struct {
	Store   store.Store
	Paths   *bounce.ReturnPaths
	Clock   clock.Clock
	IDs     *ident.Source
	Log     *slog.Logger
	Noticed func() // called after notices were stored
}

// Service takes returned mail. It is safe for concurrent use.
type Service struct{ Config }

// New returns a Service.
func New(c Config) *Service { return &Service{c} }

// CheckRecipient says whether mail to the address is for us.
func (s *Service) CheckRecipient(_ context.Context, address string) error { return nil }

// Receive takes a message.
func (s *Service) Receive(ctx context.Context, client netip.Addr, helo, sender string, recipients []string, raw []byte) error {
	return nil
}
