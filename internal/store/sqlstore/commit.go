package sqlstore

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/store"
)

const (
	// pendingChanges bounds the changes that wait for a writer. Each belongs to a caller that waits for it, so
	// the bound only says how many callers hold their data here: sessions and workers are bounded themselves.
	pendingChanges = 1024
	// batchChanges bounds one transaction, so that none holds the lock for long.
	batchChanges = 128
	// A commit that was cut off is asked after for so long, this often. Nothing else is kept waiting for it that would
	// not wait for the same server.
	resolveFor   = 10 * time.Second
	resolvePause = 100 * time.Millisecond
)

// Store implements store.Store over an Engine.
type Store struct {
	engine  Engine
	clock   clock.Clock
	changes chan *change

	mu     sync.RWMutex // guards closed against sends on changes
	closed bool
	wg     sync.WaitGroup

	commits, count, rows, spent atomic.Int64
}

var _ store.Store = (*Store)(nil)

// change is one caller's wish. run may be called again, and must then do the same again.
type change struct {
	ctx context.Context
	op  string
	run func(ctx context.Context, tx *countingTx) error
	// happened tells, after a commit whose end is not known, whether the last run was committed; nil: running it again
	// does no harm.
	happened func(ctx context.Context, tx *countingTx) (bool, error)
	done     chan error
}

// New starts the writers over an engine whose schema is in place.
func New(e Engine, c clock.Clock) *Store {
	s := &Store{engine: e, clock: c, changes: make(chan *change, pendingChanges)}
	for range e.Writers() {
		s.wg.Go(s.write)
	}
	return s
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.changes)
	s.mu.Unlock()
	s.wg.Wait()
	return s.engine.Close()
}

// Stats implements store.Store.
func (s *Store) Stats() store.Stats {
	return store.Stats{Commits: s.commits.Load(), Changes: s.count.Load(), Rows: s.rows.Load(), CommitTime: time.Duration(s.spent.Load())}
}

var errClosed = errors.New("the store is closed")

// change has run executed in the next transaction and returns when that is durable. A caller whose ctx ends
// before a writer took the change gets ctx's error; after that it waits, since the outcome is being decided.
func (s *Store) change(ctx context.Context, op string, run func(ctx context.Context, tx *countingTx) error) error {
	return s.await(&change{ctx: ctx, op: op, run: run})
}

// changeOnce is change for what must not be done twice: the row with this identifier is there if and only if it happened.
// 0: nothing tells.
func (s *Store) changeOnce(ctx context.Context, op, table string, id ident.ID, run func(ctx context.Context, tx *countingTx) error) error {
	c := &change{ctx: ctx, op: op, run: run}
	if id != 0 {
		c.happened = func(ctx context.Context, tx *countingTx) (found bool, err error) {
			err = tx.Query(ctx, func(Scanner) error { found = true; return nil }, `SELECT id FROM `+table+` WHERE id = ?`, int64(id))
			return found, err
		}
	}
	return s.await(c)
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

// write is a writer: it takes what waits, up to batchChanges, and commits it together.
func (s *Store) write() {
	batch := make([]*change, 0, batchChanges)
	for c := range s.changes {
		batch = append(batch[:0], c)
	gather:
		for len(batch) < batchChanges {
			select {
			case c, ok := <-s.changes:
				if !ok {
					break gather
				}
				batch = append(batch, c)
			default:
				break gather
			}
		}
		s.commit(batch)
	}
}

// commit runs a batch in one transaction; if any of it fails, each change in one of its own.
func (s *Store) commit(batch []*change) {
	unknown, err := s.transact(batch, false)
	switch {
	case err != nil && unknown:
		s.resolve(batch, err)
	case err == nil || len(batch) == 1:
		for _, c := range batch {
			c.done <- err
		}
	default:
		for i := range batch {
			s.commit(batch[i : i+1])
		}
	}
}

// resolve finds out what became of a batch whose commit was cut off, and does what was not done. Without that a client
// could be told 451 of a message that is in the queue, and a recipient be leased to nobody.
func (s *Store) resolve(batch []*change, cut error) {
	deadline := s.clock.Now().Add(resolveFor)
	for i := range batch {
		err := cut
		for s.unavailable(err) && s.clock.Now().Before(deadline) {
			if _, err = s.transact(batch[i:i+1], true); s.unavailable(err) {
				t := s.clock.NewTimer(resolvePause)
				<-t.C
			}
		}
		batch[i].done <- err
	}
}

func (s *Store) unavailable(err error) bool { return store.Is(s.fault("", err), store.Unavailable) }

// transact runs a batch in one transaction. unknown says that the error leaves open whether it was committed. again: it
// may have been committed before.
func (s *Store) transact(batch []*change, again bool) (unknown bool, err error) {
	// The batch belongs to several callers, so none of their contexts may end it.
	ctx := context.WithoutCancel(batch[0].ctx)
	begin := s.clock.Now()
	tx, err := s.engine.Begin(ctx)
	if err != nil {
		return false, err
	}
	counting := &countingTx{Tx: tx}
	for _, c := range batch {
		if err := c.attempt(ctx, counting, again); err != nil {
			tx.Rollback(ctx)
			return false, err
		}
	}
	if err := tx.Commit(ctx); err != nil {
		tx.Rollback(ctx)
		return s.unavailable(err), err
	}
	s.commits.Add(1)
	s.count.Add(int64(len(batch)))
	s.rows.Add(counting.rows)
	s.spent.Add(int64(s.clock.Now().Sub(begin)))
	return false, nil
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

// countingTx counts statements, each of which changes about a row.
type countingTx struct {
	Tx
	rows int64
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

// Ping implements store.Store. It counts, since a change that changes nothing would not reach the disk.
func (s *Store) Ping(ctx context.Context) error {
	return s.change(ctx, "ping", func(ctx context.Context, tx *countingTx) error { return count(ctx, tx, "ping") })
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func instant(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us)
}
