// Package feedback takes mail that comes back to the bounce domain and lets what it says count.
//
// A report is tied to its message by the return path, which only this node's key makes: mail to anything else at the
// domain but its few mailboxes is refused at RCPT, so the door is neither a relay nor a source of backscatter. Receive returns nil once what
// the report says is durable; a fault of the store is 451, and the peer keeps its mail. The same report twice changes
// nothing twice. Mail that is no report is taken, logged, and changes nothing. The package sends no mail and never
// answers any: what a sender must be told goes to the outbox of notices. It does not say what a failure means
// (internal/engine/bounce).
package feedback

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/engine/bounce"
	"github.com/budkavle/budkavle/internal/engine/policy"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/address"
	"github.com/budkavle/budkavle/internal/standard/dsn"
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
}

// Config is what a Service is made of. All fields are needed but Leave, Mailboxes and Noticed.
type Config struct {
	Store Store
	Paths *bounce.ReturnPaths
	Clock clock.Clock
	IDs   *ident.Source
	Log   *slog.Logger
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
	mailboxes map[string]Mailbox // by address in lower case
}

// Mailbox takes a message to an address that the program reads. Its error is a fault of ours: the peer keeps its mail.
type Mailbox func(ctx context.Context, client netip.Addr, raw []byte) error

// New returns a Service.
func New(c Config) *Service {
	if c.Noticed == nil {
		c.Noticed = func() {}
	}
	s := &Service{Config: c, mailboxes: map[string]Mailbox{}}
	maps.Copy(s.mailboxes, c.Mailboxes)
	if c.Leave != nil {
		s.mailboxes[Unsubscribe+"@"+c.Paths.Domain()] = s.unsubscribe
	}
	return s
}

// CheckRecipient says whether mail to the address is for us. No person reads mail at the bounce domain, postmaster included
// (docs/decisions/0007).
func (s *Service) CheckRecipient(_ context.Context, mailbox string) error {
	_, err := s.path(mailbox)
	return err
}

// path is a return path as RCPT names it, or a mailbox.
type path struct {
	key     model.RecipientKey
	all     bool
	mailbox string // its address; empty: a return path
}

func (s *Service) path(mailbox string) (p path, err error) {
	if strings.EqualFold(mailbox, "postmaster") { // RFC 5321 4.1.1.3: needs no domain
		return p, smtp.Errorf(550, "5.1.1", "Nobody reads mail here; write to the postmaster of the domain whose mail you ask about")
	}
	a, err := address.Parse(mailbox)
	if err != nil {
		return p, smtp.Wrap(err, 553, "5.1.3", "The recipient "+err.Error())
	}
	if name := strings.ToLower(a.Local) + "@" + a.Domain; s.mailboxes[name] != nil {
		return path{mailbox: name}, nil
	}
	// Sender domains have bounce domains of their own that lead here. Which they are need not be known: the key has signed
	// the local part.
	p.key, p.all, err = s.Paths.Parse(a.Local)
	switch {
	case err != nil && a.Domain != s.Paths.Domain():
		return p, smtp.Errorf(550, "5.7.1", "This server takes only mail that comes back to %s and relays none", s.Paths.Domain())
	case err != nil:
		return p, smtp.Wrap(err, 550, "5.1.1", "There is no such mailbox; this domain takes only reports about mail it sent")
	}
	return p, nil
}

// arrival is one message that came back.
type arrival struct {
	client  netip.Addr
	report  *dsn.Report
	noticed bool // something was put in the outbox
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
	a := arrival{client: client}
	var err error
	if a.report, err = dsn.Parse(raw); err != nil {
		for _, p := range paths {
			s.Log.Info("returned", "message", p.key.Message.String(), "n", p.key.N, "whole", p.all, "client", client, "helo", helo, "sender", sender, "why", err.Error())
		}
		return nil
	}
	for _, p := range paths {
		if err = s.read(ctx, &a, p); err != nil {
			break
		}
	}
	if a.noticed {
		s.Noticed()
	}
	return fault(err)
}

// read ties the report to the message and applies what it says of each recipient.
func (s *Service) read(ctx context.Context, a *arrival, p path) error {
	m, err := s.Store.Message(ctx, p.key.Message)
	if err != nil {
		return s.unlessGone(err, p)
	}
	findings, err := s.findings(ctx, a.report, p)
	if err != nil {
		return s.unlessGone(err, p)
	}
	if len(findings) == 0 {
		s.Log.Info("returned", "message", p.key.Message.String(), "n", p.key.N, "whole", p.all, "client", a.client, "why", "the report says nothing of a recipient of the message")
	}
	for i := range findings {
		if err := s.apply(ctx, a, &m, &findings[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) findings(ctx context.Context, r *dsn.Report, p path) ([]bounce.Finding, error) {
	now := s.Clock.Now()
	if p.all {
		list, err := s.Store.Recipients(ctx, p.key.Message, 0, policy.MaxRecipients)
		return bounce.ReadWhole(r, list, now), err
	}
	own, err := s.Store.Recipient(ctx, p.key)
	if err != nil {
		return nil, err
	}
	if f, ok := bounce.ReadOne(r, own, now); ok {
		return []bounce.Finding{f}, nil
	}
	return nil, nil
}

// unlessGone swallows the absence of what retention took.
func (s *Service) unlessGone(err error, p path) error {
	if !store.Is(err, store.NotFound) {
		return err
	}
	s.Log.Info("returned", "message", p.key.Message.String(), "n", p.key.N, "whole", p.all, "why", "the message is no longer kept")
	return nil
}

// fault makes what the peer hears of a fault of our own.
func fault(err error) error {
	var e *smtp.Error
	if err == nil || errors.As(err, &e) {
		return err
	}
	return smtp.Wrap(err, 451, "4.3.0", "The report cannot be kept now, try again later")
}
