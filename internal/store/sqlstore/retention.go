package sqlstore

import (
	"context"
	"time"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
)

func identTime(id int64) time.Time { return ident.ID(id).Time() }

// purgeOctets bounds the bodies of one step: SQLite follows every page of what it deletes.
const purgeOctets = 16 << 20

// PurgeBodies implements store.Retention. Bodies are walked in the order they came; those that are kept, since a
// recipient is not settled or not long enough, are few, because no message waits longer than some days.
func (s *Store) PurgeBodies(ctx context.Context, before time.Time, cursor ident.ID, limit int) (int, ident.ID, error) {
	var last int64 // examined
	var old []int64
	rows, octets := 0, int64(0)
	err := s.engine.Query(ctx, func(r Scanner) error {
		var id, size, unsettled, settled int64
		if err := r.Scan(&id, &size, &unsettled, &settled); err != nil || octets > purgeOctets {
			return err
		}
		rows, last = rows+1, id
		if unsettled == 0 && settled < micros(before) {
			octets += size
			old = append(old, id)
		}
		return nil
	}, `SELECT b.message, (SELECT m.size FROM message m WHERE m.id = b.message),
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
	if err != nil || rows < limit && octets <= purgeOctets {
		return len(old), 0, err
	}
	return len(old), ident.ID(last), nil
}

// PurgeEvents implements store.Retention. A message goes when its last event has gone, with all its recipients: the last
// of a step may have more of them than the step has left, 5,000 at most.
func (s *Store) PurgeEvents(ctx context.Context, before time.Time, limit int) (int, error) {
	first := int64(ident.First(before))
	events, err := s.column(ctx, `SELECT id FROM event WHERE id < ? ORDER BY id LIMIT ?`, first, limit)
	if err != nil {
		return 0, s.fault("purge events", err)
	}
	messages, err := s.forgotten(ctx, first, limit)
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

// forgotten are messages from before the first identifier that are settled and have no events left; together they have
// about limit recipients.
func (s *Store) forgotten(ctx context.Context, first int64, limit int) ([]int64, error) {
	var list []int64
	recipients := 0
	err := s.engine.Query(ctx, func(r Scanner) error {
		var id int64
		var n int
		if err := r.Scan(&id, &n); err != nil || recipients >= limit {
			return err
		}
		list = append(list, id)
		recipients += n
		return nil
	}, `SELECT m.id, (SELECT COUNT(*) FROM recipient r WHERE r.message = m.id) FROM message m WHERE m.id < ?
			AND NOT EXISTS (SELECT 1 FROM recipient r WHERE r.message = m.id AND r.state < 3)
			AND NOT EXISTS (SELECT 1 FROM event e WHERE e.message = m.id) ORDER BY m.id LIMIT ?`, first, limit)
	return list, err
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

// PurgeSoftBounces implements store.Retention.
func (s *Store) PurgeSoftBounces(ctx context.Context, before time.Time, limit int) (int, error) {
	const op = "purge soft bounces"
	var old []model.SoftBounce
	err := s.engine.Query(ctx, func(r Scanner) error {
		var b model.SoftBounce
		err := r.Scan(&b.Account, &b.Key)
		old = append(old, b)
		return err
	}, `SELECT account, address_key FROM soft_bounce WHERE at < ? LIMIT ?`, micros(before), limit)
	if err != nil || len(old) == 0 {
		return 0, s.fault(op, err)
	}
	err = s.change(ctx, op, func(ctx context.Context, tx *countingTx) error {
		for _, b := range old {
			if err := tx.exec(ctx, `DELETE FROM soft_bounce WHERE account = ? AND address_key = ? AND at < ?`, int64(b.Account), b.Key, micros(before)); err != nil {
				return err
			}
		}
		return nil
	})
	return len(old), err
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
