package sqlstore

import (
	"context"
	"encoding/json"
	"time"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// Lanes implements store.Queue: one seek a lane in the index of waiting recipients.
func (s *Store) Lanes(ctx context.Context, after model.Lane, limit int) ([]store.LaneHead, error) {
	var list []store.LaneHead
	for len(list) < limit {
		found := false
		err := s.engine.Query(ctx, func(r Scanner) error {
			found = true
			var h store.LaneHead
			var due int64
			err := r.Scan(&h.Lane.Domain, &h.Lane.Class, &h.Lane.Account, &due)
			h.Due = instant(due)
			list = append(list, h)
			after = h.Lane
			return err
		}, `SELECT domain, class, account, due FROM recipient WHERE state = 0 AND (domain, class, account) > (?, ?, ?) ORDER BY domain, class, account, due LIMIT 1`,
			after.Domain, int(after.Class), int64(after.Account))
		if err != nil {
			return nil, s.fault("lanes", err)
		}
		if !found {
			break
		}
	}
	return list, nil
}

// Claim implements store.Queue.
func (s *Store) Claim(ctx context.Context, claims []store.Claim, lease int64, now, nextDue time.Time) ([]store.Claimed, error) {
	var got []store.Claimed
	err := s.await(&change{ctx: ctx, op: "claim", run: func(ctx context.Context, tx *countingTx) error {
		got = make([]store.Claimed, len(claims))
		for i, c := range claims {
			got[i].Lane = c.Lane
			if err := s.claimLane(ctx, tx, c, &got[i], lease, now, nextDue); err != nil {
				return err
			}
		}
		return nil
	}, happened: func(ctx context.Context, tx *countingTx) (bool, error) { return leased(ctx, tx, got, lease) }})
	return got, err
}

// leased reports whether the first recipient claimed is leased by the lease.
func leased(ctx context.Context, tx *countingTx, got []store.Claimed, lease int64) (found bool, err error) {
	for i := range got {
		if rs := got[i].Recipients; len(rs) > 0 {
			err = tx.Query(ctx, func(Scanner) error { found = true; return nil },
				`SELECT n FROM recipient WHERE message = ? AND n = ? AND state = 1 AND lease = ?`, int64(rs[0].Message), rs[0].N, lease)
			return found, err
		}
	}
	return false, nil
}

func (s *Store) claimLane(ctx context.Context, tx *countingTx, c store.Claim, got *store.Claimed, lease int64, now, nextDue time.Time) error {
	err := tx.Query(ctx, func(r Scanner) error {
		var p model.Recipient
		err := scanRecipient(&p)(r)
		p.State, p.Lease, p.Due, p.Attempts = model.StateLeased, lease, nextDue, p.Attempts+1
		got.Recipients = append(got.Recipients, p)
		return err
	}, `SELECT `+recipientColumns+` FROM recipient WHERE state = 0 AND domain = ? AND class = ? AND account = ? AND due <= ? ORDER BY due, message, n LIMIT ?`+s.engine.Lock(),
		c.Lane.Domain, int(c.Lane.Class), int64(c.Lane.Account), micros(now), c.Limit)
	if err != nil {
		return err
	}
	for _, p := range got.Recipients {
		if err := tx.exec(ctx, `UPDATE recipient SET state = 1, lease = ?, due = ?, attempts = ? WHERE message = ? AND n = ?`,
			lease, micros(nextDue), p.Attempts, int64(p.Message), p.N); err != nil {
			return err
		}
	}
	return tx.Query(ctx, func(r Scanner) error {
		var due int64
		err := r.Scan(&due)
		got.Head = instant(due)
		return err
	}, `SELECT due FROM recipient WHERE state = 0 AND domain = ? AND class = ? AND account = ? ORDER BY due LIMIT 1`,
		c.Lane.Domain, int(c.Lane.Class), int64(c.Lane.Account))
}

// Settle implements store.Queue.
func (s *Store) Settle(ctx context.Context, outcomes []store.Outcome) ([]model.RecipientKey, error) {
	last := make([]string, len(outcomes))
	data := make([]string, len(outcomes))
	for i := range outcomes {
		o := &outcomes[i]
		if !model.StateLeased.CanBecome(o.State) {
			return nil, &store.Error{Kind: store.Conflict, Op: "settle: a leased recipient cannot become " + o.State.String()}
		}
		b, err := json.Marshal(&o.Reply)
		if err != nil {
			return nil, &store.Error{Kind: store.Internal, Op: "settle", Err: err}
		}
		last[i] = string(b)
		if o.Event != nil {
			if data[i], err = eventData(o.Event); err != nil {
				return nil, err
			}
		}
	}
	var stale []model.RecipientKey
	err := s.changeOnce(ctx, "settle", "event", firstEvent(outcomes), func(ctx context.Context, tx *countingTx) error {
		stale = nil
		moved := make([]bool, len(outcomes))
		for i := range outcomes {
			if err := settle(ctx, tx, &outcomes[i], last[i], &moved[i]); err != nil {
				return err
			}
		}
		// Only what really moved has an event and a notice.
		if err := tx.Flush(ctx); err != nil {
			return err
		}
		for i := range outcomes {
			o := &outcomes[i]
			if !moved[i] {
				stale = append(stale, o.Key)
				continue
			}
			if o.Event != nil {
				if err := insertEncodedEvent(ctx, tx, o.Event, data[i]); err != nil {
					return err
				}
			}
			if err := insertNotice(ctx, tx, o.Key, o.Notice, o.At); err != nil {
				return err
			}
			if err := hygiene(ctx, tx, o.Suppress, o.Soft); err != nil {
				return err
			}
		}
		return nil
	})
	return stale, err
}

func firstEvent(outcomes []store.Outcome) ident.ID {
	for i := range outcomes {
		if outcomes[i].Event != nil {
			return outcomes[i].Event.ID
		}
	}
	return 0
}

// settle moves one recipient if it is still leased by the outcome's lease.
func settle(ctx context.Context, tx *countingTx, o *store.Outcome, last string, moved *bool) error {
	due, settled := int64(0), int64(0)
	if o.State == model.StateWaiting {
		due = micros(o.Due)
	} else {
		settled = micros(o.At)
	}
	tx.rows++
	done := func(affected int64) error {
		*moved = affected > 0
		return nil
	}
	untried := 1
	if o.Attempted {
		untried = 0
	}
	if o.Attempted || !o.Reply.At.IsZero() {
		return tx.Later(ctx, done, `UPDATE recipient SET state = ?, due = ?, lease = 0, attempts = attempts - ?, last = ?, settled_at = ? WHERE message = ? AND n = ? AND state = 1 AND lease = ?`,
			int(o.State), due, untried, last, settled, int64(o.Key.Message), o.Key.N, o.Lease)
	}
	return tx.Later(ctx, done, `UPDATE recipient SET state = ?, due = ?, lease = 0, attempts = attempts - 1, settled_at = ? WHERE message = ? AND n = ? AND state = 1 AND lease = ?`,
		int(o.State), due, settled, int64(o.Key.Message), o.Key.N, o.Lease)
}

// Bounce implements store.Queue.
func (s *Store) Bounce(ctx context.Context, o store.Outcome) (bool, error) {
	last, err := json.Marshal(&o.Reply)
	if err != nil {
		return false, &store.Error{Kind: store.Internal, Op: "bounce", Err: err}
	}
	var moved bool
	err = s.changeOnce(ctx, "bounce", "event", o.Event.ID, func(ctx context.Context, tx *countingTx) error {
		moved = false
		var state model.RecipientState
		found := false
		if err := tx.Query(ctx, func(r Scanner) error {
			found = true
			return r.Scan(&state)
		}, `SELECT state FROM recipient WHERE message = ? AND n = ?`, int64(o.Key.Message), o.Key.N); err != nil {
			return err
		}
		if !found || state == model.StateLeased || !state.CanBecome(model.StateBounced) {
			return nil
		}
		moved = true
		if err := tx.cas(ctx, store.Conflict, "bounce", `UPDATE recipient SET state = 4, due = 0, last = ?, settled_at = ? WHERE message = ? AND n = ? AND state = ?`,
			string(last), micros(o.Event.At), int64(o.Key.Message), o.Key.N, int(state)); err != nil {
			return err
		}
		if err := insertEvent(ctx, tx, *o.Event); err != nil {
			return err
		}
		if err := hygiene(ctx, tx, o.Suppress, o.Soft); err != nil {
			return err
		}
		return insertNotice(ctx, tx, o.Key, o.Notice, o.Event.At)
	})
	return moved && err == nil, err
}

// RecoverLeases implements store.Queue.
func (s *Store) RecoverLeases(ctx context.Context, lease int64, due time.Time, limit int) (int, error) {
	n := 0
	err := s.change(ctx, "recover lease", func(ctx context.Context, tx *countingTx) error {
		n = 0
		var keys []model.RecipientKey
		if err := tx.Query(ctx, func(r Scanner) error {
			var k model.RecipientKey
			err := r.Scan(&k.Message, &k.N)
			keys = append(keys, k)
			return err
		}, `SELECT message, n FROM recipient WHERE state = 1 AND lease = ? LIMIT ?`+s.engine.Lock(), lease, limit); err != nil {
			return err
		}
		n = len(keys)
		for _, k := range keys {
			if err := tx.exec(ctx, `UPDATE recipient SET state = 0, lease = 0, due = ? WHERE message = ? AND n = ?`, micros(due), int64(k.Message), k.N); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}
