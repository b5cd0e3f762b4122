package sqlstore

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// emptyData is what an event without data is stored as.
const emptyData = "{}"

func eventData(ev *model.Event) (string, error) {
	if ev.Data == (model.EventData{}) {
		return emptyData, nil
	}
	b, err := json.Marshal(&ev.Data)
	if err != nil {
		return "", &store.Error{Kind: store.Internal, Op: "event " + string(ev.Kind), Err: err}
	}
	return string(b), nil
}

func insertEvent(ctx context.Context, tx *countingTx, ev model.Event) error {
	data, err := eventData(&ev)
	if err != nil {
		return err
	}
	return insertEncodedEvent(ctx, tx, &ev, data)
}

func insertEncodedEvent(ctx context.Context, tx *countingTx, ev *model.Event, data string) error {
	return tx.exec(ctx, `INSERT INTO event (id, kind, at, account, domain, message, n, recipient, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		int64(ev.ID), string(ev.Kind), micros(ev.At), int64(ev.Account), int64(ev.Domain), int64(ev.Message), ev.N, ev.Recipient, data)
}

// NoteEvents implements store.Queue.
func (s *Store) NoteEvents(ctx context.Context, evs []model.Event, notices ...model.Notice) error {
	var first ident.ID
	if len(evs) > 0 {
		first = evs[0].ID
	}
	return s.changeOnce(ctx, "note events", "event", first, func(ctx context.Context, tx *countingTx) error {
		for i := range evs {
			if err := insertEvent(ctx, tx, evs[i]); err != nil {
				return err
			}
		}
		for _, n := range notices {
			if err := insertNotice(ctx, tx, n.Key, n.Kind, n.At); err != nil {
				return err
			}
		}
		return nil
	})
}

func insertNotice(ctx context.Context, tx *countingTx, key model.RecipientKey, n model.NoticeKind, at time.Time) error {
	if n == "" {
		return nil
	}
	return tx.exec(ctx, `INSERT INTO notice (message, n, kind, at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`, int64(key.Message), key.N, string(n), micros(at))
}

func dropNotices(ctx context.Context, tx *countingTx, ns []model.Notice) error {
	for _, n := range ns {
		if err := tx.exec(ctx, `DELETE FROM notice WHERE message = ? AND n = ? AND kind = ?`, int64(n.Key.Message), n.Key.N, string(n.Kind)); err != nil {
			return err
		}
	}
	return nil
}

// answerNotices drops notices that must all be there still: another node may have told the sender meanwhile.
func answerNotices(ctx context.Context, tx *countingTx, ns []model.Notice) error {
	for _, n := range ns {
		if err := tx.cas(ctx, store.Conflict, "answer notices", `DELETE FROM notice WHERE message = ? AND n = ? AND kind = ?`,
			int64(n.Key.Message), n.Key.N, string(n.Kind)); err != nil {
			return err
		}
	}
	return nil
}

// ListNotices implements store.Notices. Message identifiers sort by age.
func (s *Store) ListNotices(ctx context.Context, limit int) ([]model.Notice, error) {
	var list []model.Notice
	err := s.engine.Query(ctx, func(r Scanner) error {
		var n model.Notice
		var at int64
		err := r.Scan(&n.Key.Message, &n.Key.N, &n.Kind, &at)
		n.At = instant(at)
		list = append(list, n)
		return err
	}, `SELECT message, n, kind, at FROM notice ORDER BY message, n, kind LIMIT ?`, limit)
	return list, s.fault("list notices", err)
}

// DropNotices implements store.Notices.
func (s *Store) DropNotices(ctx context.Context, ns []model.Notice) error {
	return s.change(ctx, "drop notices", func(ctx context.Context, tx *countingTx) error { return dropNotices(ctx, tx, ns) })
}

// ListEvents implements store.Events. Domain and message have an index each; other filters are applied to what
// that index, or the order of identifiers, brings.
func (s *Store) ListEvents(ctx context.Context, f store.EventFilter) ([]model.Event, error) {
	w := eventWhere(f)
	order := `DESC`
	if f.Ascending {
		order = `ASC`
	}
	if f.After != 0 && f.Ascending {
		w.add(`id > ?`, int64(f.After))
	} else if f.After != 0 {
		w.add(`id < ?`, int64(f.After))
	}
	var list []model.Event
	err := s.engine.Query(ctx, func(r Scanner) error {
		ev, err := scanEvent(r)
		list = append(list, ev)
		return err
	}, `SELECT id, kind, at, account, domain, message, n, recipient, data FROM event`+w.text()+` ORDER BY id `+order+` LIMIT ?`, append(w.args, f.Limit)...)
	return list, s.fault("list events", err)
}

// CountEvents implements store.Events.
func (s *Store) CountEvents(ctx context.Context, f store.EventFilter) (map[model.EventKind]int64, error) {
	w := eventWhere(f)
	counts := map[model.EventKind]int64{} // no longer than there are kinds
	err := s.engine.Query(ctx, func(r Scanner) error {
		var kind model.EventKind
		var n int64
		err := r.Scan(&kind, &n)
		counts[kind] = n
		return err
	}, `SELECT kind, COUNT(*) FROM event`+w.text()+` GROUP BY kind`, w.args...)
	return counts, s.fault("count events", err)
}

// eventWhere is what a filter asks for besides its place.
func eventWhere(f store.EventFilter) (w where) {
	if f.Message != 0 {
		w.add(`message = ?`, int64(f.Message))
	}
	if f.Domain != 0 {
		w.add(`domain = ?`, int64(f.Domain))
	}
	if f.Account != 0 {
		w.add(`account = ?`, int64(f.Account))
	}
	if !f.Begin.IsZero() {
		w.add(`id >= ?`, int64(ident.First(f.Begin)))
	}
	if !f.End.IsZero() {
		w.add(`id < ?`, int64(ident.First(f.End)))
	}
	if f.Recipient != "" {
		w.add(`recipient = ?`, f.Recipient)
	}
	if len(f.Kinds) > 0 {
		kinds := make([]any, len(f.Kinds))
		for i, k := range f.Kinds {
			kinds[i] = string(k)
		}
		w.add(`kind IN (?`+strings.Repeat(`, ?`, len(kinds)-1)+`)`, kinds...)
	}
	return w
}

func scanEvent(r Scanner) (model.Event, error) {
	var ev model.Event
	var at int64
	var data []byte
	if err := r.Scan(&ev.ID, &ev.Kind, &at, &ev.Account, &ev.Domain, &ev.Message, &ev.N, &ev.Recipient, &data); err != nil {
		return ev, err
	}
	ev.At = instant(at)
	if len(data) <= len(emptyData) {
		return ev, nil
	}
	return ev, json.Unmarshal(data, &ev.Data)
}

// where gathers conditions.
type where struct {
	conditions []string
	args       []any
}

func (w *where) add(condition string, args ...any) {
	w.conditions = append(w.conditions, condition)
	w.args = append(w.args, args...)
}

func (w *where) text() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return ` WHERE ` + strings.Join(w.conditions, ` AND `)
}
