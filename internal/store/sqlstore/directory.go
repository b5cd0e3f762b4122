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

const accountColumns = `id, name, state, reason, bulk, operator, weight, created_at`

func scanAccount(a *model.Account) func(Scanner) error {
	return func(r Scanner) error {
		var created int64
		var bulk, operator int
		err := r.Scan(&a.ID, &a.Name, &a.State, &a.Reason, &bulk, &operator, &a.Weight, &created)
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
		return tx.exec(ctx, `INSERT INTO account (`+accountColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			n, a.Name, string(a.State), a.Reason, integer(a.Bulk), integer(a.Operator), a.Weight, micros(a.CreatedAt))
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

const domainColumns = `id, name, account, state, reason, waiver, created_at, changed_at`

func scanDomain(d *model.Domain) func(Scanner) error {
	return func(r Scanner) error {
		var created, changed int64
		err := r.Scan(&d.ID, &d.Name, &d.Account, &d.State, &d.Reason, &d.Waiver, &created, &changed)
		d.CreatedAt, d.ChangedAt = instant(created), instant(changed)
		return err
	}
}

// AddDomain implements store.Domains.
func (s *Store) AddDomain(ctx context.Context, d model.Domain, keys []model.SigningKey, ev model.Event) (model.Domain, error) {
	err := s.change(ctx, "add domain "+d.Name, func(ctx context.Context, tx *countingTx) error {
		n, err := nextNumber(ctx, tx, "domain")
		if err != nil {
			return err
		}
		d.ID = model.DomainID(n)
		if err := tx.exec(ctx, `INSERT INTO domain (`+domainColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, n, d.Name, int64(d.Account),
			string(d.State), d.Reason, d.Waiver, micros(d.CreatedAt), micros(d.ChangedAt)); err != nil {
			return err
		}
		for _, k := range keys {
			if err := tx.exec(ctx, `INSERT INTO signing_key (domain, selector, algorithm, state, public, sealed, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)`,
				n, k.Selector, k.Algorithm, string(k.State), k.Public, k.Sealed, micros(k.CreatedAt)); err != nil {
				return err
			}
		}
		ev.Domain = d.ID
		return insertEvent(ctx, tx, ev)
	})
	return d, err
}

// Domain implements store.Domains.
func (s *Store) Domain(ctx context.Context, name string) (model.Domain, error) {
	var d model.Domain
	return d, s.one(ctx, "domain "+name, scanDomain(&d), `SELECT `+domainColumns+` FROM domain WHERE name = ?`, name)
}

// DomainByID implements store.Domains.
func (s *Store) DomainByID(ctx context.Context, id model.DomainID) (model.Domain, error) {
	var d model.Domain
	return d, s.one(ctx, "domain by number", scanDomain(&d), `SELECT `+domainColumns+` FROM domain WHERE id = ?`, int64(id))
}

// ListDomains implements store.Domains.
func (s *Store) ListDomains(ctx context.Context, account model.AccountID, after string, limit int) ([]model.Domain, error) {
	where, args := `name > ?`, []any{after}
	if account != 0 {
		where, args = `account = ? AND name > ?`, []any{int64(account), after}
	}
	var list []model.Domain
	err := s.engine.Query(ctx, func(r Scanner) error {
		var d model.Domain
		err := scanDomain(&d)(r)
		list = append(list, d)
		return err
	}, `SELECT `+domainColumns+` FROM domain WHERE `+where+` ORDER BY name LIMIT ?`, append(args, limit)...)
	return list, s.fault("list domains", err)
}

// SetDomainState implements store.Domains.
func (s *Store) SetDomainState(ctx context.Context, id model.DomainID, state model.DomainState, reason, waiver string, ev model.Event) error {
	const op = "set state of domain"
	return s.change(ctx, op, func(ctx context.Context, tx *countingTx) error {
		if err := tx.cas(ctx, store.NotFound, op, `UPDATE domain SET state = ?, reason = ?, waiver = ?, changed_at = ? WHERE id = ?`,
			string(state), reason, waiver, micros(ev.At), int64(id)); err != nil {
			return err
		}
		return insertEvent(ctx, tx, ev)
	})
}

// RemoveDomain implements store.Domains.
func (s *Store) RemoveDomain(ctx context.Context, id model.DomainID, ev model.Event) error {
	const op = "remove domain"
	return s.change(ctx, op, func(ctx context.Context, tx *countingTx) error {
		if err := tx.cas(ctx, store.NotFound, op, `DELETE FROM domain WHERE id = ?`, int64(id)); err != nil {
			return err
		}
		for _, table := range []string{"signing_key", "credential"} {
			if err := tx.exec(ctx, `DELETE FROM `+table+` WHERE domain = ?`, int64(id)); err != nil {
				return err
			}
		}
		return insertEvent(ctx, tx, ev)
	})
}

// SigningKeys implements store.Domains.
func (s *Store) SigningKeys(ctx context.Context, id model.DomainID) ([]model.SigningKey, error) {
	var list []model.SigningKey
	err := s.engine.Query(ctx, func(r Scanner) error {
		k := model.SigningKey{Domain: id}
		var created int64
		err := r.Scan(&k.Selector, &k.Algorithm, &k.State, &k.Public, &k.Sealed, &created)
		k.CreatedAt = instant(created)
		list = append(list, k)
		return err
	}, `SELECT selector, algorithm, state, public, sealed, created_at FROM signing_key WHERE domain = ? ORDER BY algorithm DESC, selector`, int64(id))
	return list, s.fault("signing keys", err)
}
