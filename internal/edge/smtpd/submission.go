package smtpd

import (
	"context"
	"net/netip"
	"time"

	"github.com/budkavle/budkavle/internal/engine/policy"
	"github.com/budkavle/budkavle/internal/flow/submit"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/sasl"
	"github.com/budkavle/budkavle/internal/standard/smtp"
	"github.com/budkavle/budkavle/internal/store"
)

// Submitter takes mail in; *submit.Service is one.
type Submitter interface {
	CheckSender(ctx context.Context, p submit.Principal, sender string) error
	CheckRecipient(ctx context.Context, p submit.Principal, recipient string) error
	Begin(ctx context.Context, p submit.Principal, e submit.Envelope, o submit.Options) (submit.Transaction, error)
}

// Directory knows the users; *submit.Directory is one.
type Directory interface {
	Credential(ctx context.Context, username string) (model.Credential, error)
	Account(ctx context.Context, id model.AccountID) (model.Account, error)
}

// Submission is the Handler of the listeners for systems that send.
type Submission struct {
	Submitter  Submitter
	Directory  Directory
	RequireTLS bool
	Networks   []Network
	Secret     []byte // makes decoys of users that do not exist
}

// Network is a network whose clients may submit as an account without authentication.
type Network struct {
	Prefix  netip.Prefix
	Account model.AccountID
}

// Trusted implements Handler.
func (h *Submission) Trusted(client netip.Addr) *User {
	for _, n := range h.Networks {
		if n.Prefix.Contains(client) {
			return &User{Account: n.Account}
		}
	}
	return nil
}

// Authentication implements Handler.
func (h *Submission) Authentication(p *Peer) *Authentication {
	if h.RequireTLS && p.TLS == "" {
		return nil
	}
	return &Authentication{LookUp: h.lookUp, User: h.user}
}

func (h *Submission) lookUp(ctx context.Context, username string) (sasl.Verifier, error) {
	c, err := h.Directory.Credential(ctx, username)
	if store.Is(err, store.NotFound) {
		return sasl.Decoy(h.Secret, username), nil
	}
	return sasl.Verifier{Salt: c.Salt, Iterations: c.Iterations, StoredKey: c.StoredKey, ServerKey: c.ServerKey}, err
}

func (h *Submission) user(ctx context.Context, username string) (*User, error) {
	c, err := h.Directory.Credential(ctx, username)
	if err != nil {
		return nil, err
	}
	a, err := h.Directory.Account(ctx, c.Account)
	if err != nil {
		return nil, err
	}
	// Only who knows the password is told (RFC 5248 2.4 X.7.13).
	if err := policy.Account(a); err != nil {
		return nil, smtp.Errorf(525, "5.7.13", "%s", smtp.AsError(err).Text)
	}
	return &User{Name: c.Username, Credential: c, Account: c.Account}, nil
}

// principal asks for the account anew each time, so that one that is locked stops within its open sessions too.
func (h *Submission) principal(ctx context.Context, p *Peer) (submit.Principal, error) {
	if p.User == nil {
		return submit.Principal{}, smtp.Errorf(530, "5.7.0", "Authenticate first")
	}
	a, err := h.Directory.Account(ctx, p.User.Account)
	if err != nil {
		return submit.Principal{}, smtp.Wrap(err, 451, "4.3.0", "Your account cannot be looked up now, try again later")
	}
	return submit.Principal{
		Account: a, Credential: p.User.Name, Domain: p.User.Credential.Domain, Client: p.Client, Helo: p.Helo, Plain: p.Plain, TLS: p.TLS, Origin: model.OriginSMTP,
	}, nil
}

// Mail implements Handler.
func (h *Submission) Mail(ctx context.Context, p *Peer, sender string) error {
	if p.User == nil && h.RequireTLS && p.TLS == "" {
		return smtp.Errorf(530, "5.7.0", "Say STARTTLS and authenticate first")
	}
	principal, err := h.principal(ctx, p)
	if err != nil {
		return err
	}
	return h.Submitter.CheckSender(ctx, principal, sender)
}

// Rcpt implements Handler.
func (h *Submission) Rcpt(ctx context.Context, p *Peer, recipient string) error {
	principal, err := h.principal(ctx, p)
	if err != nil {
		return err
	}
	return h.Submitter.CheckRecipient(ctx, principal, recipient)
}

// Begin implements Handler.
func (h *Submission) Begin(ctx context.Context, p *Peer, e submit.Envelope, startedAt time.Time) (Message, error) {
	principal, err := h.principal(ctx, p)
	if err != nil {
		return nil, err
	}
	t, err := h.Submitter.Begin(ctx, principal, e, submit.Options{StartedAt: startedAt})
	if err != nil {
		return nil, err
	}
	return &submission{t}, nil
}

type submission struct {
	submit.Transaction
}

func (m *submission) Commit(ctx context.Context) (string, error) {
	r, err := m.Transaction.Commit(ctx)
	if err != nil {
		return "", err
	}
	return "Queued as " + r.ID.String(), nil
}
