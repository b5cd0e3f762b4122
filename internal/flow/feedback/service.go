// Package feedback takes mail that comes back to the bounce domain and lets what it says count.
//
// Mail to a return path, which only this node's key makes, is tied by it to message and recipient: failures and delays in
// whatever shape they come (internal/engine/bounce reads them), complaints, automatic answers and replies of people. Complaints
// and unsubscriptions also have mailboxes; what they say counts as far as a trace that only this node makes vouches for it
// (docs/feedback.md). Mail to anything else at the domain is refused at RCPT, so the door is neither a relay nor a source of
// backscatter: mail is answered by nothing, and answers of people are handed on, whole, to the sender of the message alone, who
// is the account's own.
//
// Receive returns nil once what the mail says is durable; a fault of the store is 451, and the peer keeps its mail. The same
// report twice changes nothing twice. What cannot be understood is an event, a line of the log and a figure. The package does
// not say what a failure means (internal/engine/bounce), nor does it write reports: they go to the outbox of notices.
package feedback

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/engine/bounce"
	"github.com/budkavle/budkavle/internal/engine/consent"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/smtp"
	"github.com/budkavle/budkavle/internal/store"
)

// Store is what the package needs of store.Store.
type Store interface {
	Message(ctx context.Context, id ident.ID) (model.Message, error)
	Recipient(ctx context.Context, key model.RecipientKey) (model.Recipient, error)
	Recipients(ctx context.Context, id ident.ID, from, limit int) ([]model.Recipient, error)
	Bounce(ctx context.Context, o store.Outcome) (bool, error)
	NoteEvents(ctx context.Context, evs []model.Event, notices ...model.Notice) error
	ListEvents(ctx context.Context, f store.EventFilter) ([]model.Event, error)
	bounce.Lists
	AddSuppressions(ctx context.Context, list []model.Suppression, evs ...model.Event) error
	AccountByID(ctx context.Context, id model.AccountID) (model.Account, error)
	DomainByID(ctx context.Context, id model.DomainID) (model.Domain, error)
	Body(ctx context.Context, id ident.ID) ([]byte, error)
	Accept(ctx context.Context, subs []store.Submission, idem *store.Idempotency) error
}

// Queue hears of mail that is durable; *deliver.Service is one.
type Queue interface {
	// Accepted makes the lanes of waiting recipients known. raw is not changed afterwards.
	Accepted(msg *model.Message, raw []byte, recipients []model.Recipient)
}

// Config is what a Service is made of. All fields are needed but Complaints, BulkReplies, Leave, Mailboxes and Noticed.
type Config struct {
	Store Store
	Queue Queue
	Paths *bounce.ReturnPaths
	Rules *bounce.Rules
	Links *consent.Links
	Clock clock.Clock
	IDs   *ident.Source
	Log   *slog.Logger
	// Covering finds the sender domain that covers a name, or nil: answers go to senders of the account's own domains only.
	Covering    func(ctx context.Context, name string) (*model.Domain, error)
	Hostname    string        // in Received
	Expire      time.Duration // an answer that is handed on is given up after
	Complaints  []string      // local parts of the bounce domain that take complaints
	BulkReplies bool          // answers of people to bulk mail are handed on, to its Reply-To or From
	// Leave unsubscribes who holds the token of a link; known is false for one that was not made here. nil: nobody can
	// unsubscribe by mail.
	Leave func(ctx context.Context, token string) (known bool, err error)
	// Mailboxes are further addresses that the program reads, in lower case, each with who takes its mail. Only theirs may have
	// another domain than the bounce domain.
	Mailboxes map[string]Mailbox
	Noticed   func() // called after notices were stored; nil: nobody wants to know
}

// Service takes returned mail. It is safe for concurrent use.
type Service struct {
	Config
	Metrics   Metrics
	mailboxes map[string]Mailbox // by address in lower case
}

// Mailbox takes a message to an address that the program reads. Its error is a fault of ours, and the peer keeps its
// mail, or an *smtp.Error.
type Mailbox func(ctx context.Context, client netip.Addr, raw []byte) error

// New returns a Service.
func New(c Config) *Service {
	if c.Noticed == nil {
		c.Noticed = func() {}
	}
	s := &Service{Config: c, mailboxes: map[string]Mailbox{}}
	for _, name := range c.Complaints {
		s.mailboxes[strings.ToLower(name)+"@"+c.Paths.Domain()] = s.complaints
	}
	maps.Copy(s.mailboxes, c.Mailboxes)
	if c.Leave != nil {
		s.mailboxes[Unsubscribe+"@"+c.Paths.Domain()] = s.unsubscribe
	}
	return s
}

// Receive takes a message. Its error is an *smtp.Error.
func (s *Service) Receive(ctx context.Context, client netip.Addr, helo, sender string, recipients []string, raw []byte) error {
	var paths []path
	for _, r := range recipients {
		p, err := s.path(r)
		if err != nil {
			return err
		}
		if !slices.Contains(paths, p) { // a report has one recipient; a flood of the same counts as one
			paths = append(paths, p)
		}
	}
	for _, p := range paths {
		if p.mailbox == "" {
			continue
		}
		if err := s.mailboxes[p.mailbox](ctx, client, raw); err != nil {
			return fault(err)
		}
	}
	paths = slices.DeleteFunc(paths, func(p path) bool { return p.mailbox != "" })
	if len(paths) == 0 {
		return nil
	}
	a := s.arrival(client, helo, sender, raw)
	var err error
	for _, p := range paths {
		if err = s.read(ctx, a, p); err != nil {
			break
		}
	}
	if a.noticed {
		s.Noticed()
	}
	return fault(err)
}

// fault makes what the peer hears of a fault of our own.
func fault(err error) error {
	var e *smtp.Error
	if err == nil || errors.As(err, &e) {
		return err
	}
	return smtp.Wrap(err, 451, "4.3.0", "The report cannot be kept now, try again later")
}
