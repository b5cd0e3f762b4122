package sqlstore

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

const domainColumns = `id, name, account, state, reason, waiver, token, setup, open, return_path, lacks, revision,
	created_at, changed_at, owned_at, asked_at, checked_at, next_check, rotated_at`

func scanDomain(d *model.Domain) func(Scanner) error {
	return func(r Scanner) error {
		var at [7]int64
		var open, aligned int
		var lacks string
		err := r.Scan(&d.ID, &d.Name, &d.Account, &d.State, &d.Reason, &d.Waiver, &d.Token, &d.Setup, &open, &aligned, &lacks, &d.Revision,
			&at[0], &at[1], &at[2], &at[3], &at[4], &at[5], &at[6])
		d.Open, d.ReturnPath, d.Lacks = open != 0, aligned != 0, strings.Fields(lacks)
		if len(d.Lacks) == 0 {
			d.Lacks = nil
		}
		for i, t := range domainTimes(d) {
			*t = instant(at[i])
		}
		return err
	}
}

// domainTimes are the times of a domain in the order of domainColumns.
func domainTimes(d *model.Domain) []*time.Time {
	return []*time.Time{&d.CreatedAt, &d.ChangedAt, &d.OwnedAt, &d.AskedAt, &d.CheckedAt, &d.NextCheck, &d.RotatedAt}
}

// domainValues are what a domain's changing columns hold: from state to lacks, then the times without the first.
func domainValues(d *model.Domain) []any {
	v := []any{string(d.State), d.Reason, d.Waiver, d.Token, string(d.Setup), integer(d.Open), integer(d.ReturnPath), strings.Join(d.Lacks, " ")}
	for _, t := range domainTimes(d)[1:] {
		v = append(v, micros(*t))
	}
	return v
}

// NumberDomain implements store.Domains.
func (s *Store) NumberDomain(ctx context.Context) (model.DomainID, error) {
	var n int64
	err := s.change(ctx, "number domain", func(ctx context.Context, tx *countingTx) (err error) {
		n, err = nextNumber(ctx, tx, "domain")
		return err
	})
	return model.DomainID(n), err
}

// AddDomain implements store.Domains.
func (s *Store) AddDomain(ctx context.Context, d model.Domain, keys []model.SigningKey, ev model.Event) (model.Domain, error) {
	numbered, added := d.ID != 0, d
	err := s.changeOnce(ctx, "add domain "+d.Name, "event", ev.ID, func(ctx context.Context, tx *countingTx) error {
		added = d
		if !numbered {
			n, err := nextNumber(ctx, tx, "domain")
			if err != nil {
				return err
			}
			added.ID = model.DomainID(n)
		}
		args := append([]any{int64(added.ID), d.Name, int64(d.Account), micros(d.CreatedAt)}, domainValues(&added)...)
		if err := tx.exec(ctx, `INSERT INTO domain (id, name, account, created_at, state, reason, waiver, token, setup, open, return_path, lacks,
			changed_at, owned_at, asked_at, checked_at, next_check, rotated_at, revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)`, args...); err != nil {
			return err
		}
		for _, k := range keys {
			if err := insertSigningKey(ctx, tx, added.ID, &k); err != nil {
				return err
			}
		}
		ev.Domain = added.ID
		return insertEvent(ctx, tx, ev)
	})
	return added, err
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

// domains reads the domains that a query gives.
func domains(ctx context.Context, r Reader, query string, args ...any) ([]model.Domain, error) {
	var list []model.Domain
	err := r.Query(ctx, func(r Scanner) error {
		var d model.Domain
		err := scanDomain(&d)(r)
		list = append(list, d)
		return err
	}, `SELECT `+domainColumns+` FROM domain WHERE `+query, args...)
	return list, err
}

// ListDomains implements store.Domains.
func (s *Store) ListDomains(ctx context.Context, account model.AccountID, after string, limit int) ([]model.Domain, error) {
	where, args := `name > ?`, []any{after}
	if account != 0 {
		where, args = `account = ? AND name > ?`, []any{int64(account), after}
	}
	list, err := domains(ctx, s.engine, where+` ORDER BY name LIMIT ?`, append(args, limit)...)
	return list, s.fault("list domains", err)
}

// ClaimDomains implements store.Domains. It looks first whether there is any, since mostly there is none, and a change would
// take its turn with the queue's.
func (s *Store) ClaimDomains(ctx context.Context, now, until time.Time, limit int) ([]model.Domain, error) {
	due := false
	err := s.engine.Query(ctx, func(Scanner) error { due = true; return nil }, `SELECT id FROM domain WHERE next_check <= ? LIMIT 1`, micros(now))
	if err != nil || !due {
		return nil, s.fault("claim domains", err)
	}
	var list []model.Domain
	err = s.change(ctx, "claim domains", func(ctx context.Context, tx *countingTx) (err error) {
		if list, err = domains(ctx, tx, `next_check <= ? ORDER BY next_check LIMIT ?`+s.engine.Lock(), micros(now), limit); err != nil {
			return err
		}
		for i := range list {
			list[i].NextCheck = until
			if err := tx.exec(ctx, `UPDATE domain SET next_check = ? WHERE id = ?`, micros(until), int64(list[i].ID)); err != nil {
				return err
			}
		}
		return nil
	})
	return list, err
}

// ChangeDomain implements store.Domains. The event's identifier, if there is one, tells whether a change that was cut off
// happened; without, doing it again is a conflict, and the caller reads anew.
func (s *Store) ChangeDomain(ctx context.Context, c store.DomainChange) error {
	op := "change domain " + c.Domain.Name
	if c.Domain.State != c.From && !c.From.CanBecome(c.Domain.State) {
		return &store.Error{Kind: store.Conflict, Op: fmt.Sprintf("%s: it cannot become %s from %s", op, c.Domain.State, c.From)}
	}
	if len(c.Proof) > store.MaxProof {
		return &store.Error{Kind: store.Internal, Op: fmt.Sprintf("%s: what was found has %d octets, at most %d", op, len(c.Proof), store.MaxProof)}
	}
	run := func(ctx context.Context, tx *countingTx) error {
		args := append(domainValues(&c.Domain), int64(c.Domain.ID), c.Domain.Revision, string(c.From))
		if err := tx.cas(ctx, store.Conflict, op, `UPDATE domain SET state = ?, reason = ?, waiver = ?, token = ?, setup = ?, open = ?, return_path = ?, lacks = ?,
			changed_at = ?, owned_at = ?, asked_at = ?, checked_at = ?, next_check = ?, rotated_at = ?, revision = revision + 1
			WHERE id = ? AND revision = ? AND state = ?`, args...); err != nil {
			return err
		}
		for i := range c.Keys {
			if err := changeKey(ctx, tx, op, c.Domain.ID, &c.Keys[i]); err != nil {
				return err
			}
		}
		if c.Proof != nil {
			if err := tx.exec(ctx, `INSERT INTO domain_proof (domain, report) VALUES (?, ?) ON CONFLICT (domain) DO UPDATE SET report = excluded.report`,
				int64(c.Domain.ID), c.Proof); err != nil {
				return err
			}
		}
		if c.Event == nil {
			return nil
		}
		return insertEvent(ctx, tx, *c.Event)
	}
	if c.Event == nil {
		return s.change(ctx, op, run)
	}
	return s.changeOnce(ctx, op, "event", c.Event.ID, run)
}

// RemoveDomain implements store.Domains.
func (s *Store) RemoveDomain(ctx context.Context, id model.DomainID, ev model.Event) error {
	const op = "remove domain"
	return s.change(ctx, op, func(ctx context.Context, tx *countingTx) error {
		if err := tx.cas(ctx, store.NotFound, op, `DELETE FROM domain WHERE id = ?`, int64(id)); err != nil {
			return err
		}
		for _, table := range []string{"signing_key", "credential", "domain_proof", "stage"} {
			if err := tx.exec(ctx, `DELETE FROM `+table+` WHERE domain = ?`, int64(id)); err != nil {
				return err
			}
		}
		return insertEvent(ctx, tx, ev)
	})
}

// Proof implements store.Domains.
func (s *Store) Proof(ctx context.Context, id model.DomainID) ([]byte, error) {
	var report []byte
	err := s.engine.Query(ctx, func(r Scanner) error { return r.Scan(&report) }, `SELECT report FROM domain_proof WHERE domain = ?`, int64(id))
	return report, s.fault("proof of domain", err)
}
