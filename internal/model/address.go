package model

import (
	"net/netip"
	"slices"
	"time"

	"github.com/budkavle/budkavle/internal/base/ident"
)

// AddressState is a source address's place in its life.
type AddressState string

// States of a source address. All but retired ones send.
const (
	AddressWarming  AddressState = "warming"  // new: told of, and sending while receivers get used to it
	AddressActive   AddressState = "active"   // in full use
	AddressRetiring AddressState = "retiring" // in use until RetiresAt
	AddressRetired  AddressState = "retired"  // not in use
)

// addressMoves are the legal changes of state. What has been in use retires with a date, so that receivers hear of it.
var addressMoves = map[AddressState][]AddressState{
	AddressWarming:  {AddressActive, AddressRetiring},
	AddressActive:   {AddressWarming, AddressRetiring},
	AddressRetiring: {AddressActive, AddressRetired},
	AddressRetired:  {AddressWarming},
}

// CanBecome reports whether an address in this state may come into the next. A retiring one may also get another date.
func (s AddressState) CanBecome(next AddressState) bool {
	return s == AddressRetiring && next == s || slices.Contains(addressMoves[s], next)
}

// PTRState is what DNS said last of an address's name. A resolver that does not answer changes nothing.
type PTRState string

// States of the PTR record of an address.
const (
	PTRUnclear PTRState = "unclear" // DNS has not answered yet
	PTRProved  PTRState = "proved"  // there is one, and its name leads back to the address
	PTRMissing PTRState = "missing"
	PTRWrong   PTRState = "wrong" // its name leads elsewhere, or nowhere
)

// DefaultPool is the pool of an address that nobody put into another.
const DefaultPool = "default"

// SourceAddress is an address that mail is sent from.
type SourceAddress struct {
	Address netip.Addr   `json:"address"`
	State   AddressState `json:"state"`
	Helo    string       `json:"ehlo,omitempty"` // the name given with EHLO; empty: the node's
	Pool    string       `json:"pool"`
	Node    string       `json:"node,omitempty"` // the hostname of the node that has it; empty: every node
	Note    string       `json:"note,omitempty"` // the operator's own

	PTR       PTRState  `json:"ptr"`
	PTRFault  string    `json:"ptr_fault,omitempty"` // what is wrong, in English
	Listed    []string  `json:"listed,omitempty"`    // zones of the blocklists that name it
	Revision  int64     `json:"-"`                   // counts changes: the store changes only what has not changed since it was read
	CreatedAt time.Time `json:"created_at"`
	ChangedAt time.Time `json:"changed_at"`          // of its state
	ReadyAt   time.Time `json:"ready_at"`            // receivers who asked to be told have had their notice: it may come into full use
	RetiresAt time.Time `json:"retires_at,omitzero"` // of a retiring or retired one
	CheckedAt time.Time `json:"checked_at,omitzero"` // DNS last answered about its name
	NextCheck time.Time `json:"next_check,omitzero"`
}

// Sends reports whether mail goes out from the address at an instant.
func (a *SourceAddress) Sends(now time.Time) bool {
	switch a.State {
	case AddressWarming, AddressActive:
		return true
	case AddressRetiring:
		return now.Before(a.RetiresAt)
	}
	return false
}

// Announcement is a change of the list of source addresses, as those who asked are told of it.
type Announcement struct {
	Number  int64        `json:"number"` // counts up without gaps, in the order of the changes
	At      time.Time    `json:"at"`
	Address netip.Addr   `json:"address"`
	From    AddressState `json:"previous,omitempty"` // empty: it is new
	To      AddressState `json:"state"`
	Helo    string       `json:"ehlo,omitempty"`
	// Effective is when it matters: full use begins, or the address goes out of use.
	Effective time.Time `json:"effective"`
}

// SubscriberKind is how a subscriber is told.
type SubscriberKind string

// Kinds of subscribers.
const (
	SubscriberMail SubscriberKind = "mail"
	SubscriberURL  SubscriberKind = "url" // a signed HTTP POST
)

// Subscriber is somebody who asked to be told when the list of source addresses changes.
type Subscriber struct {
	ID        ident.ID       `json:"id"`
	Kind      SubscriberKind `json:"kind"`
	Target    string         `json:"target"`            // mail address or URL
	Language  string         `json:"language"`          // sv or en
	Sealed    []byte         `json:"-"`                 // the secret of a URL's signatures, sealed by base/keyring
	Told      int64          `json:"told"`              // number of the last announcement that is done with
	Attempts  int            `json:"attempts"`          // failed ones for the next announcement
	Failure   string         `json:"failure,omitempty"` // of the last attempt
	NextTry   time.Time      `json:"next_try,omitzero"`
	CreatedAt time.Time      `json:"created_at"`
}
