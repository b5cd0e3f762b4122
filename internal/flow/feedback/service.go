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
	"sync/atomic"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/engine/bounce"
	"github.com/budkavle/budkavle/internal/engine/consent"
	"github.com/budkavle/budkavle/internal/engine/policy"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/address"
	"github.com/budkavle/budkavle/internal/standard/arf"
	"github.com/budkavle/budkavle/internal/standard/parts"
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

// Metrics counts what came back.
type Metrics struct {
	Returned bounce.Tally // mails, by what they were
	Classes  bounce.Tally // recipients that bounced by a report, by class of failure
	Untied   atomic.Int64 // complaints that no trace of ours is in
}

// What was returned, besides the kinds of engine/bounce.
const (
	kindArrival        = "delivered" // a report of success
	kindReply          = "reply"     // a person's
	kindUnread         = "not understood"
	kindUnsubscription = "unsubscription"
)

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

// arrival is one mail that came back.
type arrival struct {
	client       netip.Addr
	helo, sender string
	raw          []byte
	header       parts.Header
	mail         bounce.Return
	complaint    *arf.Report // nil: it is none
	noticed      bool        // something was put in the outbox
}

func (s *Service) arrival(client netip.Addr, helo, sender string, raw []byte) *arrival {
	head, _ := parts.Cut(raw)
	a := &arrival{client: client, helo: helo, sender: sender, raw: raw, header: parts.Fields(head), mail: s.Rules.Return(raw)}
	a.complaint = complaintIn(raw, &a.mail.Reading)
	return a
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

// read ties the mail to its message and lets it count, in the way of what it is.
func (s *Service) read(ctx context.Context, a *arrival, p path) error {
	if a.complaint != nil {
		return s.complain(ctx, a, &p)
	}
	m, err := s.Store.Message(ctx, p.key.Message)
	if err != nil {
		return s.unlessGone(err, p)
	}
	if !a.mail.Reports() {
		return s.unlessGone(s.answer(ctx, a, &m, p), p)
	}
	findings, err := s.findings(ctx, a, p)
	if err != nil {
		return s.unlessGone(err, p)
	}
	kind := string(a.mail.Kind)
	if a.mail.Kind == bounce.KindNone {
		kind = kindArrival
	}
	s.Metrics.Returned.Add(kind)
	if len(findings) == 0 {
		s.passed(a, p, "the report says nothing of a recipient of the message")
	}
	for i := range findings {
		if err := s.apply(ctx, a, &m, &findings[i]); err != nil {
			return err
		}
	}
	return nil
}

// passed logs what changes nothing.
func (s *Service) passed(a *arrival, p path, why string) {
	s.Log.Info("returned", "message", p.key.Message.String(), "n", p.key.N, "whole", p.all, "client", a.client, "helo", a.helo, "sender", a.sender, "why", why)
}

func (s *Service) findings(ctx context.Context, a *arrival, p path) ([]bounce.Finding, error) {
	now := s.Clock.Now()
	if p.all {
		list, err := s.Store.Recipients(ctx, p.key.Message, 0, policy.MaxRecipients)
		return a.mail.Whole(list, now), err
	}
	own, err := s.Store.Recipient(ctx, p.key)
	if err != nil {
		return nil, err
	}
	if f, ok := a.mail.One(own, now); ok {
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
