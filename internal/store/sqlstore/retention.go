package sqlstore

import (
	"context"
	"time"

	"github.com/budkavle/budkavle/internal/base/ident"
)

func identTime(id int64) time.Time { return ident.ID(id).Time() }

// PurgeBodies implements store.Retention. Bodies are walked in the order they came; those that are kept, since a
// recipient is not settled or not long enough, are few, because no message waits longer than some days.
func (s *Store) PurgeBodies(ctx context.Context, before time.Time, cursor ident.ID, limit int) (int, ident.ID, error) {
	var examined, old []int64
	err := s.engine.Query(ctx, func(r Scanner) error {
		var id, unsettled, last int64
		err := r.Scan(&id, &unsettled, &last)
		examined = append(examined, id)
		if unsettled == 0 && last < micros(before) {
			old = append(old, id)
		}
		return err
	}, `SELECT b.message,
			(SELECT COUNT(*) FROM recipient r WHERE r.message = b.message AND r.state < 3),
			(SELECT COALESCE(MAX(r.settled_at), 0) FROM recipient r WHERE r.message = b.message)
		FROM body b WHERE b.message > ? AND b.message < ? ORDER BY b.message LIMIT ?`, int64(cursor), int64(ident.First(before)), limit)
	if err != nil {
		return 0, 0, s.fault("purge bodies", err)
	}
	if len(old) > 0 {
		err = s.change(ctx, "purge bodies", func(ctx context.Context, tx *countingTx) error {
			for _, id := range old {
				if err := tx.exec(ctx, `DELETE FROM body WHERE message = ?`, id); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil || len(examined) < limit {
		return len(old), 0, err
	}
	return len(old), ident.ID(examined[len(examined)-1]), nil
}

// PurgeEvents implements store.Retention.
func (s *Store) PurgeEvents(ctx context.Context, before time.Time, limit int) (int, error) {
	first := int64(ident.First(before))
	events, err := s.column(ctx, `SELECT id FROM event WHERE id < ? ORDER BY id LIMIT ?`, first, limit)
	if err != nil {
		return 0, s.fault("purge events", err)
	}
	messages, err := s.column(ctx, `SELECT m.id FROM message m WHERE m.id < ?
			AND NOT EXISTS (SELECT 1 FROM recipient r WHERE r.message = m.id AND r.state < 3)
			AND NOT EXISTS (SELECT 1 FROM event e WHERE e.message = m.id) ORDER BY m.id LIMIT ?`, first, limit)
	if err != nil || len(events)+len(messages) == 0 {
		return 0, s.fault("purge events", err)
	}
	err = s.change(ctx, "purge events", func(ctx context.Context, tx *countingTx) error {
		for _, id := range events {
			if err := tx.exec(ctx, `DELETE FROM event WHERE id = ?`, id); err != nil {
				return err
			}
		}
		for _, id := range messages {
			for _, query := range []string{`DELETE FROM body WHERE message = ?`, `DELETE FROM recipient WHERE message = ?`, `DELETE FROM message WHERE id = ?`} {
				if err := tx.exec(ctx, query, id); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return len(events) + len(messages), err
}

// PurgeIdempotency implements store.Retention.
func (s *Store) PurgeIdempotency(ctx context.Context, now time.Time, limit int) (int, error) {
	type key struct {
		account int64
		name    string
	}
	var keys []key
	err := s.engine.Query(ctx, func(r Scanner) error {
		var k key
		err := r.Scan(&k.account, &k.name)
		keys = append(keys, k)
		return err
	}, `SELECT account, name FROM idempotency WHERE expires_at < ? LIMIT ?`, micros(now), limit)
	if err != nil || len(keys) == 0 {
		return 0, s.fault("purge idempotency keys", err)
	}
	err = s.change(ctx, "purge idempotency keys", func(ctx context.Context, tx *countingTx) error {
		for _, k := range keys {
			if err := tx.exec(ctx, `DELETE FROM idempotency WHERE account = ? AND name = ? AND expires_at < ?`, k.account, k.name, micros(now)); err != nil {
				return err
			}
		}
		return nil
	})
	return len(keys), err
}

func (s *Store) column(ctx context.Context, query string, args ...any) ([]int64, error) {
	var list []int64
	err := s.engine.Query(ctx, func(r Scanner) error {
		var v int64
		err := r.Scan(&v)
		list = append(list, v)
		return err
	}, query, args...)
	return list, err
}
