package reports

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/report"
)

// Bounds of what is kept. A domain in wide use has some hundred reports a day of some hundred lines; at 300 octets a line a
// day of one domain takes 6 MB at the most.
const (
	maxLines      = 500            // of one report; the rest is summed up
	maxDayLines   = 20_000         // of one domain that came in a day; beyond, reports are kept as sums only
	maxDayReports = 1_000          // of one domain that came in a day; beyond, they are refused
	maxSubjects   = 20             // domains that one report is about
	toldEvery     = time.Minute    // events about refused reports
	ahead         = model.Day(1)   // how far a reporter's clock may be ahead of ours
	window        = 24 * time.Hour // of the bounds by day
)

// Kept is what became of a report about one domain.
type Kept struct {
	Domain   string           `json:"domain"`
	Kind     model.ReportKind `json:"kind"`
	Reporter string           `json:"reporter"`
	ID       string           `json:"id"`
	Day      model.Day        `json:"day"`
	Lines    int              `json:"lines"`
	New      bool             `json:"new"` // false: it was there already
}

// Receive takes a mail to a mailbox for reports, as feedback.Mailbox wants it.
func (s *Service) Receive(ctx context.Context, client netip.Addr, raw []byte) error {
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if len(raw) > report.MaxInput {
		return s.refuse(ctx, client, "mail", wording.Errorf("it is longer than %d MiB", report.MaxInput>>20))
	}
	r, err := report.Mail(raw)
	if err != nil {
		return s.refuse(ctx, client, "mail", err)
	}
	kept, err := s.Keep(ctx, r)
	var told *wording.Error
	if errors.As(err, &told) {
		return s.refuse(ctx, client, string(r.Kind), err)
	}
	for _, k := range kept {
		s.Log.Info("report", "kind", k.Kind, "domain", k.Domain, "reporter", k.Reporter, "id", k.ID, "day", k.Day.String(), "lines", k.Lines, "new", k.New, "client", client)
	}
	return err
}

// refuse forgets a report. Whoever sent it is not answered; events tell of few, so that nobody fills the store with them.
func (s *Service) refuse(ctx context.Context, client netip.Addr, kind string, why error) error {
	s.Observe(kind, "refused")
	s.Log.Warn("report refused", "kind", kind, "client", client, "why", why)
	now := s.Clock.Now()
	s.mu.Lock()
	due := now.Sub(s.told) >= toldEvery
	if due {
		s.told = now
	}
	s.mu.Unlock()
	if !due {
		return nil
	}
	return s.Store.NoteEvents(ctx, []model.Event{{
		ID: s.IDs.Next(), Kind: model.EventReport, At: now, Data: model.EventData{Class: "refused", Reason: "from " + client.String() + ": " + clip(why.Error())},
	}})
}

// Keep stores a report that was read. An error of wording says why it is not kept; all others are the store's.
func (s *Service) Keep(ctx context.Context, r report.Report) ([]Kept, error) {
	var list []about
	var err error
	switch r.Kind {
	case report.DMARC:
		list, err = s.ofDMARC(ctx, r.DMARC)
	case report.TLS:
		list, err = s.ofTLS(ctx, r.TLS)
	default:
		err = wording.Errorf("it is a feedback report about one message, which is not kept here")
	}
	if err != nil {
		return nil, err
	}
	var kept []Kept
	for _, one := range list {
		k, err := s.add(ctx, one)
		if err != nil {
			return kept, err
		}
		kept = append(kept, k)
	}
	return kept, nil
}

// add stores one report within the bounds.
func (s *Service) add(ctx context.Context, r about) (Kept, error) {
	r.At = s.Clock.Now()
	k := Kept{Domain: r.name, Kind: r.Kind, Reporter: r.Reporter, ID: r.ID, Day: r.Day}
	today := model.DayOf(r.At)
	if oldest := today - model.Day(s.Age/(24*time.Hour)); r.Day > today+ahead || r.Day < oldest {
		return k, wording.Errorf("it is about %s, and reports are kept from %s on", r.Day.String(), oldest.String())
	}
	reports, lines, err := s.Store.CountReports(ctx, r.Domain, r.At.Add(-window))
	if err != nil {
		return k, err
	}
	if reports >= maxDayReports {
		return k, wording.Errorf("%d reports about %s came within a day, which are more than are kept", reports, r.name)
	}
	if lines+len(r.Seen) > maxDayLines {
		r.Seen = summed(r.Seen, 0, r.name)
	}
	k.Lines = len(r.Seen) + len(r.Sessions)
	if k.New, err = s.Store.AddReport(ctx, r.Report); err != nil {
		return k, err
	}
	outcome := "kept"
	if !k.New {
		outcome = "again"
	}
	s.Observe(string(r.Kind), outcome)
	return k, nil
}
