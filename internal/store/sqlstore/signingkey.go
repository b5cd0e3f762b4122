package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

const signingKeyColumns = `selector, algorithm, state, public, sealed, created_at, changed_at, seen_at, missed_at`

func scanSigningKey(k *model.SigningKey, before ...any) func(Scanner) error {
	return func(r Scanner) error {
		var at [4]int64
		err := r.Scan(append(before, &k.Selector, &k.Algorithm, &k.State, &k.Public, &k.Sealed, &at[0], &at[1], &at[2], &at[3])...)
		for i, t := range []*time.Time{&k.CreatedAt, &k.ChangedAt, &k.SeenAt, &k.MissedAt} {
			*t = instant(at[i])
		}
		return err
	}
}

func insertSigningKey(ctx context.Context, tx *countingTx, id model.DomainID, k *model.SigningKey) error {
	return tx.exec(ctx, `INSERT INTO signing_key (domain, `+signingKeyColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, int64(id), k.Selector, k.Algorithm,
		string(k.State), k.Public, k.Sealed, micros(k.CreatedAt), micros(k.ChangedAt), micros(k.SeenAt), micros(k.MissedAt))
}

// changeKey adds, changes or deletes one key.
func changeKey(ctx context.Context, tx *countingTx, op string, id model.DomainID, k *store.KeyChange) error {
	switch {
	case k.From == "":
		return insertSigningKey(ctx, tx, id, &k.SigningKey)
	case k.Gone:
		return tx.cas(ctx, store.Conflict, op, `DELETE FROM signing_key WHERE domain = ? AND selector = ? AND state = ?`, int64(id), k.Selector, string(k.From))
	case k.State != k.From && !k.From.CanBecome(k.State):
		return &store.Error{Kind: store.Conflict, Op: fmt.Sprintf("%s: key %s cannot become %s from %s", op, k.Selector, k.State, k.From)}
	}
	return tx.cas(ctx, store.Conflict, op, `UPDATE signing_key SET state = ?, changed_at = ?, seen_at = ?, missed_at = ? WHERE domain = ? AND selector = ? AND state = ?`,
		string(k.State), micros(k.ChangedAt), micros(k.SeenAt), micros(k.MissedAt), int64(id), k.Selector, string(k.From))
}

// SigningKeys implements store.Domains.
func (s *Store) SigningKeys(ctx context.Context, id model.DomainID) ([]model.SigningKey, error) {
	var list []model.SigningKey
	err := s.engine.Query(ctx, func(r Scanner) error {
		k := model.SigningKey{Domain: id}
		err := scanSigningKey(&k)(r)
		list = append(list, k)
		return err
	}, `SELECT `+signingKeyColumns+` FROM signing_key WHERE domain = ? ORDER BY algorithm DESC, selector`, int64(id))
	return list, s.fault("signing keys", err)
}

// ListDomainKeys implements store.Domains: one query for the domains, one for their keys.
func (s *Store) ListDomainKeys(ctx context.Context, after model.DomainID, limit int) ([]store.DomainKeys, error) {
	const op = "list keys of domains"
	found, err := domains(ctx, s.engine, `id > ? ORDER BY id LIMIT ?`, int64(after), limit)
	if err != nil || len(found) == 0 {
		return nil, s.fault(op, err)
	}
	list := make([]store.DomainKeys, len(found))
	at := make(map[model.DomainID]int, len(found))
	for i, d := range found {
		list[i].Domain, at[d.ID] = d, i
	}
	err = s.engine.Query(ctx, func(r Scanner) error {
		var k model.SigningKey
		err := scanSigningKey(&k, &k.Domain)(r)
		if i, ok := at[k.Domain]; ok {
			list[i].Keys = append(list[i].Keys, k)
		}
		return err
	}, `SELECT domain, `+signingKeyColumns+` FROM signing_key WHERE domain BETWEEN ? AND ? ORDER BY domain, algorithm DESC, selector`,
		int64(found[0].ID), int64(found[len(found)-1].ID))
	return list, s.fault(op, err)
}
