package sqlstore

import (
	"context"
	"time"

	"github.com/budkavle/budkavle/internal/base/ident"
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

const credentialColumns = `username, account, domain, salt, iterations, stored_key, server_key, created_at`

func scanCredential(c *model.Credential) func(Scanner) error {
	return func(r Scanner) error {
		var created int64
		err := r.Scan(&c.Username, &c.Account, &c.Domain, &c.Salt, &c.Iterations, &c.StoredKey, &c.ServerKey, &created)
		c.CreatedAt = instant(created)
		return err
	}
}

// AddCredential implements store.Credentials.
func (s *Store) AddCredential(ctx context.Context, c model.Credential) error {
	return s.change(ctx, "add SMTP user "+c.Username, func(ctx context.Context, tx *countingTx) error {
		return tx.exec(ctx, `INSERT INTO credential (`+credentialColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			c.Username, int64(c.Account), int64(c.Domain), c.Salt, c.Iterations, c.StoredKey, c.ServerKey, micros(c.CreatedAt))
	})
}

// Credential implements store.Credentials.
func (s *Store) Credential(ctx context.Context, username string) (model.Credential, error) {
	var c model.Credential
	return c, s.one(ctx, "SMTP user", scanCredential(&c), `SELECT `+credentialColumns+` FROM credential WHERE username = ?`, username)
}

// ListCredentials implements store.Credentials.
func (s *Store) ListCredentials(ctx context.Context, account model.AccountID, after string, limit int) ([]model.Credential, error) {
	where, args := `username > ?`, []any{after}
	if account != 0 {
		where, args = `account = ? AND username > ?`, []any{int64(account), after}
	}
	var list []model.Credential
	err := s.engine.Query(ctx, func(r Scanner) error {
		var c model.Credential
		err := scanCredential(&c)(r)
		list = append(list, c)
		return err
	}, `SELECT `+credentialColumns+` FROM credential WHERE `+where+` ORDER BY username LIMIT ?`, append(args, limit)...)
	return list, s.fault("list SMTP users", err)
}

// RemoveCredential implements store.Credentials.
func (s *Store) RemoveCredential(ctx context.Context, username string) error {
	return s.change(ctx, "remove SMTP user", func(ctx context.Context, tx *countingTx) error {
		return tx.cas(ctx, store.NotFound, "remove SMTP user", `DELETE FROM credential WHERE username = ?`, username)
	})
}

const keyColumns = `id, account, name, prefix, hash, created_at`

func scanKey(k *model.APIKey) func(Scanner) error {
	return func(r Scanner) error {
		var created int64
		err := r.Scan(&k.ID, &k.Account, &k.Name, &k.Prefix, &k.Hash, &created)
		k.CreatedAt = instant(created)
		return err
	}
}

// AddKey implements store.Keys.
func (s *Store) AddKey(ctx context.Context, k model.APIKey) error {
	return s.change(ctx, "add API key", func(ctx context.Context, tx *countingTx) error {
		return tx.exec(ctx, `INSERT INTO api_key (`+keyColumns+`) VALUES (?, ?, ?, ?, ?, ?)`,
			int64(k.ID), int64(k.Account), k.Name, k.Prefix, k.Hash, micros(k.CreatedAt))
	})
}

// KeyByHash implements store.Keys.
func (s *Store) KeyByHash(ctx context.Context, hash []byte) (model.APIKey, error) {
	var k model.APIKey
	return k, s.one(ctx, "API key", scanKey(&k), `SELECT `+keyColumns+` FROM api_key WHERE hash = ?`, hash)
}

// ListKeys implements store.Keys.
func (s *Store) ListKeys(ctx context.Context, account model.AccountID, limit int) ([]model.APIKey, error) {
	var list []model.APIKey
	err := s.engine.Query(ctx, func(r Scanner) error {
		var k model.APIKey
		err := scanKey(&k)(r)
		list = append(list, k)
		return err
	}, `SELECT `+keyColumns+` FROM api_key WHERE account = ? ORDER BY id LIMIT ?`, int64(account), limit)
	return list, s.fault("list API keys", err)
}

// RemoveKey implements store.Keys.
func (s *Store) RemoveKey(ctx context.Context, id ident.ID) error {
	return s.change(ctx, "remove API key", func(ctx context.Context, tx *countingTx) error {
		return tx.cas(ctx, store.NotFound, "remove API key", `DELETE FROM api_key WHERE id = ?`, int64(id))
	})
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

// CloseLease implements store.Nodes.
func (s *Store) CloseLease(ctx context.Context, lease int64) error {
	return s.change(ctx, "close lease", func(ctx context.Context, tx *countingTx) error {
		return tx.exec(ctx, `DELETE FROM lease WHERE id = ?`, lease)
	})
}
