package sqlstore

import (
	"context"
	"sort"
	"time"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// The states of the queue each have an index of their own, so what an operator asks for is read state by state.
var queueStates = [...]model.RecipientState{model.StateWaiting, model.StateLeased, model.StateHeld}

// selected reads up to limit keys in one state that match, without holding up the writer.
func (s *Store) selected(ctx context.Context, f store.Filter, state model.RecipientState, limit int, extra string, args ...any) ([]model.RecipientKey, error) {
	w := filterWhere(f)
	w.add(literalState(state))
	if extra != "" {
		w.add(extra, args...)
	}
	var keys []model.RecipientKey
	err := s.engine.Query(ctx, func(r Scanner) error {
		var k model.RecipientKey
		err := r.Scan(&k.Message, &k.N)
		keys = append(keys, k)
		return err
	}, `SELECT message, n FROM recipient`+w.text()+` LIMIT ?`, append(w.args, limit)...)
	return keys, err
}

// literalState names the state in the text of the query: an index with a condition is used only if the query's own
// condition says the same.
func literalState(state model.RecipientState) string {
	return `state = ` + string('0'+rune(state))
}

func filterWhere(f store.Filter) where {
	var w where
	if f.Message != 0 {
		w.add(`message = ?`, int64(f.Message))
	}
	if f.Account != 0 {
		w.add(`account = ?`, int64(f.Account))
	}
	if f.Domain != "" {
		w.add(`domain = ?`, f.Domain)
	}
	if f.SenderDomain != 0 {
		w.add(`message IN (SELECT id FROM message WHERE domain = ?)`, int64(f.SenderDomain))
	}
	return w
}

// operate moves what matches from one state to another and writes an event a recipient.
func (s *Store) operate(ctx context.Context, op string, f store.Filter, from, to model.RecipientState, limit int, due, settled int64, mk store.EventFor) (int, error) {
	keys, err := s.selected(ctx, f, from, limit, "")
	if err != nil {
		return 0, s.fault(op, err)
	}
	if len(keys) == 0 {
		return 0, nil
	}
	n := 0
	err = s.change(ctx, op, func(ctx context.Context, tx *countingTx) error {
		n = 0
		for _, key := range keys {
			var p model.Recipient
			var domain model.DomainID
			found := false
			if err := tx.Query(ctx, func(r Scanner) error {
				found = true
				return scanRecipient(&p)(r)
			}, `SELECT `+recipientColumns+` FROM recipient WHERE message = ? AND n = ? AND state = ?`+s.engine.Lock(), int64(key.Message), key.N, int(from)); err != nil {
				return err
			}
			if !found {
				continue
			}
			if err := tx.Query(ctx, func(r Scanner) error { return r.Scan(&domain) }, `SELECT domain FROM message WHERE id = ?`, int64(key.Message)); err != nil {
				return err
			}
			n++
			if err := tx.exec(ctx, `UPDATE recipient SET state = ?, due = ?, settled_at = ? WHERE message = ? AND n = ?`, int(to), due, settled, int64(key.Message), key.N); err != nil {
				return err
			}
			ev := mk(p)
			ev.Domain = domain
			if err := insertEvent(ctx, tx, ev); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

// HoldWaiting implements store.Queue.
func (s *Store) HoldWaiting(ctx context.Context, f store.Filter, limit int, mk store.EventFor) (int, error) {
	return s.operate(ctx, "hold", f, model.StateWaiting, model.StateHeld, limit, 0, 0, mk)
}

// ReleaseHeld implements store.Queue.
func (s *Store) ReleaseHeld(ctx context.Context, f store.Filter, limit int, due time.Time, mk store.EventFor) (int, error) {
	return s.operate(ctx, "release", f, model.StateHeld, model.StateWaiting, limit, micros(due), 0, mk)
}

// CancelQueued implements store.Queue.
func (s *Store) CancelQueued(ctx context.Context, f store.Filter, limit int, at time.Time, mk store.EventFor) (int, error) {
	n, err := s.operate(ctx, "cancel", f, model.StateWaiting, model.StateCancelled, limit, 0, micros(at), mk)
	if err != nil || n == limit {
		return n, err
	}
	more, err := s.operate(ctx, "cancel", f, model.StateHeld, model.StateCancelled, limit-n, 0, micros(at), mk)
	return n + more, err
}

// RetryWaiting implements store.Queue.
func (s *Store) RetryWaiting(ctx context.Context, f store.Filter, limit int, due time.Time) (int, error) {
	keys, err := s.selected(ctx, f, model.StateWaiting, limit, `due > ?`, micros(due))
	if err != nil {
		return 0, s.fault("retry", err)
	}
	if len(keys) == 0 {
		return 0, nil
	}
	err = s.change(ctx, "retry", func(ctx context.Context, tx *countingTx) error {
		for _, key := range keys {
			if err := tx.exec(ctx, `UPDATE recipient SET due = ? WHERE message = ? AND n = ? AND state = 0 AND due > ?`, micros(due), int64(key.Message), key.N, micros(due)); err != nil {
				return err
			}
		}
		return nil
	})
	return len(keys), err
}

// ListQueue implements store.Queue. The states are read one by one, each from its own index, and merged.
func (s *Store) ListQueue(ctx context.Context, f store.Filter, after model.RecipientKey, limit int) ([]store.QueueRow, error) {
	states := f.States
	if len(states) == 0 {
		states = queueStates[:]
	}
	var rows []store.QueueRow
	for _, state := range states {
		w := filterWhere(f)
		w.add(literalState(state))
		if after != (model.RecipientKey{}) {
			w.add(`(message, n) > (?, ?)`, int64(after.Message), after.N)
		}
		err := s.engine.Query(ctx, func(r Scanner) error {
			var row store.QueueRow
			err := scanRecipient(&row.Recipient)(r)
			rows = append(rows, row)
			return err
		}, `SELECT `+recipientColumns+` FROM recipient`+w.text()+` ORDER BY message, n LIMIT ?`, append(w.args, limit)...)
		if err != nil {
			return nil, s.fault("list queue", err)
		}
	}
	sort.Slice(rows, func(i, j int) bool {
		a, b := rows[i].RecipientKey, rows[j].RecipientKey
		return a.Message < b.Message || a.Message == b.Message && a.N < b.N
	})
	rows = rows[:min(len(rows), limit)]
	return rows, s.fault("list queue", s.describe(ctx, rows))
}

// describe adds to the rows what their messages tell.
func (s *Store) describe(ctx context.Context, rows []store.QueueRow) error {
	var m model.Message
	for i := range rows {
		row := &rows[i]
		if row.Message != m.ID {
			m = model.Message{}
			err := s.engine.Query(ctx, func(r Scanner) error { return scanMessage(&m)(r) }, `SELECT `+messageColumns+` FROM message WHERE id = ?`, int64(row.Message))
			if err != nil {
				return err
			}
		}
		row.Sender, row.DomainName, row.Subject, row.AcceptedAt, row.Size = m.Sender, m.DomainName, m.Meta.Subject, m.AcceptedAt, m.Size
	}
	return nil
}

// Census implements store.Queue. The message's identifier tells when it was accepted, so only the index is read.
func (s *Store) Census(ctx context.Context) ([]store.Depth, error) {
	var list []store.Depth
	for _, state := range queueStates {
		err := s.engine.Query(ctx, func(r Scanner) error {
			d := store.Depth{State: state}
			var oldest int64
			err := r.Scan(&d.Domain, &d.Class, &d.Count, &oldest)
			d.Oldest = identTime(oldest)
			list = append(list, d)
			return err
		}, `SELECT domain, class, COUNT(*), MIN(message) FROM recipient WHERE `+literalState(state)+` GROUP BY domain, class`)
		if err != nil {
			return nil, s.fault("census", err)
		}
	}
	return list, nil
}
