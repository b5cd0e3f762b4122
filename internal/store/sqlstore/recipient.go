package sqlstore

import (
	"context"
	"time"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// maxRedeemed bounds what one link deletes. An address is on few lists: four kinds, by domain and tag.
const maxRedeemed = 1000

// Redeem implements store.Suppressions.
func (s *Store) Redeem(ctx context.Context, r store.Redemption) error {
	const op = "use a link"
	return s.changeOnce(ctx, op, "event", r.Event.ID, func(ctx context.Context, tx *countingTx) error {
		used := false
		if err := tx.Query(ctx, func(Scanner) error { used = true; return nil }, `SELECT expires_at FROM redeemed WHERE hash = ?`, r.Hash); err != nil {
			return err
		}
		if used {
			return &store.Error{Kind: store.Exists, Op: op}
		}
		if err := tx.exec(ctx, `INSERT INTO redeemed (hash, expires_at) VALUES (?, ?)`, r.Hash, micros(r.Expires)); err != nil {
			return err
		}
		var list []model.Suppression
		if err := tx.Query(ctx, func(row Scanner) error {
			var e model.Suppression
			err := scanSuppression(&e)(row)
			list = append(list, e)
			return err
		}, `SELECT `+suppressionColumns+` FROM suppression WHERE address_key = ? AND account = ? LIMIT ?`, r.Key, int64(r.Account), maxRedeemed); err != nil {
			return err
		}
		for i := range list {
			e := &list[i]
			others := r.Domain != 0 && e.Domain != 0 && e.Domain != r.Domain
			if e.Kind == model.SuppressAllow || e.Kind != model.SuppressBounce && others {
				continue
			}
			if err := deleteSuppression(ctx, tx, e); err != nil {
				return err
			}
		}
		if err := tx.exec(ctx, `DELETE FROM soft_bounce WHERE account = ? AND address_key = ?`, int64(r.Account), r.Key); err != nil {
			return err
		}
		return insertEvent(ctx, tx, r.Event)
	})
}

func deleteSuppression(ctx context.Context, tx *countingTx, e *model.Suppression) error {
	return tx.exec(ctx, `DELETE FROM suppression WHERE account = ? AND domain = ? AND kind = ? AND address_key = ? AND tag = ?`,
		int64(e.Account), int64(e.Domain), string(e.Kind), e.Key, e.Tag)
}

// CountVerification implements store.Suppressions.
func (s *Store) CountVerification(ctx context.Context, account model.AccountID, key string, now, since time.Time, most int) (bool, error) {
	may := false
	err := s.change(ctx, "count a verification", func(ctx context.Context, tx *countingTx) error {
		begun, count := micros(now), 0
		if err := tx.Query(ctx, func(r Scanner) error { return r.Scan(&begun, &count) },
			`SELECT since, count FROM verification WHERE account = ? AND address_key = ?`+s.engine.Lock(), int64(account), key); err != nil {
			return err
		}
		if begun < micros(since) { // the window is over
			begun, count = micros(now), 0
		}
		if may = count < most; !may {
			return nil
		}
		return tx.exec(ctx, `INSERT INTO verification (account, address_key, since, count) VALUES (?, ?, ?, ?)
			ON CONFLICT (account, address_key) DO UPDATE SET since = excluded.since, count = excluded.count`, int64(account), key, begun, count+1)
	})
	return may && err == nil, err
}

// PurgeLinks implements store.Retention.
func (s *Store) PurgeLinks(ctx context.Context, now, since time.Time, limit int) (int, error) {
	const op = "purge links"
	var used [][]byte
	err := s.engine.Query(ctx, func(r Scanner) error {
		var hash []byte
		err := r.Scan(&hash)
		used = append(used, hash)
		return err
	}, `SELECT hash FROM redeemed WHERE expires_at < ? LIMIT ?`, micros(now), limit)
	if err != nil {
		return 0, s.fault(op, err)
	}
	var sent []model.SoftBounce
	err = s.engine.Query(ctx, func(r Scanner) error {
		var b model.SoftBounce
		err := r.Scan(&b.Account, &b.Key)
		sent = append(sent, b)
		return err
	}, `SELECT account, address_key FROM verification WHERE since < ? LIMIT ?`, micros(since), limit)
	if err != nil || len(used)+len(sent) == 0 {
		return 0, s.fault(op, err)
	}
	err = s.change(ctx, op, func(ctx context.Context, tx *countingTx) error {
		for _, hash := range used {
			if err := tx.exec(ctx, `DELETE FROM redeemed WHERE hash = ?`, hash); err != nil {
				return err
			}
		}
		for _, b := range sent {
			if err := tx.exec(ctx, `DELETE FROM verification WHERE account = ? AND address_key = ? AND since < ?`, int64(b.Account), b.Key, micros(since)); err != nil {
				return err
			}
		}
		return nil
	})
	return len(used) + len(sent), err
}
