package model

import (
	"time"

	"github.com/budkavle/budkavle/internal/base/ident"
)

// AccountID numbers accounts from 1 in the order they were added; it is small because every queue
// index entry carries it.
type AccountID int64

// AccountState says whether an account may send.
type AccountState string

// States of an account. Suspended is the operator's act, locked the node's own (limits).
const (
	AccountActive    AccountState = "active"
	AccountSuspended AccountState = "suspended"
	AccountLocked    AccountState = "locked"
)

// Account is a customer of the operator: a tenant.
type Account struct {
	ID        AccountID    `json:"id"`
	Name      string       `json:"name"` // lower case, [a-z0-9.-], unique
	State     AccountState `json:"state"`
	Reason    string       `json:"reason,omitempty"` // why it is suspended or locked
	Bulk      bool         `json:"bulk"`             // cleared for bulk: slowed at limits, not locked
	Operator  bool         `json:"operator"`         // may act for every account
	Weight    int          `json:"weight"`           // share against other accounts in a path, 1 to 100
	CreatedAt time.Time    `json:"created_at"`
}

// DomainID numbers sender domains from 1.
type DomainID int64

// DomainState is how far a sender domain has come.
type DomainState string

// States of a sender domain. Live and degraded domains may send.
const (
	DomainAdded    DomainState = "added"
	DomainWaiting  DomainState = "waiting"
	DomainLive     DomainState = "live"
	DomainDegraded DomainState = "degraded"
	DomainStopped  DomainState = "stopped"
)

// MaySend reports whether mail from a domain in this state is taken.
func (s DomainState) MaySend() bool { return s == DomainLive || s == DomainDegraded }

// Domain is a sender domain; it belongs to one account.
type Domain struct {
	ID        DomainID    `json:"id"`
	Name      string      `json:"name"` // A-labels, lower case, no closing dot
	Account   AccountID   `json:"account"`
	State     DomainState `json:"state"`
	Reason    string      `json:"reason,omitempty"` // why it is in its state
	Waiver    string      `json:"waiver,omitempty"` // the operator's reason to let it send unproved
	CreatedAt time.Time   `json:"created_at"`
	ChangedAt time.Time   `json:"changed_at"`
}

// KeyState is a signing key's place in a rotation.
type KeyState string

// States of a signing key. Only active keys sign.
const (
	KeyComing  KeyState = "coming"
	KeyActive  KeyState = "active"
	KeyRetired KeyState = "retired"
)

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
}

// MaxUsername is the most octets a user name has.
const MaxUsername = 128

// Credential is an SMTP user. The password itself is not kept; the SCRAM verifier (RFC 5802 3)
// serves SCRAM-SHA-256, PLAIN and LOGIN alike.
type Credential struct {
	Username   string    `json:"username"` // unique over all accounts
	Account    AccountID `json:"account"`
	Domain     DomainID  `json:"domain,omitempty"` // 0: every domain of the account
	Salt       []byte    `json:"-"`
	Iterations int       `json:"-"`
	StoredKey  []byte    `json:"-"`
	ServerKey  []byte    `json:"-"`
	CreatedAt  time.Time `json:"created_at"`
}

// APIKey authenticates HTTP calls. Only the SHA-256 of the key is kept: the key is 32 random bytes,
// which no dictionary holds.
type APIKey struct {
	ID        ident.ID  `json:"id"`
	Account   AccountID `json:"account"`
	Name      string    `json:"name"`
	Prefix    string    `json:"prefix"` // first characters, to tell keys apart
	Hash      []byte    `json:"-"`
	CreatedAt time.Time `json:"created_at"`
}
