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
	Reason    string       `json:"reason,omitempty"`  // why it is suspended or locked
	Bulk      bool         `json:"bulk"`              // cleared for bulk: slowed at limits, not locked
	Operator  bool         `json:"operator"`          // may act for every account
	Weight    int          `json:"weight"`            // share against other accounts in a path, 1 to 100
	Contact   string       `json:"contact,omitempty"` // mail address to which warnings go; empty: nobody is written to
	Quiet     Quiet        `json:"quiet,omitzero"`
	CreatedAt time.Time    `json:"created_at"`
	LockedAt  time.Time    `json:"locked_at,omitzero"` // when a limit locked it last
}

// Quiet is what an account's people do not want to be told by mail. Events tell all of it.
type Quiet struct {
	BulkDSN bool `json:"bulk_dsn,omitempty"` // no DSN about bulk mail to the systems that sent it; about other mail always
	Digest  bool `json:"digest,omitempty"`   // no daily letter to the contact
	Replies bool `json:"replies,omitempty"`  // answers that come to return paths are dropped, not forwarded to the sender
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
