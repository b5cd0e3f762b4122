package sqlstore

import (
	"context"

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

const accountColumns = `id, name, state, reason, bulk, operator, weight, contact, created_at`

func scanAccount(a *model.Account) func(Scanner) error {
	return func(r Scanner) error {
		var created int64
		var bulk, operator int
		err := r.Scan(&a.ID, &a.Name, &a.State, &a.Reason, &bulk, &operator, &a.Weight, &a.Contact, &created)
		a.Bulk, a.Operator, a.CreatedAt = bulk != 0, operator != 0, instant(created)
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
		return tx.exec(ctx, `INSERT INTO account (`+accountColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			n, a.Name, string(a.State), a.Reason, integer(a.Bulk), integer(a.Operator), a.Weight, a.Contact, micros(a.CreatedAt))
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
	var list []model.Account
	err := s.engine.Query(ctx, func(r Scanner) error {
		var a model.Account
		err := scanAccount(&a)(r)
		list = append(list, a)
		return err
	}, `SELECT `+accountColumns+` FROM account WHERE name > ? ORDER BY name LIMIT ?`, after, limit)
	return list, s.fault("list accounts", err)
}

// SetAccountState implements store.Accounts.
func (s *Store) SetAccountState(ctx context.Context, id model.AccountID, state model.AccountState, reason string, ev model.Event) error {
	const op = "set state of account"
	return s.change(ctx, op, func(ctx context.Context, tx *countingTx) error {
		if err := tx.cas(ctx, store.NotFound, op, `UPDATE account SET state = ?, reason = ? WHERE id = ?`, string(state), reason, int64(id)); err != nil {
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
