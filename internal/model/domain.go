package model

import (
	"slices"
	"time"
)

// DomainID numbers sender domains from 1.
type DomainID int64

// DomainState is how far a sender domain has come.
type DomainState string

// States of a sender domain. Live and degraded domains may send.
const (
	DomainAdded    DomainState = "added"    // not looked up yet
	DomainWaiting  DomainState = "waiting"  // its DNS does not say yet what it has to
	DomainLive     DomainState = "live"     // proved, or waived by the operator
	DomainDegraded DomainState = "degraded" // something proved is gone; sending goes on, the owner is warned
	DomainStopped  DomainState = "stopped"  // its mail would fail DMARC
)

// MaySend reports whether mail from a domain in this state is taken.
func (s DomainState) MaySend() bool { return s == DomainLive || s == DomainDegraded }

// domainMoves are the legal changes of state. A domain that was live never waits again: its owner is known.
var domainMoves = map[DomainState][]DomainState{
	DomainAdded:    {DomainWaiting, DomainLive},
	DomainWaiting:  {DomainLive},
	DomainLive:     {DomainDegraded, DomainStopped},
	DomainDegraded: {DomainLive, DomainStopped},
	DomainStopped:  {DomainLive, DomainDegraded},
}

// CanBecome reports whether a domain in this state may come into the next.
func (s DomainState) CanBecome(next DomainState) bool { return slices.Contains(domainMoves[s], next) }

// Setup is how a domain publishes our keys.
type Setup string

// Setups. With CNAME records the operator changes keys in a zone of its own, and the customer does nothing.
const (
	SetupTXT   Setup = "txt"
	SetupCNAME Setup = "cname"
)

// Domain is a sender domain; it belongs to one account. What its last check found in full is kept beside it
// (store.Domains.Proof), since every domain in use is held in memory.
type Domain struct {
	ID      DomainID    `json:"id"`
	Name    string      `json:"name"` // A-labels, lower case, no closing dot
	Account AccountID   `json:"account"`
	State   DomainState `json:"state"`
	Reason  string      `json:"reason,omitempty"` // why it is in its state
	Waiver  string      `json:"waiver,omitempty"` // the operator's reason to let it send unproved
	// Token is what the owner publishes to prove ownership; empty in domains of before there were tokens, until it is asked for.
	Token string `json:"token,omitempty"`
	Setup Setup  `json:"setup"`
	Open  bool   `json:"open,omitempty"` // other accounts may add its subdomains
	// ReturnPath says that the bounce domain below it is proved: envelope senders under it are aligned and pass SPF.
	ReturnPath bool     `json:"return_path,omitempty"`
	Lacks      []string `json:"lacks,omitempty"` // subjects of proof that keep it shut, or would were it not waived or live
	// Revision counts the changes of the domain and its keys: the store changes only what has not changed since it was read.
	Revision  int64     `json:"-"`
	CreatedAt time.Time `json:"created_at"`
	ChangedAt time.Time `json:"changed_at"`          // of its state
	OwnedAt   time.Time `json:"owned_at,omitzero"`   // ownership was first proved; zero: a claim, which lapses
	AskedAt   time.Time `json:"asked_at,omitzero"`   // somebody last asked for a check; they follow close for a while
	CheckedAt time.Time `json:"checked_at,omitzero"` // the last check that DNS answered
	NextCheck time.Time `json:"next_check,omitzero"`
	RotatedAt time.Time `json:"rotated_at,omitzero"` // the last rotation began; zero: never
}

// Owned reports whether the account has proved that the domain is its own, and DNS still says so.
func (d *Domain) Owned() bool { return !d.OwnedAt.IsZero() && !slices.Contains(d.Lacks, "ownership") }

// Signs reports whether mail of the domain is signed: receivers find its keys. Those of a domain that has not come live count as
// soon as they were seen.
func (d *Domain) Signs() bool {
	return d.State.MaySend() || !d.CheckedAt.IsZero() && !slices.Contains(d.Lacks, "dkim")
}

// KeyState is a signing key's place in a rotation.
type KeyState string

// States of a signing key. Only active keys sign.
const (
	KeyComing    KeyState = "coming"    // to be published; signs when it is seen everywhere
	KeyActive    KeyState = "active"    // signs
	KeyLost      KeyState = "lost"      // active, but its record is not there: does not sign until it is
	KeyRetired   KeyState = "retired"   // signs no more, but mail on its way is signed with it: stays published
	KeyWithdrawn KeyState = "withdrawn" // its record may go
)

// keyMoves are the legal changes of a key. What withdrew it is time, so nothing leads back.
var keyMoves = map[KeyState][]KeyState{
	KeyComing:  {KeyActive},
	KeyActive:  {KeyLost, KeyRetired},
	KeyLost:    {KeyActive, KeyRetired},
	KeyRetired: {KeyWithdrawn},
}

// CanBecome reports whether a key in this state may come into the next.
func (s KeyState) CanBecome(next KeyState) bool { return slices.Contains(keyMoves[s], next) }

// Algorithms of signing keys, as in the k= tag of RFC 6376 3.6.1 and RFC 8463 2.
const (
	AlgorithmRSA     = "rsa"
	AlgorithmEd25519 = "ed25519"
)

// SigningKey is one DKIM key of a domain. The private half is sealed under the node's key file.
type SigningKey struct {
	Domain    DomainID  `json:"domain"`
	Selector  string    `json:"selector"` // one DNS label
	Algorithm string    `json:"algorithm"`
	State     KeyState  `json:"state"`
	Public    []byte    `json:"public"` // p= of the DNS record, decoded: SubjectPublicKeyInfo for RSA, 32 octets for Ed25519
	Sealed    []byte    `json:"-"`      // PKCS #8 of the private key, sealed by base/keyring
	CreatedAt time.Time `json:"created_at"`
	ChangedAt time.Time `json:"changed_at,omitzero"` // of its state
	SeenAt    time.Time `json:"seen_at,omitzero"`    // its record was last proved
	MissedAt  time.Time `json:"missed_at,omitzero"`  // its record was first found gone; zero while it is there
}
