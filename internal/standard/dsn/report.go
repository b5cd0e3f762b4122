// Package dsn reads and writes delivery status notifications (RFC 3464) and their frame (RFC 6522), with the
// internationalised forms of RFC 6533.
//
// Parse takes what real servers send: bare line feeds, missing fields, comments, wrong frames around a right status
// part. What it cannot read it leaves out; it fails only with ErrNoReport, when there is no status part with a recipient.
// Its work is bounded as that of package parts is, and by maxRecipients recipients of maxStatus octets. Texts are valid
// UTF-8 without control characters.
//
// Build writes one message. Mail builders do not know multipart/report, whose parts have fixed types and order. A report
// written and parsed again says the same. The package decides neither whether a report is due nor what one means.
package dsn

import "time"

// Action is what happened to a recipient, RFC 3464 2.3.3.
type Action string

// Actions.
const (
	Failed    Action = "failed"
	Delayed   Action = "delayed"
	Delivered Action = "delivered"
	Relayed   Action = "relayed"
	Expanded  Action = "expanded"
)

// Typed is a value with the name of its system: "rfc822" and "utf-8" addresses, "dns" hosts, "smtp" replies
// (RFC 3464 2.1.2).
type Typed struct {
	Type  string // lower case; empty if the report gave none
	Value string
}

// Report is what the status part says. Zero fields are not in it.
type Report struct {
	EnvelopeID   string    // Original-Envelope-Id, decoded
	ReportingMTA Typed     // who says so
	ReceivedFrom Typed     // Received-From-MTA
	Arrival      time.Time // Arrival-Date
	UTF8         bool      // message/global-delivery-status
	Recipients   []Recipient
}

// Recipient is what the report says of one recipient.
type Recipient struct {
	Original       Typed // Original-Recipient: the ORCPT of the message
	Final          Typed // Final-Recipient: where it was tried last
	Action         Action
	Status         string // RFC 3463: "5.1.1"
	RemoteMTA      Typed
	Diagnostic     Typed
	LastAttempt    time.Time
	FinalLogID     string
	WillRetryUntil time.Time
}
