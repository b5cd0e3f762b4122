package sqlstore

import (
	"context"
	"time"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

const routeColumns = `account, preset, host, port, tls, username, sealed, contact, connections, per_minute, per_day, fallback, state, tested_at, test_note,
	failing_since, fault, day, sent, changed_at, revision`

func scanRoute(r *model.Route) func(Scanner) error {
	return func(row Scanner) error {
		var tested, failing, changed int64
		err := row.Scan(&r.Account, &r.Preset, &r.Host, &r.Port, &r.TLS, &r.Username, &r.Sealed, &r.Contact, &r.Limits.Connections, &r.Limits.PerMinute,
			&r.Limits.PerDay, &r.Fallback, &r.State, &tested, &r.TestNote, &failing, &r.Fault, &r.Day, &r.Sent, &changed, &r.Revision)
		r.TestedAt, r.FailingSince, r.ChangedAt = instant(tested), instant(failing), instant(changed)
		return err
	}
}

// SetRoute implements store.Routes. A revision is never given again, so that what a node finds of a route that was removed is not
// taken for the next one's.
func (s *Store) SetRoute(ctx context.Context, r model.Route) error {
	const op = "set route"
	if _, err := s.AccountByID(ctx, r.Account); err != nil {
		return err
	}
	return s.change(ctx, op, func(ctx context.Context, tx *countingTx) error {
		n, err := nextNumber(ctx, tx, "route revision")
		if err != nil {
			return err
		}
		sealed := r.Sealed
		if sealed == nil {
			sealed = []byte{}
		}
		if err := tx.exec(ctx, `INSERT INTO route (`+routeColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, '', 0, '', 0, 0, ?, ?)
			ON CONFLICT (account) DO UPDATE SET preset = excluded.preset, host = excluded.host, port = excluded.port, tls = excluded.tls,
				username = excluded.username, sealed = excluded.sealed, contact = excluded.contact, connections = excluded.connections,
				per_minute = excluded.per_minute, per_day = excluded.per_day, fallback = excluded.fallback, state = excluded.state, tested_at = 0,
				test_note = '', failing_since = 0, fault = '', changed_at = excluded.changed_at, revision = excluded.revision`,
			int64(r.Account), r.Preset, r.Host, int(r.Port), string(r.TLS), r.Username, sealed, r.Contact, r.Limits.Connections, r.Limits.PerMinute,
			r.Limits.PerDay, string(r.Fallback), string(model.RouteUntested), micros(r.ChangedAt), n); err != nil {
			return err
		}
		return count(ctx, tx, store.SignalRoutes)
	})
}

// RouteOf implements store.Routes.
func (s *Store) RouteOf(ctx context.Context, account model.AccountID) (model.Route, error) {
	var r model.Route
	return r, s.one(ctx, "route of account", scanRoute(&r), `SELECT `+routeColumns+` FROM route WHERE account = ?`, int64(account))
}

// RemoveRoute implements store.Routes.
func (s *Store) RemoveRoute(ctx context.Context, account model.AccountID) error {
	return s.changeRoute(ctx, "remove route", store.NotFound, `DELETE FROM route WHERE account = ?`, int64(account))
}

// TestedRoute implements store.Routes.
func (s *Store) TestedRoute(ctx context.Context, account model.AccountID, revision int64, state model.RouteState, note string, at time.Time) error {
	mended := ``
	if state == model.RouteTested {
		mended = `, failing_since = 0, fault = ''`
	}
	return s.changeRoute(ctx, "keep test of route", store.Conflict, `UPDATE route SET state = ?, test_note = ?, tested_at = ?`+mended+` WHERE account = ? AND revision = ?`,
		string(state), note, micros(at), int64(account), revision)
}

func (s *Store) changeRoute(ctx context.Context, op string, none store.Kind, query string, args ...any) error {
	return s.change(ctx, op, func(ctx context.Context, tx *countingTx) error {
		if err := tx.cas(ctx, none, op, query, args...); err != nil {
			return err
		}
		return count(ctx, tx, store.SignalRoutes)
	})
}

// FailingRoute implements store.Routes.
func (s *Store) FailingRoute(ctx context.Context, account model.AccountID, revision int64, fault string, ev model.Event) (bool, error) {
	return s.turnRoute(ctx, "route is failing", account, revision, false, fault, ev)
}

// MendedRoute implements store.Routes.
func (s *Store) MendedRoute(ctx context.Context, account model.AccountID, revision int64, ev model.Event) (bool, error) {
	return s.turnRoute(ctx, "route is mended", account, revision, true, "", ev)
}

// turnRoute goes from failing to not failing, or back, unless another was first.
func (s *Store) turnRoute(ctx context.Context, op string, account model.AccountID, revision int64, failing bool, fault string, ev model.Event) (turned bool, err error) {
	err = s.changeOnce(ctx, op, "event", ev.ID, func(ctx context.Context, tx *countingTx) error {
		var r model.Route
		turned = false
		if err := tx.Query(ctx, scanRoute(&r), `SELECT `+routeColumns+` FROM route WHERE account = ?`+s.engine.Wait(), int64(account)); err != nil {
			return err
		}
		if r.Account == 0 || r.Revision != revision || r.FailingSince.IsZero() == failing {
			return nil
		}
		since := micros(ev.At)
		if failing {
			since = 0
		}
		turned = true
		if err := tx.exec(ctx, `UPDATE route SET failing_since = ?, fault = ? WHERE account = ?`, since, fault, int64(account)); err != nil {
			return err
		}
		if err := count(ctx, tx, store.SignalRoutes); err != nil {
			return err
		}
		return insertEvent(ctx, tx, ev)
	})
	return turned && err == nil, err
}

// TakeRoute implements store.Routes. A commit whose end is not known may count twice, which only leaves room unused.
func (s *Store) TakeRoute(ctx context.Context, account model.AccountID, day model.Day, n int) (granted int, err error) {
	const op = "count recipients of route"
	err = s.change(ctx, op, func(ctx context.Context, tx *countingTx) error {
		var r model.Route
		if err := tx.Query(ctx, scanRoute(&r), `SELECT `+routeColumns+` FROM route WHERE account = ?`+s.engine.Wait(), int64(account)); err != nil {
			return err
		}
		if r.Account == 0 {
			return &store.Error{Kind: store.NotFound, Op: op}
		}
		sent := r.SentOn(day)
		if day < r.Day { // of a node whose clock is behind
			day, sent = r.Day, r.Sent
		}
		if granted = n; r.Limits.PerDay > 0 {
			granted = int(min(int64(n), max(int64(r.Limits.PerDay)-sent, 0)))
		}
		if granted == 0 {
			return nil
		}
		return tx.exec(ctx, `UPDATE route SET day = ?, sent = ? WHERE account = ?`, int64(day), sent+int64(granted), int64(account))
	})
	if err != nil {
		granted = 0
	}
	return granted, err
}

// ReturnRoute implements store.Routes.
func (s *Store) ReturnRoute(ctx context.Context, account model.AccountID, day model.Day, n int) error {
	return s.change(ctx, "give recipients of route back", func(ctx context.Context, tx *countingTx) error {
		return tx.exec(ctx, `UPDATE route SET sent = CASE WHEN sent > ? THEN sent - ? ELSE 0 END WHERE account = ? AND day = ?`, n, n, int64(account), int64(day))
	})
}
