package sqlstore

import (
	"context"
	"slices"
	"strings"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

const suppressionColumns = `account, domain, kind, address_key, tag, address, code, reason, source, count, created_at`

func scanSuppression(e *model.Suppression) func(Scanner) error {
	return func(r Scanner) error {
		var created int64
		err := r.Scan(&e.Account, &e.Domain, &e.Kind, &e.Key, &e.Tag, &e.Address, &e.Code, &e.Reason, &e.Source, &e.Count, &created)
		e.CreatedAt = instant(created)
		return err
	}
}

func (s *Store) suppressions(ctx context.Context, query string, args ...any) ([]model.Suppression, error) {
	var list []model.Suppression
	err := s.engine.Query(ctx, func(r Scanner) error {
		var e model.Suppression
		err := scanSuppression(&e)(r)
		list = append(list, e)
		return err
	}, query, args...)
	return list, err
}

// Suppressed implements store.Suppressions. An address is in one list of few domains, so what the index finds is read whole.
// The + keeps SQLite from reading all of an account's entries by the primary key, which it takes for less than many addresses.
func (s *Store) Suppressed(ctx context.Context, account model.AccountID, keys []string) ([]model.Suppression, error) {
	const op = "suppressed addresses"
	if len(keys) == 0 {
		return nil, nil
	}
	if len(keys) > maxKeys {
		return nil, &store.Error{Kind: store.Internal, Op: op + ": more keys than one question may have"}
	}
	args := make([]any, 0, len(keys)+1)
	for _, k := range keys {
		args = append(args, k)
	}
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(keys)), ", ")
	list, err := s.suppressions(ctx, `SELECT `+suppressionColumns+` FROM suppression WHERE address_key IN (`+marks+`) AND +account IN (?, 0)`, append(args, int64(account))...)
	return list, s.fault(op, err)
}

// maxKeys bounds the parameters of one query; SQLite takes 32,766.
const maxKeys = 1000

// AddSuppressions implements store.Suppressions.
func (s *Store) AddSuppressions(ctx context.Context, list []model.Suppression, evs ...model.Event) error {
	return s.change(ctx, "add suppressions", func(ctx context.Context, tx *countingTx) error {
		for i := range list {
			if err := upsertSuppression(ctx, tx, &list[i]); err != nil {
				return err
			}
		}
		return insertEvents(ctx, tx, evs)
	})
}

func insertEvents(ctx context.Context, tx *countingTx, evs []model.Event) error {
	for _, ev := range evs {
		if err := insertEvent(ctx, tx, ev); err != nil {
			return err
		}
	}
	return nil
}

func upsertSuppression(ctx context.Context, tx *countingTx, e *model.Suppression) error {
	return tx.exec(ctx, `INSERT INTO suppression (`+suppressionColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (account, domain, kind, address_key, tag) DO UPDATE SET address = excluded.address, code = excluded.code, reason = excluded.reason,
			source = excluded.source, count = suppression.count + excluded.count`,
		int64(e.Account), int64(e.Domain), string(e.Kind), e.Key, e.Tag, e.Address, e.Code, e.Reason, e.Source, e.Count, micros(e.CreatedAt))
}

// RemoveSuppressions implements store.Suppressions.
func (s *Store) RemoveSuppressions(ctx context.Context, f store.SuppressionFilter, limit int, evs ...model.Event) (int, error) {
	where, args := suppressionWhere(f)
	list, err := s.suppressions(ctx, `SELECT `+suppressionColumns+` FROM suppression WHERE `+where+` LIMIT ?`, append(args, limit)...)
	if err != nil || len(list) == 0 {
		return 0, s.fault("remove suppressions", err)
	}
	err = s.change(ctx, "remove suppressions", func(ctx context.Context, tx *countingTx) error {
		for i := range list {
			e := &list[i]
			if err := deleteSuppression(ctx, tx, e); err != nil {
				return err
			}
			if e.Kind != model.SuppressBounce {
				continue
			}
			if err := tx.exec(ctx, `DELETE FROM soft_bounce WHERE account = ? AND address_key = ?`, int64(e.Account), e.Key); err != nil {
				return err
			}
		}
		return insertEvents(ctx, tx, evs)
	})
	return len(list), err
}

func suppressionWhere(f store.SuppressionFilter) (string, []any) {
	where, args := `account = ?`, []any{int64(f.Account)}
	add := func(condition string, arg any) {
		where += ` AND ` + condition
		args = append(args, arg)
	}
	if f.Domain != nil {
		add(`domain = ?`, int64(*f.Domain))
	}
	if f.Kind != "" {
		add(`kind = ?`, string(f.Kind))
	}
	if f.Key != "" {
		add(`address_key = ?`, f.Key)
	}
	if f.Tag != nil {
		add(`tag = ?`, *f.Tag)
	}
	return where, args
}

// ListSuppressions implements store.Suppressions.
func (s *Store) ListSuppressions(ctx context.Context, f store.SuppressionFilter, after model.Suppression, descending bool, limit int) ([]model.Suppression, error) {
	where, args := suppressionWhere(f)
	direction, compare := `ASC`, `>`
	if descending {
		direction, compare = `DESC`, `<`
	}
	switch {
	case after.Key == "":
	case f.Domain != nil && f.Kind != "": // the index is entered behind the address, and not at the beginning of the list
		where += ` AND (address_key, tag) ` + compare + ` (?, ?)`
		args = append(args, after.Key, after.Tag)
	default:
		where += ` AND (domain, kind, address_key, tag) ` + compare + ` (?, ?, ?, ?)`
		args = append(args, int64(after.Domain), string(after.Kind), after.Key, after.Tag)
	}
	order := strings.Join([]string{"domain", "kind", "address_key", "tag"}, " "+direction+", ") + " " + direction
	list, err := s.suppressions(ctx, `SELECT `+suppressionColumns+` FROM suppression WHERE `+where+` ORDER BY `+order+` LIMIT ?`, append(slices.Clip(args), limit)...)
	return list, s.fault("list suppressions", err)
}

// SoftBounce implements store.Suppressions.
func (s *Store) SoftBounce(ctx context.Context, account model.AccountID, key string) (model.SoftBounce, error) {
	b := model.SoftBounce{Account: account, Key: key}
	var at int64
	err := s.engine.Query(ctx, func(r Scanner) error {
		err := r.Scan(&b.Score, &b.Days, &at)
		b.At = instant(at)
		return err
	}, `SELECT score, days, at FROM soft_bounce WHERE account = ? AND address_key = ?`, int64(account), key)
	return b, s.fault("soft bounces", err)
}

// hygiene stores what an outcome says of an address.
func hygiene(ctx context.Context, tx *countingTx, suppress []model.Suppression, soft *model.SoftBounce) error {
	for i := range suppress {
		if err := upsertSuppression(ctx, tx, &suppress[i]); err != nil {
			return err
		}
	}
	if soft == nil {
		return nil
	}
	return countSoft(ctx, tx, soft)
}

// countSoft stores a count that was worked out from the one before.
func countSoft(ctx context.Context, tx *countingTx, b *model.SoftBounce) error {
	return tx.exec(ctx, `INSERT INTO soft_bounce (account, address_key, score, days, at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (account, address_key) DO UPDATE SET score = excluded.score, days = excluded.days, at = excluded.at`,
		int64(b.Account), b.Key, b.Score, b.Days, micros(b.At))
}
