package sqlstore

import (
	"context"
	"time"

	"github.com/budkavle/budkavle/internal/store"
)

// nextNumber gives a number of the kind that was never given before: one that was removed must not come back, or the
// next to bear it would own the events of the last.
func nextNumber(ctx context.Context, tx *countingTx, kind string) (int64, error) {
	if err := count(ctx, tx, kind); err != nil {
		return 0, err
	}
	var n int64
	err := tx.Query(ctx, func(r Scanner) error { return r.Scan(&n) }, `SELECT count FROM signal WHERE name = ?`, kind)
	return n, err
}

// count counts up a named counter.
func count(ctx context.Context, tx *countingTx, name string) error {
	return tx.exec(ctx, `INSERT INTO signal (name, count) VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET count = signal.count + 1`, name)
}

// Signal implements store.Nodes.
func (s *Store) Signal(ctx context.Context, name string) error {
	return s.change(ctx, "signal "+name, func(ctx context.Context, tx *countingTx) error { return count(ctx, tx, name) })
}

// Signals implements store.Nodes.
func (s *Store) Signals(ctx context.Context) (map[string]int64, error) {
	m := map[string]int64{}
	err := s.engine.Query(ctx, func(r Scanner) error {
		var name string
		var n int64
		err := r.Scan(&name, &n)
		m[name] = n
		return err
	}, `SELECT name, count FROM signal`)
	return m, s.fault("read signals", err)
}

// OpenLease implements store.Nodes.
func (s *Store) OpenLease(ctx context.Context, node string, now, expires time.Time) (int64, error) {
	var lease int64
	err := s.change(ctx, "open lease", func(ctx context.Context, tx *countingTx) error {
		var err error
		if lease, err = nextNumber(ctx, tx, "lease"); err != nil {
			return err
		}
		return tx.exec(ctx, `INSERT INTO lease (id, node, opened_at, expires_at) VALUES (?, ?, ?, ?)`, lease, node, micros(now), micros(expires))
	})
	return lease, err
}

// RenewLease implements store.Nodes.
func (s *Store) RenewLease(ctx context.Context, lease int64, expires time.Time) error {
	return s.change(ctx, "renew lease", func(ctx context.Context, tx *countingTx) error {
		return tx.cas(ctx, store.NotFound, "renew lease", `UPDATE lease SET expires_at = ? WHERE id = ?`, micros(expires), lease)
	})
}

// DeadLeases implements store.Nodes.
func (s *Store) DeadLeases(ctx context.Context, node string, own int64, now time.Time) ([]int64, error) {
	var list []int64
	err := s.engine.Query(ctx, func(r Scanner) error {
		var id int64
		err := r.Scan(&id)
		list = append(list, id)
		return err
	}, `SELECT id FROM lease WHERE id <> ? AND (node = ? OR expires_at < ?) ORDER BY id`, own, node, micros(now))
	return list, s.fault("dead leases", err)
}

// LiveNodes implements store.Nodes.
func (s *Store) LiveNodes(ctx context.Context, now time.Time) (int, error) {
	var n int
	err := s.engine.Query(ctx, func(r Scanner) error { return r.Scan(&n) }, `SELECT count(DISTINCT node) FROM lease WHERE expires_at > ?`, micros(now))
	return n, s.fault("live nodes", err)
}

// CloseLease implements store.Nodes.
func (s *Store) CloseLease(ctx context.Context, lease int64) error {
	return s.change(ctx, "close lease", func(ctx context.Context, tx *countingTx) error {
		return tx.exec(ctx, `DELETE FROM lease WHERE id = ?`, lease)
	})
}
