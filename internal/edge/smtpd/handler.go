package smtpd

import (
	"context"
	"net/netip"
	"time"

	"github.com/budkavle/budkavle/internal/flow/submit"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/sasl"
)

// Peer is what is known of a client.
type Peer struct {
	Client netip.Addr
	Helo   string
	Plain  bool   // it said HELO, not EHLO
	TLS    string // version and cipher; empty: clear text
	User   *User  // nil: not authenticated
}

// User is who has authenticated, or whose trusted network the client is in.
type User struct {
	Name       string // user name; empty for a trusted network
	Credential model.Credential
	Account    model.AccountID
}

// Handler is what a listener does with mail. Errors are *smtp.Error; others are answered with 451.
type Handler interface {
	// Authentication returns how users are checked on this connection; nil: AUTH is not offered to this peer.
	Authentication(p *Peer) *Authentication
	// Trusted returns the user that a client's address stands for, or nil.
	Trusted(client netip.Addr) *User
	// Mail, Rcpt and Begin are asked at MAIL, RCPT and DATA or BDAT. Begin may keep the envelope.
	Mail(ctx context.Context, p *Peer, sender string) error
	Rcpt(ctx context.Context, p *Peer, recipient string) error
	Begin(ctx context.Context, p *Peer, e submit.Envelope, startedAt time.Time) (Message, error)
}

// Authentication checks users.
type Authentication struct {
	// LookUp finds a verifier, a decoy for users that do not exist.
	LookUp func(ctx context.Context, username string) (sasl.Verifier, error)
	// User returns who a user that proved itself is; an error refuses it all the same.
	User func(ctx context.Context, username string) (*User, error)
}

// Message takes a message's octets. Commit returns the text of the final reply.
type Message interface {
	Write(p []byte) (int, error)
	Commit(ctx context.Context) (reply string, err error)
	Abort()
}
