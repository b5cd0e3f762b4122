package store

import (
	"context"
	"time"

	"github.com/budkavle/budkavle/internal/model"
)

// Reports keeps what receivers report about sender domains, summed up by day, and what became of it.
type Reports interface {
	// AddReport stores r once and adds what it counts to the sums of its day, in one commit. added is false, and nothing
	// changes, if a report of that name is there.
	AddReport(ctx context.Context, r model.Report) (added bool, err error)
	// CountReports tells how many reports about a domain came since, and how many lines they brought.
	CountReports(ctx context.Context, domain model.DomainID, since time.Time) (reports, lines int, err error)
	// SeenDays sums up the days from first to last, each with reports, by day.
	SeenDays(ctx context.Context, domain model.DomainID, first, last model.Day) ([]model.SeenDay, error)
	// SeenSources sums up the days from first to last by all that Seen tells apart, the most messages first; at most limit.
	SeenSources(ctx context.Context, domain model.DomainID, first, last model.Day, limit int) ([]model.Seen, error)
	// FailingSources is what fails DMARC of each day, by source, signer and whether it was forwarded, the most messages
	// first; at most limit.
	FailingSources(ctx context.Context, domain model.DomainID, first, last model.Day, limit int) ([]SeenOn, error)
	// Reporters names who reported, with their messages or sessions; at most limit, the most first.
	Reporters(ctx context.Context, domain model.DomainID, first, last model.Day, limit int) ([]Reporter, error)
	// SeenTLS sums up TLS sessions by day, reporter, policy and failure, the newest day first; at most limit.
	SeenTLS(ctx context.Context, domain model.DomainID, first, last model.Day, limit int) ([]model.SeenTLS, error)

	// AddSentDays records what was delivered of a domain on a day; a second record of the day changes nothing.
	AddSentDays(ctx context.Context, domain model.DomainID, list []model.SentDay) error
	// SentDays returns the days from first to last that were recorded, by day.
	SentDays(ctx context.Context, domain model.DomainID, first, last model.Day) ([]model.SentDay, error)
	// Stage returns what the watch keeps of a domain; the zero Stage of it if there is nothing yet.
	Stage(ctx context.Context, domain model.DomainID) (model.Stage, error)
	// SetStage stores s and ev, unless nil, in one commit. Conflict if Looked is no longer from: somebody else has the day.
	SetStage(ctx context.Context, s model.Stage, from model.Day, ev *model.Event) error
}

// SeenOn is what a source sent on a day that failed.
type SeenOn struct {
	Day model.Day
	model.Seen
}

// Reporter is who reports.
type Reporter struct {
	Name     string           `json:"name"`
	Kind     model.ReportKind `json:"kind"`
	Reports  int              `json:"reports"`
	Messages int64            `json:"messages"` // or sessions
}
