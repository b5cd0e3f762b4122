package submit

import (
	"context"
	"net/netip"
	"time"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
)

// Principal is who submits: an authenticated account and how it came.
type Principal struct {
	Account    model.Account
	Credential string         // SMTP user name or API key prefix; empty for a trusted network
	Domain     model.DomainID // 0: every domain of the account
	Client     netip.Addr
	Helo       string // what the SMTP client called itself; empty for HTTP
	Plain      bool   // it said HELO, not EHLO
	TLS        string // version and cipher; empty: clear text
	Origin     model.Origin
}

// Recipient is one envelope recipient.
type Recipient struct {
	Address string // mailbox without angle brackets, not yet normalised
	Notify  model.Notify
	ORcpt   string
}

// Envelope is what MAIL and RCPT said.
type Envelope struct {
	Sender     string // mailbox without angle brackets; empty: the null sender
	Recipients []Recipient
	EnvelopeID string
	Return     model.DSNReturn
	UTF8       bool  // SMTPUTF8 was asked for
	Size       int64 // declared by the sender; 0: unknown
}

// Options is what a submission may say besides its envelope.
type Options struct {
	Class       model.Class
	Tags        []string
	Variables   map[string]string
	Attachments []model.Attachment
	// Domain owns the message and its events; nil: the domain of the From address, which signs in any case. It is the
	// account's, and the caller has seen that it may send.
	Domain    *model.Domain
	NotBefore time.Time // zero: at once
	TestMode  bool
	Requested bool      // the recipient asked for it a moment ago: no suppression list stops it
	StartedAt time.Time // first byte, for the accept delay; zero: when Begin was called
}

// Receipt names a submission that is durable.
type Receipt struct {
	ID        ident.ID
	MessageID string // the header's value with angle brackets
}

// Transaction is one message on its way in: Write its bytes, then Commit or Abort. Errors are
// *smtp.Error. After an error of Write or Commit nothing was kept, and Abort is still called.
type Transaction interface {
	// Write takes header and body with CRLF line ends, dots unstuffed, in pieces of any size.
	Write(p []byte) (int, error)
	// Commit returns when the message is durable.
	Commit(ctx context.Context) (Receipt, error)
	// Abort gives back what the transaction holds. It may be called after Commit, and again.
	Abort()
}

// Queue is the way from a submission to delivery without a detour over the store.
type Queue interface {
	// Reserve asks for a place in the window for one recipient of the lane that is due now. With ok, the
	// recipient is stored as leased by the lease, its first attempt counted, with nextDue as its due time.
	Reserve(lane model.Lane) (lease int64, nextDue time.Time, ok bool)
	// Accepted tells of mail that is now durable: leased recipients take their reserved places, waiting
	// ones make their lanes known. raw is not changed afterwards.
	Accepted(msg *model.Message, raw []byte, recipients []model.Recipient)
	// Forget gives back the reserved places of leased recipients that did not become durable.
	Forget(recipients []model.Recipient)
}
