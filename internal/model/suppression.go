package model

import (
	"math"
	"strings"
	"time"
)

// SuppressionKind is one of the four lists, named as Mailgun names them in the singular.
type SuppressionKind string

// The lists.
const (
	SuppressBounce      SuppressionKind = "bounce"      // the address or its domain is dead
	SuppressUnsubscribe SuppressionKind = "unsubscribe" // the recipient said stop
	SuppressComplaint   SuppressionKind = "complaint"   // the recipient called it spam
	SuppressAllow       SuppressionKind = "allow"       // never put on the bounce list; an address, or "@domain" for all of it
)

// Codes of events for mail that a list stopped, as Mailgun has them.
const (
	CodeSuppressedBounce      = 605
	CodeSuppressedUnsubscribe = 606
	CodeSuppressedComplaint   = 607
)

// Code is the event code of mail that the list stops; 0 for the list that stops none.
func (k SuppressionKind) Code() int {
	switch k {
	case SuppressBounce:
		return CodeSuppressedBounce
	case SuppressUnsubscribe:
		return CodeSuppressedUnsubscribe
	case SuppressComplaint:
		return CodeSuppressedComplaint
	}
	return 0
}

// Suppression is one entry of a list: an address that is not sent to, with reason and date.
type Suppression struct {
	Account AccountID       `json:"account"`          // 0: the operator's list, which counts for every account
	Domain  DomainID        `json:"domain,omitempty"` // 0: every domain of the account
	Kind    SuppressionKind `json:"kind"`
	Key     string          `json:"-"`              // SuppressionKey of the address
	Tag     string          `json:"tag,omitempty"`  // unsubscribe: only mail with this tag; empty: all mail
	Address string          `json:"address"`        // as it was written
	Code    string          `json:"code,omitempty"` // bounce: the reply code, "550"
	Reason  string          `json:"reason,omitempty"`
	// Source says who put it there: "smtp", "report", "recipient", "api", "import", "operator".
	Source string `json:"source,omitempty"`
	Count  int    `json:"count"` // how often it was said; a later entry with the same key adds its own
	// CreatedAt is when it was first listed; a later entry with the same key does not move it.
	CreatedAt time.Time `json:"created_at"`
}

// SuppressionKey is the form in which addresses are compared: case does not count, nor how the domain is written; dots and
// plus tags do, since not every server ignores them. The address is a parsed one (standard/address), or "@domain".
func SuppressionKey(address string) string { return strings.ToLower(address) }

// Told says in words why mail is not sent to the address.
func (e *Suppression) Told() string {
	since := e.CreatedAt.UTC().Format("2006-01-02")
	switch e.Kind {
	case SuppressBounce:
		return "mail to the address came back as undeliverable on " + since + because(e.Reason)
	case SuppressUnsubscribe:
		return "the recipient unsubscribed on " + since
	case SuppressComplaint:
		return "the recipient reported mail from this sender as spam on " + since
	}
	return ""
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// SoftBounce counts failures of an address that are not final by themselves, such as a full mailbox. At most one a day counts;
// each loses half its weight in softHalfLife.
type SoftBounce struct {
	Account AccountID
	Key     string // SuppressionKey
	Score   float64
	Days    int // with a failure
	At      time.Time
}

const (
	softHalfLife = 30 * 24 * time.Hour
	// An address is given up at softScore on softDays: mail every day reaches it on the fifth day, mail every week in the
	// sixth week, mail every month never, since its failures are forgotten as fast as they come.
	softScore = 4.0
	softDays  = 4
)

// Add counts a failure. It returns b itself if one was counted that day (UTC) already.
func (b SoftBounce) Add(now time.Time) SoftBounce {
	const day = 24 * time.Hour
	if b.Days > 0 && !now.Truncate(day).After(b.At.Truncate(day)) {
		return b
	}
	if b.Days > 0 {
		b.Score *= math.Exp2(-float64(now.Sub(b.At)) / float64(softHalfLife))
	}
	b.Score, b.Days, b.At = b.Score+1, b.Days+1, now
	return b
}

// Enough reports whether the address is to be given up.
func (b SoftBounce) Enough() bool { return b.Score >= softScore && b.Days >= softDays }
