package sqlstore

import (
	"context"
	"time"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// one runs a query for at most one row; NotFound if there is none.
func (s *Store) one(ctx context.Context, op string, scan func(Scanner) error, query string, args ...any) error {
	found := false
	err := s.engine.Query(ctx, func(r Scanner) error {
		found = true
		return scan(r)
	}, query, args...)
	if err == nil && !found {
		return &store.Error{Kind: store.NotFound, Op: op}
	}
	return s.fault(op, err)
}

const accountColumns = `id, name, state, reason, bulk, operator, weight, contact, quiet_bulk_dsn, quiet_digest, quiet_replies, created_at, locked_at`

func scanAccount(a *model.Account) func(Scanner) error {
	return func(r Scanner) error {
		var created, locked int64
		var bulk, operator, dsn, digest, replies int
		err := r.Scan(&a.ID, &a.Name, &a.State, &a.Reason, &bulk, &operator, &a.Weight, &a.Contact, &dsn, &digest, &replies, &created, &locked)
		a.Bulk, a.Operator, a.CreatedAt, a.LockedAt = bulk != 0, operator != 0, instant(created), instant(locked)
		a.Quiet = model.Quiet{BulkDSN: dsn != 0, Digest: digest != 0, Replies: replies != 0}
		return err
	}
}

func integer(b bool) int {
	if b {
		return 1
	}
	return 0
}

// AddAccount implements store.Accounts.
func (s *Store) AddAccount(ctx context.Context, a model.Account) (model.Account, error) {
	err := s.change(ctx, "add account "+a.Name, func(ctx context.Context, tx *countingTx) error {
		n, err := nextNumber(ctx, tx, "account")
		if err != nil {
			return err
		}
		a.ID = model.AccountID(n)
		return tx.exec(ctx, `INSERT INTO account (`+accountColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)`,
			n, a.Name, string(a.State), a.Reason, integer(a.Bulk), integer(a.Operator), a.Weight, a.Contact,
			integer(a.Quiet.BulkDSN), integer(a.Quiet.Digest), integer(a.Quiet.Replies), micros(a.CreatedAt))
	})
	return a, err
}

// Account implements store.Accounts.
func (s *Store) Account(ctx context.Context, name string) (model.Account, error) {
	var a model.Account
	return a, s.one(ctx, "account "+name, scanAccount(&a), `SELECT `+accountColumns+` FROM account WHERE name = ?`, name)
}

// AccountByID implements store.Accounts.
func (s *Store) AccountByID(ctx context.Context, id model.AccountID) (model.Account, error) {
	var a model.Account
	return a, s.one(ctx, "account by number", scanAccount(&a), `SELECT `+accountColumns+` FROM account WHERE id = ?`, int64(id))
}

// ListAccounts implements store.Accounts.
func (s *Store) ListAccounts(ctx context.Context, after string, limit int) ([]model.Account, error) {
	list, err := accounts(ctx, s.engine, `WHERE name > ? ORDER BY name LIMIT ?`, after, limit)
	return list, s.fault("list accounts", err)
}

func accounts(ctx context.Context, r Reader, query string, args ...any) ([]model.Account, error) {
	var list []model.Account
	err := r.Query(ctx, func(r Scanner) error {
		var a model.Account
		err := scanAccount(&a)(r)
		list = append(list, a)
		return err
	}, `SELECT `+accountColumns+` FROM account `+query, args...)
	return list, err
}

// SetAccountState implements store.Accounts.
func (s *Store) SetAccountState(ctx context.Context, id model.AccountID, state model.AccountState, reason string, ev model.Event) error {
	const op = "set state of account"
	return s.change(ctx, op, func(ctx context.Context, tx *countingTx) error {
		if err := tx.cas(ctx, store.NotFound, op, `UPDATE account SET state = ?, reason = ? WHERE id = ?`, string(state), reason, int64(id)); err != nil {
			return err
		}
		if err := stateSet(ctx, tx, id, state, reason); err != nil {
			return err
		}
		return insertEvent(ctx, tx, ev)
	})
}

// SetAccountContact implements store.Accounts.
func (s *Store) SetAccountContact(ctx context.Context, id model.AccountID, contact string) error {
	const op = "set contact of account"
	return s.change(ctx, op, func(ctx context.Context, tx *countingTx) error {
		return tx.cas(ctx, store.NotFound, op, `UPDATE account SET contact = ? WHERE id = ?`, contact, int64(id))
	})
}

// SetAccountQuiet implements store.Accounts.
func (s *Store) SetAccountQuiet(ctx context.Context, id model.AccountID, q model.Quiet) error {
	const op = "set who is told of account"
	return s.change(ctx, op, func(ctx context.Context, tx *countingTx) error {
		return tx.cas(ctx, store.NotFound, op, `UPDATE account SET quiet_bulk_dsn = ?, quiet_digest = ?, quiet_replies = ? WHERE id = ?`,
			integer(q.BulkDSN), integer(q.Digest), integer(q.Replies), int64(id))
	})
}

// ClaimDigests implements store.Accounts. The condition is that of the index account_digest.
func (s *Store) ClaimDigests(ctx context.Context, day int, now, until time.Time, limit int) ([]model.Account, error) {
	var list []model.Account
	err := s.change(ctx, "claim digests", func(ctx context.Context, tx *countingTx) (err error) {
		list, err = accounts(ctx, tx, `WHERE contact <> '' AND quiet_digest = 0 AND digest_day < ? AND digest_claim <= ? ORDER BY digest_day LIMIT ?`+s.engine.Lock(),
			day, micros(now), limit)
		for i := range list {
			if err = tx.exec(ctx, `UPDATE account SET digest_claim = ? WHERE id = ?`, micros(until), int64(list[i].ID)); err != nil {
				break
			}
		}
		return err
	})
	return list, err
}

// ToldDigest implements store.Accounts.
func (s *Store) ToldDigest(ctx context.Context, id model.AccountID, day int) error {
	return s.change(ctx, "told digest", func(ctx context.Context, tx *countingTx) error {
		return tx.exec(ctx, `UPDATE account SET digest_day = ?, digest_claim = 0 WHERE id = ? AND digest_day < ?`, day, int64(id), day)
	})
}
