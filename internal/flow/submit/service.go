// Package submit takes mail in: it checks who sends as whom, finishes and signs the message, makes it durable in one
// commit, and hands it to delivery.
//
// Nothing is durable before Commit returns nil, and everything is when it does. Errors are *smtp.Error: refusals say
// what was wrong and what to do; faults of our own are 4yz, so the client keeps its mail. The memory of all messages on
// their way in is one budget; what would go over it is put off (452 4.3.1), never dropped. The package speaks neither
// SMTP nor HTTP, resolves no names, and decides nothing that internal/engine/policy could.
package submit

import (
	"context"
	"io"
	"log/slog"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/engine/limit"
	"github.com/budkavle/budkavle/internal/engine/policy"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/address"
	"github.com/budkavle/budkavle/internal/standard/smtp"
	"github.com/budkavle/budkavle/internal/store"
)

// Config is what a Service is made of.
type Config struct {
	Store     store.Store
	Directory *Directory
	Queue     Queue
	Clock     clock.Clock
	Random    io.Reader
	IDs       *ident.Source
	Log       *slog.Logger
	Hostname  string
	MaxSize   int64 // octets of one message
	// MaxMemory bounds the octets of all messages on their way in. Each may also use its first 8 KiB uncounted, so the
	// whole is MaxMemory + 8 KiB x connections.
	MaxMemory  int64
	Expire     time.Duration // transactional mail is given up this long after it may go
	ExpireBulk time.Duration
	Ways       Ways // zero Links: bulk mail gets no link to unsubscribe
	// ReturnLabel is the first label of the sender domains' own bounce domains.
	ReturnLabel string
	DiskCheck   func() error // nil error: there is room
	// Senders are the addresses that mail may go out from; nil, or none: nothing is known of them.
	Senders func() []model.SourceAddress
	Limits  limit.Defaults // of accounts; the zero value has none
	Locked  func()         // called after an account was locked for going over its limit; nil: nobody wants to know
	Observe Observer
	Noticed func() // called after notices were stored; nil: nobody wants to know
}

// Observer is told of each accepted message; it must be quick and safe for concurrent use.
type Observer interface {
	Accepted(class string, origin string, recipients int, took time.Duration)
}

// Service takes submissions. It is safe for concurrent use.
type Service struct {
	Config
	memory *semaphore.Weighted
}

// New returns a Service.
func New(c Config) *Service {
	if c.Senders == nil {
		c.Senders = func() []model.SourceAddress { return nil }
	}
	if c.Noticed == nil {
		c.Noticed = func() {}
	}
	if c.Locked == nil {
		c.Locked = func() {}
	}
	return &Service{Config: c, memory: semaphore.NewWeighted(c.MaxMemory)}
}

// Hold takes octets of the memory budget for a client that must keep more than the message itself. The caller calls
// release once; without room the error is 452 4.3.1.
func (s *Service) Hold(octets int64) (release func(), err error) {
	if !s.memory.TryAcquire(octets) {
		return nil, noRoom()
	}
	return func() { s.memory.Release(octets) }, nil
}

func noRoom() *smtp.Error {
	return smtp.Errorf(452, "4.3.1", "Too many large messages are on their way in, try again later")
}

// CheckSender is asked at MAIL: may this account send now, as this envelope sender?
func (s *Service) CheckSender(ctx context.Context, p Principal, sender string) error {
	if err := s.admit(p); err != nil {
		return err
	}
	if sender == "" {
		return nil // the From field decides, once it is seen
	}
	a, err := address.Parse(sender)
	if err != nil {
		return smtp.Wrap(err, 553, "5.1.7", "The envelope sender "+err.Error())
	}
	_, err = s.owned(ctx, p, "envelope sender", a)
	return err
}

// admit asks what does not depend on the message: may the account send, and is there room?
func (s *Service) admit(p Principal) error {
	if err := policy.Account(p.Account); err != nil {
		return err
	}
	if err := s.slowed(&p); err != nil {
		return err
	}
	if err := s.DiskCheck(); err != nil {
		return smtp.Wrap(err, 421, "4.3.1", "Out of room for mail now, try again later")
	}
	return nil
}

// CheckRecipient is asked at RCPT: syntax only, never DNS.
func (s *Service) CheckRecipient(_ context.Context, _ Principal, recipient string) error {
	if _, err := address.Parse(recipient); err != nil {
		return smtp.Wrap(err, 553, "5.1.3", "The recipient "+err.Error())
	}
	return nil
}

// owned finds the domain that covers an address and asks whether the principal may use it.
func (s *Service) owned(ctx context.Context, p Principal, part string, a address.Address) (policy.Owned, error) {
	o := policy.Owned{Address: a.String()}
	var err error
	if o.Domain, err = s.Directory.Covering(ctx, a.Domain); err != nil {
		return o, storeFault(err)
	}
	if o.OwnServer, err = s.Directory.OwnServer(ctx, p.Account.ID); err != nil {
		return o, storeFault(err)
	}
	return o, policy.Sender(p.Account, p.Domain, part, o)
}

// storeFault words a fault of the store for the peer.
func storeFault(err error) error {
	if store.Is(err, store.Full) {
		return smtp.Wrap(err, 452, "4.3.1", "Out of room for mail now, try again later")
	}
	return smtp.Wrap(err, 451, "4.3.0", "The message cannot be kept safely now, try again later")
}
