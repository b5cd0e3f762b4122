package notify

import (
	"context"
	"log/slog"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// page is how many notices are looked at in one go, and so how many recipients one report may name.
const page = 1000

// empty tells of everything in the outbox.
func (s *Service) empty(ctx context.Context) error {
	for !s.group.IsDraining() {
		ns, err := s.Store.ListNotices(ctx, page)
		if err != nil {
			return err
		}
		if err := s.tell(ctx, whole(ns)); err != nil {
			return err
		}
		if len(ns) < page {
			return nil
		}
	}
	return nil
}

// whole parts notices by message. The last message of a full page may have more on the next: it is left for that, unless
// it fills the page alone.
func whole(ns []model.Notice) [][]model.Notice {
	var groups [][]model.Notice
	for from, i := 0, 1; i <= len(ns); i++ {
		if i == len(ns) || ns[i].Key.Message != ns[from].Key.Message {
			groups = append(groups, ns[from:i])
			from = i
		}
	}
	if len(ns) == page && len(groups) > 1 {
		groups = groups[:len(groups)-1]
	}
	return groups
}

const (
	// batchReports and batchOctets bound what is queued in one commit.
	batchReports = 100
	batchOctets  = 4 << 20
)

// tell queues a report for each group and drops the notices nobody wants to hear.
func (s *Service) tell(ctx context.Context, groups [][]model.Notice) error {
	var batch []store.Submission
	octets := 0
	for i, ns := range groups {
		sub, err := s.report(ctx, ns)
		switch {
		case err != nil:
			return err
		case sub == nil:
			if err := s.Store.DropNotices(ctx, ns); err != nil {
				return err
			}
		default:
			batch, octets = append(batch, *sub), octets+len(sub.Raw)
		}
		if len(batch) >= batchReports || octets >= batchOctets || i == len(groups)-1 {
			if err := s.queue(ctx, batch); err != nil {
				return err
			}
			batch, octets = nil, 0
		}
	}
	return nil
}

func (s *Service) queue(ctx context.Context, batch []store.Submission) error {
	if len(batch) == 0 {
		return nil
	}
	if err := s.Store.Accept(ctx, batch, nil); err != nil {
		return err
	}
	for i := range batch {
		sub := &batch[i]
		m := &sub.Message
		s.Log.LogAttrs(ctx, slog.LevelInfo, "accepted",
			slog.String("message", m.ID.String()), slog.Int64("account", int64(m.Account)), slog.String("sender", ""), slog.String("recipient", sub.Recipients[0].Address),
			slog.Int64("size", m.Size), slog.String("class", m.Class.String()), slog.String("origin", string(m.Origin)),
			slog.String("about", sub.Answers[0].Key.Message.String()), slog.Int("notices", len(sub.Answers)))
		s.Queue.Accepted(m, sub.Raw, sub.Recipients)
	}
	return nil
}
