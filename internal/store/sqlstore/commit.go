package sqlstore

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
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
	if err := s.run(ctx, counting, batch, again); err != nil {
		tx.Rollback(ctx)
		return false, err
	}
	if err := tx.Commit(ctx); err != nil {
		tx.Rollback(ctx)
		return s.engine.Cut(err), err
	}
	s.commits.Add(1)
	s.count.Add(int64(len(batch)))
	s.rows.Add(counting.rows)
	s.spent.Add(int64(s.clock.Now().Sub(begin)))
	return false, nil
}

func (s *Store) run(ctx context.Context, tx *countingTx, batch []*change, again bool) error {
	if err := s.openLedger(ctx, tx, batch); err != nil {
		return err
	}
	for _, c := range batch {
		if err := c.attempt(ctx, tx, again); err != nil {
			return err
		}
	}
	return tx.ledger.write(ctx, tx)
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
