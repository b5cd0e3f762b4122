package sqlstore

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// ledger is what one transaction knows of the accounts that it counts for: each is read once and written once, however many
// changes share the transaction. It holds the accounts' rows, so no other transaction counts for them meanwhile.
type ledger map[model.AccountID]*tally

type tally struct {
	state  model.AccountState
	reason string
	meters map[meterName]*entry
}

type meterName struct {
	scope model.LimitScope
	name  string
}

type entry struct {
	model.Meter
	changed bool
}

// openLedger reads, and holds, the accounts that the batch counts for. It comes first in a transaction and takes them in the
// order of their numbers, so that no two wait for each other.
func (s *Store) openLedger(ctx context.Context, tx *countingTx, batch []*change) error {
	var ids, scopes, names []any
	tx.ledger = nil
	for _, c := range batch {
		for i := range c.counts {
			b := c.counts[i].sub.Budget
			if b == nil {
				continue
			}
			ids = append(ids, int64(c.counts[i].sub.Message.Account))
			for j := range b.Charges {
				scopes, names = append(scopes, string(b.Charges[j].Scope)), append(names, b.Charges[j].Name)
			}
		}
	}
	if len(ids) == 0 {
		return nil
	}
	tx.ledger = ledger{} // no more accounts than the batch has changes
	in, args := among("id", ids)
	err := tx.Query(ctx, func(r Scanner) error {
		var id model.AccountID
		t := &tally{meters: map[meterName]*entry{}}
		err := r.Scan(&id, &t.state, &t.reason)
		tx.ledger[id] = t
		return err
	}, `SELECT id, state, reason FROM account WHERE `+in+` ORDER BY id`+s.engine.Wait(), args...)
	if err != nil {
		return err
	}
	of, args := among("account", ids)
	within, more := among("scope", scopes)
	called, most := among("name", names)
	return readings(ctx, tx, func(id model.AccountID, g store.Reading) {
		if t := tx.ledger[id]; t != nil {
			t.meters[meterName{g.Scope, g.Name}] = &entry{Meter: g.Meter}
		}
	}, of+` AND `+within+` AND `+called, slices.Concat(args, more, most)...)
}

// among makes a condition of values, which it takes once each. The length of its list is a power of two, so that there are few
// texts to prepare.
func among(column string, values []any) (condition string, args []any) {
	seen := make(map[any]bool, 4)
	for _, v := range values {
		if !seen[v] {
			seen[v] = true
			args = append(args, v)
		}
	}
	for n := len(args); n&(n-1) != 0; n++ {
		args = append(args, args[0])
	}
	return column + ` IN (?` + strings.Repeat(`, ?`, len(args)-1) + `)`, args
}

func readings(ctx context.Context, r Reader, each func(model.AccountID, store.Reading), where string, args ...any) error {
	return r.Query(ctx, func(r Scanner) error {
		var id model.AccountID
		var g store.Reading
		var recent []byte
		err := r.Scan(&id, &g.Scope, &g.Name, &recent, &g.Meter.Day, &g.Meter.Today, &g.Meter.Month, &g.Meter.InIt)
		if err != nil {
			return err
		}
		g.Meter.Recent, err = model.ParseWindow(recent)
		each(id, g)
		return err
	}, `SELECT account, scope, name, recent, day, today, month, in_month FROM meter WHERE `+where, args...)
}

// spend counts what a call brings, all or nothing. What is over a limit is no error of the transaction: others share it.
func (s *Store) spend(ctx context.Context, tx *countingTx, subs []encoded) (*model.Over, error) {
	var b *store.Budget
	var account model.AccountID
	for i := range subs {
		if b == nil && subs[i].sub.Budget != nil {
			b, account = subs[i].sub.Budget, subs[i].sub.Message.Account
		}
	}
	if b == nil {
		return nil, nil
	}
	t, now := tx.ledger[account], s.clock.Now()
	if t == nil {
		return nil, &store.Error{Kind: store.NotFound, Op: "account by number"}
	}
	over := t.room(subs, now)
	if over == nil {
		t.count(subs, now)
		return nil, nil
	}
	over.At = now
	if over.State == model.AccountActive && over.Period == model.PerHalfHour && over.Charge.Locks {
		return over, t.lock(ctx, tx, account, over, b, now)
	}
	return over, nil
}

// room says what has no room for all the submissions together; nil: there is.
func (t *tally) room(subs []encoded, now time.Time) *model.Over {
	if t.state != model.AccountActive {
		return &model.Over{State: t.state, Reason: t.reason}
	}
	var sums map[meterName]int64 // no more than the charges of the call
	if len(subs) > 1 {
		sums = make(map[meterName]int64, 4)
	}
	for i := range subs {
		b := subs[i].sub.Budget
		if b == nil {
			continue
		}
		for _, c := range b.Charges {
			name := meterName{c.Scope, c.Name}
			e := t.meters[name]
			if e == nil {
				e = &entry{}
				t.meters[name] = e
			}
			n := b.N
			if sums != nil {
				n += sums[name]
				sums[name] = n
			}
			e.Turn(now)
			if over := e.Room(c, n); over != nil {
				return over
			}
		}
	}
	return nil
}

func (t *tally) count(subs []encoded, now time.Time) {
	for i := range subs {
		b := subs[i].sub.Budget
		if b == nil {
			continue
		}
		for _, c := range b.Charges {
			e := t.meters[meterName{c.Scope, c.Name}]
			e.Count(c.Limits, b.N, now)
			e.changed = true
		}
	}
}

// lock locks an active account, and tells the nodes.
func (t *tally) lock(ctx context.Context, tx *countingTx, id model.AccountID, over *model.Over, b *store.Budget, now time.Time) error {
	over.Locked = true
	reason, ev := b.Lock(over)
	if err := tx.exec(ctx, `UPDATE account SET state = ?, reason = ?, locked_at = ?, lock_untold = 1, lock_claim = 0 WHERE id = ?`,
		string(model.AccountLocked), reason, micros(now), int64(id)); err != nil {
		return err
	}
	t.state, t.reason = model.AccountLocked, reason
	if err := insertEvent(ctx, tx, ev); err != nil {
		return err
	}
	return count(ctx, tx, store.SignalDirectory)
}

// write stores what was counted.
func (l ledger) write(ctx context.Context, tx *countingTx) error {
	for id, t := range l {
		for name, e := range t.meters {
			if !e.changed {
				continue
			}
			if err := tx.exec(ctx, `INSERT INTO meter (account, scope, name, recent, day, today, month, in_month) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
				ON CONFLICT (account, scope, name) DO UPDATE SET recent = excluded.recent, day = excluded.day, today = excluded.today,
					month = excluded.month, in_month = excluded.in_month`,
				int64(id), string(name.scope), name.name, e.Recent.AppendBinary([]byte{}), int64(e.Day), e.Today, int64(e.Month), e.InIt); err != nil {
				return err
			}
		}
	}
	return nil
}

// stateSet takes note of an account's new state. One that is made active begins a new half hour; days and months go on.
func stateSet(ctx context.Context, tx *countingTx, id model.AccountID, state model.AccountState, reason string) error {
	t := tx.ledger[id]
	if t != nil {
		t.state, t.reason = state, reason
	}
	if state != model.AccountActive {
		return nil
	}
	if t != nil {
		for _, e := range t.meters {
			e.Recent = nil
		}
	}
	return tx.exec(ctx, `UPDATE meter SET recent = ? WHERE account = ?`, []byte{}, int64(id))
}

// SetLimit implements store.Limits.
func (s *Store) SetLimit(ctx context.Context, r model.LimitRule) error {
	const op = "set limit"
	return s.change(ctx, op, func(ctx context.Context, tx *countingTx) error {
		if r.Limits == (model.Limits{}) {
			return tx.exec(ctx, `DELETE FROM limit_rule WHERE account = ? AND scope = ? AND name = ?`, int64(r.Account), string(r.Scope), r.Name)
		}
		if err := tx.exec(ctx, `INSERT INTO limit_rule (account, scope, name, half_hour, day, month, recipients, size) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (account, scope, name) DO UPDATE SET half_hour = excluded.half_hour, day = excluded.day, month = excluded.month,
				recipients = excluded.recipients, size = excluded.size`,
			int64(r.Account), string(r.Scope), r.Name, r.HalfHour, r.Day, r.Month, r.Recipients, r.Size); err != nil {
			return err
		}
		var n int
		if err := tx.Query(ctx, func(row Scanner) error { return row.Scan(&n) }, `SELECT COUNT(*) FROM limit_rule WHERE account = ?`, int64(r.Account)); err != nil {
			return err
		}
		if n > model.MaxLimitRules {
			return &store.Error{Kind: store.Full, Op: op + ": the account has as many rules as it may have"}
		}
		return nil
	})
}

// ListLimits implements store.Limits.
func (s *Store) ListLimits(ctx context.Context, account model.AccountID) ([]model.LimitRule, error) {
	var list []model.LimitRule
	err := s.engine.Query(ctx, func(row Scanner) error {
		r := model.LimitRule{Account: account}
		err := row.Scan(&r.Scope, &r.Name, &r.HalfHour, &r.Day, &r.Month, &r.Recipients, &r.Size)
		list = append(list, r)
		return err
	}, `SELECT scope, name, half_hour, day, month, recipients, size FROM limit_rule WHERE account = ? ORDER BY scope, name LIMIT ?`, int64(account), model.MaxLimitRules)
	return list, s.fault("list limits", err)
}

// Readings implements store.Limits.
func (s *Store) Readings(ctx context.Context, account model.AccountID, limit int) ([]store.Reading, error) {
	var list []store.Reading
	err := readings(ctx, s.engine, func(_ model.AccountID, g store.Reading) { list = append(list, g) }, `account = ? ORDER BY scope, name LIMIT ?`, int64(account), limit)
	return list, s.fault("read what was sent", err)
}

// ClaimLocks implements store.Limits. The condition is that of the index account_lock_untold.
func (s *Store) ClaimLocks(ctx context.Context, now, until time.Time, limit int) ([]model.Account, error) {
	const op = "claim locks"
	const open = `WHERE lock_untold = 1 AND lock_claim <= ? LIMIT ?`
	list, err := accounts(ctx, s.engine, open, micros(now), limit)
	if err != nil || len(list) == 0 {
		return nil, s.fault(op, err)
	}
	err = s.change(ctx, op, func(ctx context.Context, tx *countingTx) (err error) {
		list, err = accounts(ctx, tx, open+s.engine.Lock(), micros(now), limit)
		for i := range list {
			if err = tx.exec(ctx, `UPDATE account SET lock_claim = ? WHERE id = ?`, micros(until), int64(list[i].ID)); err != nil {
				break
			}
		}
		return err
	})
	return list, err
}

// ToldLock implements store.Limits.
func (s *Store) ToldLock(ctx context.Context, id model.AccountID, ev model.Event) error {
	return s.changeOnce(ctx, "told lock", "event", ev.ID, func(ctx context.Context, tx *countingTx) error {
		if err := tx.exec(ctx, `UPDATE account SET lock_untold = 0, lock_claim = 0 WHERE id = ?`, int64(id)); err != nil {
			return err
		}
		return insertEvent(ctx, tx, ev)
	})
}

// PurgeMeters implements store.Retention. One that is counted up meanwhile stays.
func (s *Store) PurgeMeters(ctx context.Context, before model.Month, limit int) (int, error) {
	const op = "purge counters"
	var old []store.Reading
	var of []model.AccountID
	err := readings(ctx, s.engine, func(id model.AccountID, g store.Reading) { of, old = append(of, id), append(old, g) }, `month < ? LIMIT ?`, int64(before), limit)
	if err != nil || len(old) == 0 {
		return 0, s.fault(op, err)
	}
	err = s.change(ctx, op, func(ctx context.Context, tx *countingTx) error {
		for i, g := range old {
			if err := tx.exec(ctx, `DELETE FROM meter WHERE account = ? AND scope = ? AND name = ? AND month < ?`, int64(of[i]), string(g.Scope), g.Name, int64(before)); err != nil {
				return err
			}
		}
		return nil
	})
	return len(old), err
}
