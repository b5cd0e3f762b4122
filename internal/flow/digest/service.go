// Package digest tells the contact of an account, in at most one letter a day, what of its mail needs a person: what bounced
// and why, which addresses are no longer sent to, who complained, which domains have faults, and what to do.
//
// The day before is told of from a certain hour on, if there is something to do; a day on which all went well is told of by
// silence. Which day an account was told of stands in the store, and nodes claim an account before they write, so that one of
// several writes. A node that dies between the letter and the note of it writes again; one that cannot write now tries again
// for the rest of the day. Counting reads the events of that day and of the account's domains, and nothing else (events of
// domains that were removed since are not counted), a page at a time; it keeps the classes and at most MaxAddresses addresses.
//
// It judges nothing: why mail failed is what internal/engine/bounce said at the time.
package digest

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/smtp"
	"github.com/budkavle/budkavle/internal/store"
)

// Store is what the package needs of store.Store.
type Store interface {
	ClaimDigests(ctx context.Context, day int, now, until time.Time, limit int) ([]model.Account, error)
	ToldDigest(ctx context.Context, id model.AccountID, day int) error
	ListDomains(ctx context.Context, account model.AccountID, after string, limit int) ([]model.Domain, error)
	store.Events
}

// Config is what a Service is made of. All fields are needed; Write and Log only to Run.
type Config struct {
	Store    Store
	Clock    clock.Clock
	Log      *slog.Logger
	Location *time.Location                                  // whose days and hours
	Hour     int                                             // 0 to 23: the day before is told of from then on
	Write    func(ctx context.Context, l model.Letter) error // queues a letter; (*submit.Service).WriteLetter does
}

// Service counts days and writes letters. It is safe for concurrent use.
type Service struct{ Config }

// New returns a Service.
func New(c Config) *Service { return &Service{c} }

const (
	poll = 15 * time.Minute // between looks for accounts to be told
	// claim is for how long a node has the accounts of a batch to itself, and so after how long it tries again: until the next
	// look. Counting a day of a million events takes seconds.
	claim = poll
	batch = 20 // accounts claimed at a time
)

// Run tells until ctx ends, and returns when no letter is under way.
func (s *Service) Run(ctx context.Context) error {
	failing := false
	for {
		err := s.tell(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			s.Log.Warn("accounts cannot be told of their day now; trying on", "error", err)
		}
		failing = err != nil
		t := s.Clock.NewTimer(poll)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
	}
}

// tell writes to every account that is to be told of yesterday and was not.
func (s *Service) tell(ctx context.Context) error {
	now := s.Clock.Now().In(s.Location)
	if now.Hour() < s.Hour {
		return nil
	}
	yesterday := DayOf(now).before()
	for {
		accounts, err := s.Store.ClaimDigests(ctx, yesterday.number(), now, now.Add(claim), batch)
		if err != nil {
			return err
		}
		var errs []error
		for i := range accounts {
			if err := s.write(ctx, &accounts[i], yesterday); err != nil {
				errs = append(errs, err)
			}
		}
		if err := errors.Join(errs...); err != nil || len(accounts) < batch {
			return err
		}
	}
}

// write tells one account. What will never be possible is logged and done with.
func (s *Service) write(ctx context.Context, a *model.Account, day Day) error {
	d, err := s.Of(ctx, a, day)
	if err != nil {
		return err
	}
	if d.Urgent() {
		err = s.send(ctx, a, d)
		var refused *smtp.Error
		if errors.As(err, &refused) && refused.Code >= 500 {
			s.Log.Warn("an account cannot be told of its day", "account", a.Name, "day", day.String(), "contact", a.Contact, "error", err)
			err = nil
		}
		if err != nil {
			return err
		}
	}
	return s.Store.ToldDigest(ctx, a.ID, day.number())
}

// send writes from the first of the account's domains that may send.
func (s *Service) send(ctx context.Context, a *model.Account, d Digest) error {
	if d.from == nil {
		return smtp.Errorf(550, "5.7.1", "The account has no domain that may send")
	}
	subject, text := d.Letter()
	return s.Write(ctx, model.Letter{Domain: *d.from, To: a.Contact, Subject: subject, Text: text})
}

// Day is a day of the calendar.
type Day struct {
	year  int
	month time.Month
	day   int
}

// DayOf is the day of an instant, where it is.
func DayOf(t time.Time) Day {
	y, m, d := t.Date()
	return Day{y, m, d}
}

// ParseDay reads a day such as 2026-11-24.
func ParseDay(s string) (Day, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Day{}, wording.Errorf("%q is not a day such as 2026-11-24", s)
	}
	return DayOf(t), nil
}

func (d Day) before() Day { return DayOf(d.begin(time.UTC).AddDate(0, 0, -1)) }

func (d Day) number() int { return d.year*10_000 + int(d.month)*100 + d.day }

func (d Day) String() string { return d.begin(time.UTC).Format(time.DateOnly) }

// begin is the first instant of the day; days have 23 to 25 hours.
func (d Day) begin(l *time.Location) time.Time {
	return time.Date(d.year, d.month, d.day, 0, 0, 0, 0, l)
}

func (d Day) end(l *time.Location) time.Time {
	return time.Date(d.year, d.month, d.day+1, 0, 0, 0, 0, l)
}
