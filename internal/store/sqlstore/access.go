package sqlstore

import (
	"context"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

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
