// Package store declares what Budkavle keeps and how it may be changed, one interface a noun.
// The only SQL of the program is in its sub-packages sqlite and postgres, which pass the same
// conformance suite (storetest).
//
// Every method that changes something returns when the change is durable: synced to disk, or
// committed by PostgreSQL with synchronous_commit on. Changes that wait at the same moment share one
// sync (group commit). A failure leaves nothing half done and is an *Error: Unavailable and Full are
// passing faults, for which intake answers 4xx and the queue tries again; the rest are final.
// The package is not a cache and decides nothing: whether a change is wise is the caller's business,
// whether it is legal (model.RecipientState.CanBecome) the store checks by compare-and-set.
package store

import (
	"context"
	"time"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
)

// Store is everything kept.
type Store interface {
	Accounts
	Domains
	Credentials
	Keys
	Messages
	Queue
	Notices
	Events
	Suppressions
	Addresses
	Reports
	Paths
	Limits
	Routes
	Nodes
	Retention
	// Ping fails when a change could not be made durable now.
	Ping(ctx context.Context) error
	// Stats tells how commits have gone since the store was opened.
	Stats() Stats
	// Close waits for changes under way and closes the store.
	Close() error
}

// Stats counts the work of the group commit.
type Stats struct {
	Commits    int64         // transactions committed, each one sync
	Changes    int64         // changes (calls) that shared them
	Rows       int64         // rows inserted or updated
	CommitTime time.Duration // in all, begin to durable
}

// Accounts keeps the customers.
type Accounts interface {
	// AddAccount stores a and returns it with its number. Exists if the name is taken.
	AddAccount(ctx context.Context, a model.Account) (model.Account, error)
	// Account finds by name. NotFound if there is none.
	Account(ctx context.Context, name string) (model.Account, error)
	AccountByID(ctx context.Context, id model.AccountID) (model.Account, error)
	// ListAccounts returns at most limit accounts with names after the given one, by name.
	ListAccounts(ctx context.Context, after string, limit int) ([]model.Account, error)
	// SetAccountState records the state, its reason and ev in one commit.
	SetAccountState(ctx context.Context, id model.AccountID, s model.AccountState, reason string, ev model.Event) error
	// SetAccountContact records the mail address that warnings go to; empty: none.
	SetAccountContact(ctx context.Context, id model.AccountID, contact string) error
	// SetAccountQuiet records what the account's people are not told by mail.
	SetAccountQuiet(ctx context.Context, id model.AccountID, q model.Quiet) error
	// ClaimDigests returns at most limit accounts that have a contact, want the daily letter and were not told of the day,
	// a number such as 20261124, or of a later one, and keeps them from other callers until the time given, in one commit.
	// When all are told it reads nothing, however many accounts there are.
	ClaimDigests(ctx context.Context, day int, now, until time.Time, limit int) ([]model.Account, error)
	// ToldDigest records that the account needs to be told nothing more of the day.
	ToldDigest(ctx context.Context, id model.AccountID, day int) error
}

// Credentials keeps SMTP users.
type Credentials interface {
	AddCredential(ctx context.Context, c model.Credential) error
	Credential(ctx context.Context, username string) (model.Credential, error)
	// ListCredentials returns at most limit users after the given one; account 0 is all.
	ListCredentials(ctx context.Context, account model.AccountID, after string, limit int) ([]model.Credential, error)
	RemoveCredential(ctx context.Context, username string) error
}

// Keys keeps API keys.
type Keys interface {
	AddKey(ctx context.Context, k model.APIKey) error
	// KeyByHash finds the key with this SHA-256. NotFound if there is none.
	KeyByHash(ctx context.Context, hash []byte) (model.APIKey, error)
	ListKeys(ctx context.Context, account model.AccountID, limit int) ([]model.APIKey, error)
	RemoveKey(ctx context.Context, id ident.ID) error
}

// Submission is one message with its recipients, as it becomes durable.
type Submission struct {
	Message model.Message
	// Raw is header and body with CRLF line ends, as sent to receivers. The store keeps no
	// reference to it after Accept returns.
	Raw        []byte
	Recipients []model.Recipient // waiting; leased by the caller: then the first attempt is recorded here; or bounced, with Last
	Events     []model.Event
	// Notices are of recipients that are settled already: a suppression list keeps the message from them.
	Notices []model.Notice
	// Answers are the notices this message tells its sender of; they are dropped in the same commit.
	Answers []model.Notice
	Budget  *Budget // nil: it is not counted. All of one call that have one are of one account
}

// Idempotency is a caller's promise key and the answer that belongs to it.
type Idempotency struct {
	Account  model.AccountID
	Key      string    // at most 255 octets
	Response []byte    // what the first call was answered
	Expires  time.Time // 24 hours after the first call
}

// Messages takes in mail and gives it back.
type Messages interface {
	// Accept makes the submissions durable in one commit, shared with concurrent callers. With idem, the
	// answer is kept in the same commit; Exists if the key is there already and has not expired. Conflict if a notice
	// among the Answers is gone: another process has told the sender. Over if a Budget has no room or its account is not active.
	Accept(ctx context.Context, subs []Submission, idem *Idempotency) error
	// IdempotentResponse returns the answer kept under the key, NotFound if there is none that is valid at now.
	IdempotentResponse(ctx context.Context, account model.AccountID, key string, now time.Time) ([]byte, error)
	Message(ctx context.Context, id ident.ID) (model.Message, error)
	// Body returns the message's bytes. NotFound after retention took them.
	Body(ctx context.Context, id ident.ID) ([]byte, error)
	// Recipients returns the recipients of a message by N, at most limit from number from on.
	Recipients(ctx context.Context, id ident.ID, from, limit int) ([]model.Recipient, error)
	Recipient(ctx context.Context, key model.RecipientKey) (model.Recipient, error)
}
