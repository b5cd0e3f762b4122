package outbound

import (
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// Mail is one transaction: one body for some recipients.
type Mail struct {
	From       string // reverse-path without angle brackets; empty: the null sender
	Recipients []Recipient
	Raw        []byte // header and body, CRLF line ends, dots unstuffed; only read
	UTF8       bool   // needs SMTPUTF8 (RFC 6531)
	EightBit   bool   // has octets above 127
	EnvelopeID string // RFC 3461 4.4, not yet xtext; empty: none
	Return     model.DSNReturn
}

// Recipient is one RCPT.
type Recipient struct {
	Address string // without angle brackets
	Notify  model.Notify
	ORcpt   string // RFC 3461 4.2 in xtext, as it came; empty: none
}

// Results says what became of a transaction.
type Results struct {
	// Recipients has one result for each recipient of the Mail, in its order.
	Recipients []Result
	// DSN: the peer took over what NOTIFY asked for (RFC 3461 5.2.2). When false, a sender who asked for
	// NOTIFY=SUCCESS is to be told "relayed" by us.
	DSN bool
}

// Result says what became of one recipient.
type Result struct {
	// Err is nil when the peer took the message for this recipient.
	Err *Error
	// Reply is the peer's reply that decided; its Code is 0 when there was none (a lost connection).
	Reply Reply
	// Again: the peer takes no more recipients in this transaction (RFC 5321 4.5.3.1.10). Nothing is wrong with
	// this one; send it at once in the next transaction.
	Again bool
}

// Reply is what a peer said.
type Reply = smtp.Reply
