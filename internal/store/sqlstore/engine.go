package sqlstore

import (
	"context"

	"github.com/budkavle/budkavle/internal/store"
)

// Scanner reads the columns of one row.
type Scanner interface {
	Scan(dest ...any) error
}

// Reader runs queries.
type Reader interface {
	// Query calls each with every row.
	Query(ctx context.Context, each func(Scanner) error, query string, args ...any) error
}

// Tx is one open transaction.
type Tx interface {
	Reader
	// Later runs a statement before the next Flush, Query or Commit, in order. done, unless nil, gets the rows it
	// affected; its error fails the transaction.
	Later(ctx context.Context, done func(affected int64) error, query string, args ...any) error
	// Flush runs what Later has queued.
	Flush(ctx context.Context) error
	// Commit runs what is left and makes everything durable.
	Commit(ctx context.Context) error
	Rollback(ctx context.Context)
}

// Engine is what a database has to give.
type Engine interface {
	Reader
	// Begin opens a transaction that may write.
	Begin(ctx context.Context) (Tx, error)
	// Fault sorts an error of the database.
	Fault(err error) store.Kind
	// Cut reports that an error of Commit leaves open whether it happened: the answer was lost.
	Cut(err error) bool
	// Lock is appended to a SELECT whose rows this transaction is going to change, so that others pass them by.
	Lock() string
	// Wait is Lock for a transaction that must have the rows: it waits until others let go of them.
	Wait() string
	// Writers is how many transactions may be under way at once.
	Writers() int
	Close() error
}
