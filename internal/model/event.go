package model

import (
	"time"

	"github.com/budkavle/budkavle/internal/base/ident"
)

// EventKind is one fact of mail. The set is closed: logs, API and webhooks use these words.
type EventKind string

// Kinds of events.
const (
	EventAccepted  EventKind = "accepted"
	EventRejected  EventKind = "rejected"
	EventDelivered EventKind = "delivered"
	EventDeferred  EventKind = "deferred" // failed, severity temporary, for Mailgun's clients
	EventBounced   EventKind = "bounced"  // failed, severity permanent, for Mailgun's clients
	EventExpired   EventKind = "expired"
	EventHeld      EventKind = "held"
	EventReleased  EventKind = "released"
	EventCancelled EventKind = "cancelled"
	// What recipients say of the mail they get.
	EventUnsubscribed EventKind = "unsubscribed"
	EventComplained   EventKind = "complained"
	EventReturned     EventKind = "returned" // takes an unsubscription, complaint or bounce back
	EventReplied      EventKind = "replied"  // mail came back that moves nothing: Data.Class says what it is, Data.Reason what became of it
	EventDomain       EventKind = "domain"   // a sender domain changed its state
	EventReport       EventKind = "report"   // a report could not be used, or the next stage of DMARC was proposed by them
	EventAccount      EventKind = "account"  // an account changed its state
	EventAddress      EventKind = "address"  // a source address changed, or somebody could not be told of that
)

// Event is one line of the append-only record.
type Event struct {
	ID        ident.ID
	Kind      EventKind
	At        time.Time
	Account   AccountID
	Domain    DomainID // sender domain
	Message   ident.ID // 0 for events not about a message
	N         int      // recipient of the message
	Recipient string   // address
	Data      EventData
}

// EventData is the part of an event that depends on its kind. Stored as JSON.
type EventData struct {
	Reply   *Reply        `json:"reply,omitempty"` // without transcript
	Attempt int           `json:"attempt,omitempty"`
	NextAt  *time.Time    `json:"next_at,omitempty"` // deferred: the next attempt
	Class   string        `json:"class,omitempty"`   // class of failure, as engine/bounce names it
	Rule    string        `json:"rule,omitempty"`    // the rule of engine/bounce that gave the class
	Shaping string        `json:"shaping,omitempty"` // the rule of engine/shaping that acted on the reply
	Reason  string        `json:"reason,omitempty"`  // in words
	Tag     string        `json:"tag,omitempty"`     // unsubscribed: from mail with this tag; empty: from all
	Delays  *Delays       `json:"delays,omitempty"`
	Delayed bool          `json:"delayed,omitempty"` // a DSN came after the receiver's 250
	Listed  bool          `json:"listed,omitempty"`  // the address came on a suppression list by it, where it was not yet
	Code    int           `json:"code,omitempty"`    // codes of our own: 605, 606, 607, 650
	Session time.Duration `json:"session,omitempty"` // age of the SMTP session when it ended
}

// Delays is where a recipient's time went, the a/b/c/d of Postfix's delays=.
type Delays struct {
	Accept  time.Duration `json:"accept"`  // from first byte to durable
	Queue   time.Duration `json:"queue"`   // from durable to picked for this attempt
	Connect time.Duration `json:"connect"` // DNS, connect, handshakes
	Send    time.Duration `json:"send"`    // from MAIL to the final reply
}
