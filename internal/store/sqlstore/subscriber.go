package sqlstore

import (
	"context"
	"net/netip"
	"time"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

const announcementColumns = `number, at, address, previous, state, helo, effective`

func (s *Store) announcements(ctx context.Context, query string, args ...any) ([]model.Announcement, error) {
	var list []model.Announcement
	err := s.engine.Query(ctx, func(r Scanner) error {
		var n model.Announcement
		var at, effective int64
		var text string
		err := r.Scan(&n.Number, &at, &text, &n.From, &n.To, &n.Helo, &effective)
		if err != nil {
			return err
		}
		n.At, n.Effective = instant(at), instant(effective)
		n.Address, err = netip.ParseAddr(text)
		list = append(list, n)
		return err
	}, `SELECT `+announcementColumns+` FROM announcement `+query, args...)
	return list, s.fault("announcements", err)
}

// Announcements implements store.Addresses.
func (s *Store) Announcements(ctx context.Context, after int64, limit int) ([]model.Announcement, error) {
	return s.announcements(ctx, `WHERE number > ? ORDER BY number LIMIT ?`, after, limit)
}

// LastAnnouncement implements store.Addresses.
func (s *Store) LastAnnouncement(ctx context.Context) (model.Announcement, error) {
	list, err := s.announcements(ctx, `ORDER BY number DESC LIMIT 1`)
	if err != nil || len(list) == 0 {
		return model.Announcement{}, err
	}
	return list[0], nil
}

const subscriberColumns = `id, kind, target, language, sealed, told, attempts, failure, next_try, created_at`

func subscribers(ctx context.Context, r Reader, query string, args ...any) ([]model.Subscriber, error) {
	var list []model.Subscriber
	err := r.Query(ctx, func(r Scanner) error {
		var s model.Subscriber
		var next, created int64
		err := r.Scan(&s.ID, &s.Kind, &s.Target, &s.Language, &s.Sealed, &s.Told, &s.Attempts, &s.Failure, &next, &created)
		s.NextTry, s.CreatedAt = instant(next), instant(created)
		if len(s.Sealed) == 0 {
			s.Sealed = nil
		}
		list = append(list, s)
		return err
	}, `SELECT `+subscriberColumns+` FROM subscriber `+query, args...)
	return list, err
}

// newest is the number of the last announcement, in SQL.
const newest = `(SELECT COALESCE(MAX(number), 0) FROM announcement)`

// AddSubscriber implements store.Addresses.
func (s *Store) AddSubscriber(ctx context.Context, u model.Subscriber) error {
	return s.changeOnce(ctx, "add subscriber "+u.Target, "subscriber", u.ID, func(ctx context.Context, tx *countingTx) error {
		sealed := u.Sealed
		if sealed == nil {
			sealed = []byte{}
		}
		return tx.exec(ctx, `INSERT INTO subscriber (`+subscriberColumns+`) VALUES (?, ?, ?, ?, ?, `+newest+`, 0, '', 0, ?)`,
			int64(u.ID), string(u.Kind), u.Target, u.Language, sealed, micros(u.CreatedAt))
	})
}

// ListSubscribers implements store.Addresses.
func (s *Store) ListSubscribers(ctx context.Context) ([]model.Subscriber, error) {
	list, err := subscribers(ctx, s.engine, `ORDER BY id LIMIT ?`, store.MaxAddresses)
	return list, s.fault("list subscribers", err)
}

// RemoveSubscriber implements store.Addresses.
func (s *Store) RemoveSubscriber(ctx context.Context, target string) error {
	return s.change(ctx, "remove subscriber", func(ctx context.Context, tx *countingTx) error {
		return tx.cas(ctx, store.NotFound, "remove subscriber "+target, `DELETE FROM subscriber WHERE target = ?`, target)
	})
}

// ClaimSubscribers implements store.Addresses.
func (s *Store) ClaimSubscribers(ctx context.Context, now, until time.Time, limit int) ([]model.Subscriber, error) {
	var list []model.Subscriber
	err := s.change(ctx, "claim subscribers", func(ctx context.Context, tx *countingTx) (err error) {
		if list, err = subscribers(ctx, tx, `WHERE next_try <= ? AND told < `+newest+` ORDER BY next_try LIMIT ?`+s.engine.Lock(), micros(now), limit); err != nil {
			return err
		}
		for i := range list {
			list[i].NextTry = until
			if err := tx.exec(ctx, `UPDATE subscriber SET next_try = ? WHERE id = ?`, micros(until), int64(list[i].ID)); err != nil {
				return err
			}
		}
		return nil
	})
	return list, err
}

// ToldSubscriber implements store.Addresses.
func (s *Store) ToldSubscriber(ctx context.Context, u model.Subscriber, from int64, ev *model.Event) error {
	op := "subscriber " + u.Target
	run := func(ctx context.Context, tx *countingTx) error {
		if err := tx.cas(ctx, store.Conflict, op, `UPDATE subscriber SET told = ?, attempts = ?, failure = ?, next_try = ? WHERE id = ? AND told = ?`,
			u.Told, u.Attempts, u.Failure, micros(u.NextTry), int64(u.ID), from); err != nil {
			return err
		}
		if ev == nil {
			return nil
		}
		return insertEvent(ctx, tx, *ev)
	}
	if ev == nil {
		return s.change(ctx, op, run)
	}
	return s.changeOnce(ctx, op, "event", ev.ID, run)
}
