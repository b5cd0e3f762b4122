package sqlstore

import (
	"context"
	"net/netip"
	"time"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// Keys of the sums. seenKey is without the reporter and the day, by which the sums are read.
const (
	seenKey     = `source, header_from, spf, dkim, disposition, forwarded, envelope, spf_result, signer, selector, dkim_result`
	seenColumns = `domain, day, reporter, ` + seenKey
	tlsColumns  = `domain, day, reporter, policy, failure`
)

// AddReport implements store.Reports. A report that another process stores at the same time meets its key.
func (s *Store) AddReport(ctx context.Context, r model.Report) (added bool, err error) {
	err = s.change(ctx, "add report", func(ctx context.Context, tx *countingTx) error {
		added = true
		err := tx.Query(ctx, func(Scanner) error { added = false; return nil },
			`SELECT day FROM report WHERE domain = ? AND kind = ? AND reporter = ? AND id = ?`, int64(r.Domain), string(r.Kind), r.Reporter, r.ID)
		if err != nil || !added {
			return err
		}
		return insertReport(ctx, tx, &r)
	})
	if store.Is(err, store.Exists) {
		return false, nil
	}
	return added, err
}

func insertReport(ctx context.Context, tx *countingTx, r *model.Report) error {
	var count int64
	for i := range r.Seen {
		w := &r.Seen[i]
		count += w.Count
		source := ""
		if w.Source.IsValid() {
			source = w.Source.String()
		}
		if err := tx.exec(ctx, `INSERT INTO seen (`+seenColumns+`, count) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (`+seenColumns+`) DO UPDATE SET count = seen.count + excluded.count`,
			int64(r.Domain), int64(r.Day), r.Reporter, source, w.From, integer(w.SPF), integer(w.DKIM), w.Disposition, integer(w.Forwarded), w.Envelope,
			w.SPFResult, w.Signer, w.Selector, w.DKIMResult, w.Count); err != nil {
			return err
		}
	}
	for _, w := range r.Sessions {
		count += w.Count
		if err := tx.exec(ctx, `INSERT INTO seen_tls (`+tlsColumns+`, count) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (`+tlsColumns+`) DO UPDATE SET count = seen_tls.count + excluded.count`,
			int64(r.Domain), int64(r.Day), r.Reporter, w.Policy, w.Failure, w.Count); err != nil {
			return err
		}
	}
	return tx.exec(ctx, `INSERT INTO report (domain, kind, reporter, id, day, at, lines, count) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		int64(r.Domain), string(r.Kind), r.Reporter, r.ID, int64(r.Day), micros(r.At), len(r.Seen)+len(r.Sessions), count)
}

// CountReports implements store.Reports.
func (s *Store) CountReports(ctx context.Context, domain model.DomainID, since time.Time) (reports, lines int, err error) {
	err = s.engine.Query(ctx, func(r Scanner) error { return r.Scan(&reports, &lines) },
		`SELECT COUNT(*), CAST(COALESCE(SUM(lines), 0) AS BIGINT) FROM report WHERE domain = ? AND at >= ?`, int64(domain), micros(since))
	return reports, lines, s.fault("count reports", err)
}

const ofDays = ` WHERE domain = ? AND day >= ? AND day <= ?`

// SeenDays implements store.Reports.
func (s *Store) SeenDays(ctx context.Context, domain model.DomainID, first, last model.Day) ([]model.SeenDay, error) {
	var list []model.SeenDay
	err := s.engine.Query(ctx, func(r Scanner) error {
		var d model.SeenDay
		err := r.Scan(&d.Day, &d.Reporters, &d.Messages, &d.Passing, &d.Refused, &d.Suspected)
		list = append(list, d)
		return err
	}, `SELECT day, COUNT(DISTINCT reporter), CAST(SUM(count) AS BIGINT), CAST(SUM(CASE WHEN spf + dkim > 0 THEN count ELSE 0 END) AS BIGINT),
			CAST(SUM(CASE WHEN spf + dkim = 0 AND disposition = 'reject' THEN count ELSE 0 END) AS BIGINT),
			CAST(SUM(CASE WHEN spf + dkim = 0 AND disposition = 'quarantine' THEN count ELSE 0 END) AS BIGINT)
		FROM seen`+ofDays+` GROUP BY day ORDER BY day`, int64(domain), int64(first), int64(last))
	return list, s.fault("days of reports", err)
}

// SeenSources implements store.Reports.
func (s *Store) SeenSources(ctx context.Context, domain model.DomainID, first, last model.Day, limit int) ([]model.Seen, error) {
	var list []model.Seen
	err := s.engine.Query(ctx, func(r Scanner) error {
		var w model.Seen
		var source string
		var spf, dkim, forwarded int
		err := r.Scan(&source, &w.From, &spf, &dkim, &w.Disposition, &forwarded, &w.Envelope, &w.SPFResult, &w.Signer, &w.Selector, &w.DKIMResult, &w.Count)
		w.Source, w.SPF, w.DKIM, w.Forwarded = sourceOf(source), spf != 0, dkim != 0, forwarded != 0
		list = append(list, w)
		return err
	}, `SELECT `+seenKey+`, CAST(SUM(count) AS BIGINT) FROM seen`+ofDays+` GROUP BY `+seenKey+` ORDER BY SUM(count) DESC, `+seenKey+` LIMIT ?`,
		int64(domain), int64(first), int64(last), limit)
	return list, s.fault("sources of reports", err)
}

// sourceOf reads an address that this package wrote.
func sourceOf(text string) netip.Addr {
	addr, _ := netip.ParseAddr(text) // empty: several, which is the zero Addr
	return addr
}

// FailingSources implements store.Reports.
func (s *Store) FailingSources(ctx context.Context, domain model.DomainID, first, last model.Day, limit int) ([]store.SeenOn, error) {
	const key = `day, source, forwarded, signer, selector`
	var list []store.SeenOn
	err := s.engine.Query(ctx, func(r Scanner) error {
		var w store.SeenOn
		var source string
		var forwarded int
		err := r.Scan(&w.Day, &source, &forwarded, &w.Signer, &w.Selector, &w.Count)
		w.Source, w.Forwarded = sourceOf(source), forwarded != 0
		list = append(list, w)
		return err
	}, `SELECT `+key+`, CAST(SUM(count) AS BIGINT) FROM seen`+ofDays+` AND spf = 0 AND dkim = 0 GROUP BY `+key+` ORDER BY SUM(count) DESC, `+key+` LIMIT ?`,
		int64(domain), int64(first), int64(last), limit)
	return list, s.fault("failing sources", err)
}

// Reporters implements store.Reports.
func (s *Store) Reporters(ctx context.Context, domain model.DomainID, first, last model.Day, limit int) ([]store.Reporter, error) {
	var list []store.Reporter
	err := s.engine.Query(ctx, func(r Scanner) error {
		var w store.Reporter
		err := r.Scan(&w.Name, &w.Kind, &w.Reports, &w.Messages)
		list = append(list, w)
		return err
	}, `SELECT reporter, kind, COUNT(*), CAST(SUM(count) AS BIGINT) FROM report`+ofDays+` GROUP BY reporter, kind ORDER BY SUM(count) DESC, reporter, kind LIMIT ?`,
		int64(domain), int64(first), int64(last), limit)
	return list, s.fault("reporters", err)
}

// SeenTLS implements store.Reports.
func (s *Store) SeenTLS(ctx context.Context, domain model.DomainID, first, last model.Day, limit int) ([]model.SeenTLS, error) {
	var list []model.SeenTLS
	err := s.engine.Query(ctx, func(r Scanner) error {
		var w model.SeenTLS
		err := r.Scan(&w.Day, &w.Reporter, &w.Policy, &w.Failure, &w.Count)
		list = append(list, w)
		return err
	}, `SELECT day, reporter, policy, failure, count FROM seen_tls`+ofDays+` ORDER BY day DESC, reporter, policy, failure LIMIT ?`,
		int64(domain), int64(first), int64(last), limit)
	return list, s.fault("reports about TLS", err)
}

// AddSentDays implements store.Reports.
func (s *Store) AddSentDays(ctx context.Context, domain model.DomainID, list []model.SentDay) error {
	return s.change(ctx, "add sent mail", func(ctx context.Context, tx *countingTx) error {
		for _, d := range list {
			if err := tx.exec(ctx, `INSERT INTO sent (domain, day, delivered, aligned) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
				int64(domain), int64(d.Day), d.Delivered, integer(d.Aligned)); err != nil {
				return err
			}
		}
		return nil
	})
}

// SentDays implements store.Reports.
func (s *Store) SentDays(ctx context.Context, domain model.DomainID, first, last model.Day) ([]model.SentDay, error) {
	var list []model.SentDay
	err := s.engine.Query(ctx, func(r Scanner) error {
		var d model.SentDay
		var aligned int
		err := r.Scan(&d.Day, &d.Delivered, &aligned)
		d.Aligned = aligned != 0
		list = append(list, d)
		return err
	}, `SELECT day, delivered, aligned FROM sent`+ofDays+` ORDER BY day`, int64(domain), int64(first), int64(last))
	return list, s.fault("sent mail", err)
}

// Stage implements store.Reports.
func (s *Store) Stage(ctx context.Context, domain model.DomainID) (model.Stage, error) {
	t := model.Stage{Domain: domain}
	err := s.engine.Query(ctx, func(r Scanner) error {
		var at int64
		err := r.Scan(&t.Looked, &t.Policy, &t.Since, &t.Proposed, &at)
		t.ProposedAt = instant(at)
		return err
	}, `SELECT looked, policy, since, proposed, proposed_at FROM stage WHERE domain = ?`, int64(domain))
	return t, s.fault("stage of domain", err)
}

// SetStage implements store.Reports. The row of a domain that has none is made first, so that the comparison finds it.
func (s *Store) SetStage(ctx context.Context, t model.Stage, from model.Day, ev *model.Event) error {
	const op = "set stage of domain"
	run := func(ctx context.Context, tx *countingTx) error {
		if err := tx.exec(ctx, `INSERT INTO stage (domain, looked, policy, since, proposed, proposed_at) VALUES (?, 0, '', 0, '', 0) ON CONFLICT DO NOTHING`, int64(t.Domain)); err != nil {
			return err
		}
		if err := tx.cas(ctx, store.Conflict, op, `UPDATE stage SET looked = ?, policy = ?, since = ?, proposed = ?, proposed_at = ? WHERE domain = ? AND looked = ?`,
			int64(t.Looked), t.Policy, int64(t.Since), t.Proposed, micros(t.ProposedAt), int64(t.Domain), int64(from)); err != nil || ev == nil {
			return err
		}
		return insertEvent(ctx, tx, *ev)
	}
	if ev == nil {
		return s.change(ctx, op, run)
	}
	return s.changeOnce(ctx, op, "event", ev.ID, run)
}

// PurgeReports implements store.Retention. Each table may give as many rows as a step has.
func (s *Store) PurgeReports(ctx context.Context, before model.Day, limit int) (int, error) {
	const op = "purge reports"
	tables := []struct{ name, key string }{
		{"report", `domain, kind, reporter, id`}, {"seen", seenColumns}, {"seen_tls", tlsColumns}, {"sent", `domain, day`},
	}
	old := false // mostly there is nothing, and a change would take its turn with the queue's
	for _, t := range tables {
		if err := s.engine.Query(ctx, func(Scanner) error { old = true; return nil }, `SELECT day FROM `+t.name+` WHERE day < ? LIMIT 1`, int64(before)); err != nil {
			return 0, s.fault(op, err)
		}
	}
	if !old {
		return 0, nil
	}
	var deleted int64
	err := s.change(ctx, op, func(ctx context.Context, tx *countingTx) error {
		deleted = 0
		for _, t := range tables {
			count := func(affected int64) error { deleted += affected; return nil }
			if err := tx.Later(ctx, count, `DELETE FROM `+t.name+` WHERE (`+t.key+`) IN (SELECT `+t.key+` FROM `+t.name+` WHERE day < ? LIMIT ?)`,
				int64(before), limit); err != nil {
				return err
			}
		}
		return tx.Flush(ctx)
	})
	return int(deleted), err
}
