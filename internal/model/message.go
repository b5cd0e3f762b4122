package model

import (
	"time"

	"github.com/budkavle/budkavle/internal/base/ident"
)

// Class is the scheduling class of a message; lower goes first.
type Class int

// Classes. Transactional mail passes bulk mail at every stage without starving it.
const (
	ClassTransactional Class = 0
	ClassBulk          Class = 1
	// Classes is how many there are.
	Classes = 2
)

func (c Class) String() string {
	if c == ClassBulk {
		return "bulk"
	}
	return "transactional"
}

// Origin says how a message came to us.
type Origin string

// Origins of messages. OriginSystem is mail the node wrote itself, such as a DSN.
const (
	OriginSMTP   Origin = "smtp"
	OriginHTTP   Origin = "http"
	OriginCLI    Origin = "cli"
	OriginSystem Origin = "system"
)

// DSNReturn is the RET parameter of RFC 3461 4.3: how much of a message its DSN returns.
type DSNReturn string

// Values of RET; empty when the sender did not say.
const (
	ReturnFull    DSNReturn = "FULL"
	ReturnHeaders DSNReturn = "HDRS"
)

// Message is what the recipients of one submission share. The bytes are stored apart (store.Bodies).
type Message struct {
	ID         ident.ID
	Account    AccountID
	Domain     DomainID // sender domain: signs, is billed, owns the events
	DomainName string
	Class      Class
	Origin     Origin
	Sender     string // envelope sender as submitted; "" is the null sender
	Size       int64  // octets as sent to receivers, header and body
	UTF8       bool   // needs SMTPUTF8 (RFC 6531)
	EightBit   bool   // has octets above 127 (RFC 6152)
	TestMode   bool   // accepted and told as delivered, never sent
	AcceptedAt time.Time
	NotBefore  time.Time // earliest delivery; zero: at once
	ExpiresAt  time.Time // no attempt begins later than this
	Meta       Meta
}

// Meta is what the queue never looks at: it is shown, reported and handed back. Stored as JSON.
type Meta struct {
	MessageID   string            `json:"message_id,omitempty"` // without angle brackets
	Subject     string            `json:"subject,omitempty"`    // decoded
	From        string            `json:"from,omitempty"`       // decoded header text
	To          string            `json:"to,omitempty"`         // decoded header text
	Tags        []string          `json:"tags,omitempty"`
	Variables   map[string]string `json:"variables,omitempty"` // v: of the API
	Attachments []Attachment      `json:"attachments,omitempty"`
	Client      string            `json:"client,omitempty"`     // IP address it came from
	Credential  string            `json:"credential,omitempty"` // SMTP user name or API key prefix
	EnvelopeID  string            `json:"envid,omitempty"`      // RFC 3461 4.4, xtext decoded
	Return      DSNReturn         `json:"ret,omitempty"`
	// Requested is mail that its recipient asked for a moment ago, such as a link to prove the address: no list stops it.
	Requested bool `json:"requested,omitempty"`
	// ReturnDomain is the sender domain's own bounce domain; empty: the node's.
	ReturnDomain string `json:"return_domain,omitempty"`
}

// Answered reports whether the sender is told of the message's fate by DSN: mail that came by SMTP and is no report
// itself (RFC 5321 6.1: a report is never sent for a report).
func (m *Message) Answered() bool { return m.Origin == OriginSMTP && m.Sender != "" }

// Attachment names one attachment, for events.
type Attachment struct {
	Name string `json:"filename"`
	Type string `json:"content-type"`
	Size int64  `json:"size"`
}

// RecipientState is where a recipient stands in the queue.
type RecipientState int

// States of a recipient and the moves between them:
//
//	waiting --claim--> leased --settle--> waiting (deferred) | delivered | bounced | expired
//	waiting --hold--> held --release--> waiting
//	waiting, held --cancel--> cancelled
//	leased --node lost or drained--> waiting
//	delivered --returned DSN--> bounced
//	waiting --returned DSN--> bounced
//
// The numbers are stored: never renumber.
const (
	StateWaiting   RecipientState = 0
	StateLeased    RecipientState = 1
	StateHeld      RecipientState = 2
	StateDelivered RecipientState = 3
	StateBounced   RecipientState = 4
	StateExpired   RecipientState = 5
	StateCancelled RecipientState = 6
)

var stateNames = [...]string{"waiting", "leased", "held", "delivered", "bounced", "expired", "cancelled"}

func (s RecipientState) String() string {
	if s < 0 || int(s) >= len(stateNames) {
		return "unknown"
	}
	return stateNames[s]
}

// ParseState is the inverse of String.
func ParseState(name string) (RecipientState, bool) {
	for i, n := range stateNames {
		if n == name {
			return RecipientState(i), true
		}
	}
	return 0, false
}

// Final reports whether nothing more will be tried.
func (s RecipientState) Final() bool { return s >= StateDelivered }

var moves = map[RecipientState][]RecipientState{
	StateWaiting:   {StateLeased, StateHeld, StateBounced, StateCancelled, StateExpired},
	StateLeased:    {StateWaiting, StateDelivered, StateBounced, StateExpired},
	StateHeld:      {StateWaiting, StateBounced, StateCancelled, StateExpired},
	StateDelivered: {StateBounced},
}

// CanBecome reports whether a recipient may go from s to next.
func (s RecipientState) CanBecome(next RecipientState) bool {
	for _, m := range moves[s] {
		if m == next {
			return true
		}
	}
	return false
}

// Notify is the NOTIFY parameter of RFC 3461 4.1 as a set.
type Notify int

// Members of NOTIFY. Zero means the parameter was absent: failure, and delay if the node likes.
const (
	NotifyNever Notify = 1 << iota
	NotifySuccess
	NotifyFailure
	NotifyDelay
)

// Wants reports whether a sender who gave this NOTIFY is to be told such a thing (RFC 3461 4.1).
func (n Notify) Wants(k NoticeKind) bool {
	switch k {
	case NoticeFailed:
		return n == 0 || n&NotifyFailure != 0
	case NoticeDelayed:
		return n == 0 || n&NotifyDelay != 0
	}
	return n&NotifySuccess != 0
}

// RecipientKey names one recipient of one message.
type RecipientKey struct {
	Message ident.ID `json:"message"`
	N       int      `json:"n"` // 0, 1, 2 … in the order of the envelope
}

// Lane is the finest division of the queue: mail of one class and account to one recipient domain.
type Lane struct {
	Domain  string // recipient domain: A-labels, lower case; an address literal keeps its brackets
	Class   Class
	Account AccountID
}

// Recipient is one recipient of one message and what has become of it.
type Recipient struct {
	RecipientKey
	Lane
	Address   string // as it goes into RCPT TO, without angle brackets
	State     RecipientState
	Due       time.Time // waiting: when the next attempt may begin
	Lease     int64     // leased: the lease of the node that holds it
	Attempts  int       // attempts begun
	Notify    Notify
	ORcpt     string // RFC 3461 4.2, as given ("rfc822;…")
	Last      Reply  // of the last attempt
	SettledAt time.Time
}

// Reply is what the last attempt ended with.
type Reply struct {
	Code       int       `json:"code,omitempty"`     // 0: no SMTP reply, such as a DNS fault
	Enhanced   string    `json:"enhanced,omitempty"` // "5.1.1"
	Text       string    `json:"text,omitempty"`     // the reply's lines or our own words, one string
	Host       string    `json:"host,omitempty"`     // MX host that said it
	Addr       string    `json:"addr,omitempty"`     // its address and port
	Source     string    `json:"source,omitempty"`   // our source address
	TLS        string    `json:"tls,omitempty"`      // version and cipher; empty: clear text
	At         time.Time `json:"at"`
	Transcript string    `json:"transcript,omitempty"` // SMTP dialogue, message bytes left out, at most 8 KiB
}

// NoticeKind is what a sender must be told about a recipient, in the words of RFC 3464 2.3.3.
type NoticeKind string

// Kinds of notices.
const (
	NoticeFailed    NoticeKind = "failed"
	NoticeDelayed   NoticeKind = "delayed"
	NoticeDelivered NoticeKind = "delivered" // NOTIFY=SUCCESS, and the receiver does not do DSN itself
	NoticeRelayed   NoticeKind = "relayed"   // NOTIFY=SUCCESS, handed to a host without DSN (RFC 3461 6.2.7.1)
)

// Notice is one line of a DSN that is still to be written.
type Notice struct {
	Key  RecipientKey
	Kind NoticeKind
	At   time.Time
}
