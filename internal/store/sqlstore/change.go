package sqlstore

import (
	"context"
	"errors"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/store"
)

// change is one caller's wish. run may be called again, and must then do the same again.
type change struct {
	ctx context.Context
	op  string
	run func(ctx context.Context, tx *countingTx) error
	// happened tells, after a commit whose end is not known, whether the last run was committed; nil: running it again
	// does no harm.
	happened func(ctx context.Context, tx *countingTx) (bool, error)
	// counts are the submissions whose budgets run looks at; the transaction holds their accounts.
	counts []encoded
	done   chan error
}

// attempt runs the change unless it has happened already.
func (c *change) attempt(ctx context.Context, tx *countingTx, again bool) error {
	if again && c.happened != nil {
		if happened, err := c.happened(ctx, tx); happened || err != nil {
			return err
		}
	}
	return c.run(ctx, tx)
}

// change has run executed in the next transaction and returns when that is durable. A caller whose ctx ends
// before a writer took the change gets ctx's error; after that it waits, since the outcome is being decided.
func (s *Store) change(ctx context.Context, op string, run func(ctx context.Context, tx *countingTx) error) error {
	return s.await(&change{ctx: ctx, op: op, run: run})
}

// changeOnce is change for what must not be done twice: the row with this identifier is there if and only if it happened.
// 0: nothing tells.
func (s *Store) changeOnce(ctx context.Context, op, table string, id ident.ID, run func(ctx context.Context, tx *countingTx) error) error {
	return s.await(&change{ctx: ctx, op: op, run: run, happened: isThere(table, id)})
}

func isThere(table string, id ident.ID) func(ctx context.Context, tx *countingTx) (bool, error) {
	if id == 0 {
		return nil
	}
	return func(ctx context.Context, tx *countingTx) (found bool, err error) {
		err = tx.Query(ctx, func(Scanner) error { found = true; return nil }, `SELECT id FROM `+table+` WHERE id = ?`, int64(id))
		return found, err
	}
}

func (s *Store) await(c *change) error {
	c.done = make(chan error, 1)
	s.mu.RLock()
	if s.closed {
		s.mu.RUnlock()
		return &store.Error{Kind: store.Unavailable, Op: c.op, Err: errClosed}
	}
	select {
	case s.changes <- c:
		s.mu.RUnlock()
	case <-c.ctx.Done():
		s.mu.RUnlock()
		return s.fault(c.op, c.ctx.Err())
	}
	return s.fault(c.op, <-c.done)
}

// fault makes an error of this package's caller.
func (s *Store) fault(op string, err error) error {
	if err == nil {
		return nil
	}
	var e *store.Error
	if errors.As(err, &e) {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return &store.Error{Kind: store.Unavailable, Op: op, Err: err}
	}
	return &store.Error{Kind: s.engine.Fault(err), Op: op, Err: err}
}

// countingTx counts statements, each of which changes about a row.
type countingTx struct {
	Tx
	rows   int64
	ledger ledger // nil: no change of this transaction counts anything
}

// exec queues a statement whose effect nobody asks for.
func (t *countingTx) exec(ctx context.Context, query string, args ...any) error {
	t.rows++
	return t.Later(ctx, nil, query, args...)
}

// cas queues a statement that must affect a row; otherwise the transaction fails with kind.
func (t *countingTx) cas(ctx context.Context, kind store.Kind, op, query string, args ...any) error {
	t.rows++
	return t.Later(ctx, func(affected int64) error {
		if affected == 0 {
			return &store.Error{Kind: kind, Op: op}
		}
		return nil
	}, query, args...)
}
