package sqlstore

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

const addressColumns = `address, created_at, state, helo, pool, node, note, ptr, ptr_fault, listed, changed_at, ready_at, retires_at, checked_at, next_check, revision`

func scanAddress(a *model.SourceAddress) func(Scanner) error {
	return func(r Scanner) error {
		var text, listed string
		var created, changed, ready, retires, checked, next int64
		if err := r.Scan(&text, &created, &a.State, &a.Helo, &a.Pool, &a.Node, &a.Note, &a.PTR, &a.PTRFault, &listed, &changed, &ready, &retires, &checked, &next, &a.Revision); err != nil {
			return err
		}
		if listed != "" {
			a.Listed = strings.Fields(listed)
		}
		a.CreatedAt, a.ChangedAt, a.ReadyAt = instant(created), instant(changed), instant(ready)
		a.RetiresAt, a.CheckedAt, a.NextCheck = instant(retires), instant(checked), instant(next)
		var err error
		a.Address, err = netip.ParseAddr(text)
		return err
	}
}

// addressValues are what an address's changing columns hold, in the order of addressColumns from state on, without revision.
func addressValues(a *model.SourceAddress) []any {
	return []any{
		string(a.State), a.Helo, a.Pool, a.Node, a.Note, string(a.PTR), a.PTRFault, strings.Join(a.Listed, " "),
		micros(a.ChangedAt), micros(a.ReadyAt), micros(a.RetiresAt), micros(a.CheckedAt), micros(a.NextCheck),
	}
}

// AddAddress implements store.Addresses.
func (s *Store) AddAddress(ctx context.Context, a model.SourceAddress, said model.Announcement, ev model.Event) error {
	return s.changeOnce(ctx, "add address "+a.Address.String(), "event", ev.ID, func(ctx context.Context, tx *countingTx) error {
		args := append([]any{a.Address.String(), micros(a.CreatedAt)}, addressValues(&a)...)
		if err := tx.exec(ctx, `INSERT INTO source_address (`+addressColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)`, args...); err != nil {
			return err
		}
		if err := announce(ctx, tx, said); err != nil {
			return err
		}
		return insertEvent(ctx, tx, ev)
	})
}

// announce numbers and stores an announcement. The counter's row is locked from here to the commit, so numbers come in the
// order in which they can be read.
func announce(ctx context.Context, tx *countingTx, said model.Announcement) error {
	n, err := nextNumber(ctx, tx, "announcement")
	if err != nil {
		return err
	}
	return tx.exec(ctx, `INSERT INTO announcement (`+announcementColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		n, micros(said.At), said.Address.String(), string(said.From), string(said.To), said.Helo, micros(said.Effective))
}

// Address implements store.Addresses.
func (s *Store) Address(ctx context.Context, addr netip.Addr) (model.SourceAddress, error) {
	var a model.SourceAddress
	return a, s.one(ctx, "address "+addr.String(), scanAddress(&a), `SELECT `+addressColumns+` FROM source_address WHERE address = ?`, addr.String())
}

func addresses(ctx context.Context, r Reader, query string, args ...any) ([]model.SourceAddress, error) {
	var list []model.SourceAddress
	err := r.Query(ctx, func(r Scanner) error {
		var a model.SourceAddress
		err := scanAddress(&a)(r)
		list = append(list, a)
		return err
	}, `SELECT `+addressColumns+` FROM source_address `+query, args...)
	return list, err
}

// ListAddresses implements store.Addresses.
func (s *Store) ListAddresses(ctx context.Context) ([]model.SourceAddress, error) {
	list, err := addresses(ctx, s.engine, `ORDER BY created_at, address LIMIT ?`, store.MaxAddresses)
	return list, s.fault("list addresses", err)
}

// ChangeAddress implements store.Addresses. The first event tells whether a change that was cut off happened.
func (s *Store) ChangeAddress(ctx context.Context, c store.AddressChange) error {
	op := "change address " + c.Address.Address.String()
	if c.Address.State != c.From && !c.From.CanBecome(c.Address.State) {
		return &store.Error{Kind: store.Conflict, Op: fmt.Sprintf("%s: it cannot become %s from %s", op, c.Address.State, c.From)}
	}
	var first ident.ID
	if len(c.Events) > 0 {
		first = c.Events[0].ID
	}
	return s.changeOnce(ctx, op, "event", first, func(ctx context.Context, tx *countingTx) error {
		args := append(addressValues(&c.Address), c.Address.Address.String(), c.Address.Revision, string(c.From))
		if err := tx.cas(ctx, store.Conflict, op, `UPDATE source_address SET state = ?, helo = ?, pool = ?, node = ?, note = ?, ptr = ?, ptr_fault = ?, listed = ?,
			changed_at = ?, ready_at = ?, retires_at = ?, checked_at = ?, next_check = ?, revision = revision + 1
			WHERE address = ? AND revision = ? AND state = ?`, args...); err != nil {
			return err
		}
		if c.Said != nil {
			if err := announce(ctx, tx, *c.Said); err != nil {
				return err
			}
		}
		return insertEvents(ctx, tx, c.Events)
	})
}

// RemoveAddress implements store.Addresses.
func (s *Store) RemoveAddress(ctx context.Context, addr netip.Addr, ev model.Event) error {
	op := "remove address " + addr.String()
	if _, err := s.Address(ctx, addr); err != nil {
		return err
	}
	return s.changeOnce(ctx, op, "event", ev.ID, func(ctx context.Context, tx *countingTx) error {
		if err := tx.cas(ctx, store.Conflict, op, `DELETE FROM source_address WHERE address = ? AND state = ?`, addr.String(), string(model.AddressRetired)); err != nil {
			return err
		}
		return insertEvent(ctx, tx, ev)
	})
}

// ClaimAddresses implements store.Addresses.
func (s *Store) ClaimAddresses(ctx context.Context, now, until time.Time, limit int) ([]model.SourceAddress, error) {
	var list []model.SourceAddress
	err := s.change(ctx, "claim addresses", func(ctx context.Context, tx *countingTx) (err error) {
		if list, err = addresses(ctx, tx, `WHERE next_check <= ? ORDER BY next_check LIMIT ?`+s.engine.Lock(), micros(now), limit); err != nil {
			return err
		}
		for i := range list {
			list[i].NextCheck = until
			if err := tx.exec(ctx, `UPDATE source_address SET next_check = ? WHERE address = ?`, micros(until), list[i].Address.String()); err != nil {
				return err
			}
		}
		return nil
	})
	return list, err
}
