package model

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
)

// LimitScope is what mail is counted by.
type LimitScope string

// Scopes of limits. The name of an account's own is empty.
const (
	ScopeAccount    LimitScope = "account"
	ScopeCredential LimitScope = "credential" // SMTP user, or the first characters of an API key
	ScopeClass      LimitScope = "class"
	ScopeDomain     LimitScope = "domain" // sender domain
)

const (
	// NoLimit is a limit that nothing exceeds.
	NoLimit = -1
	// EachName makes a rule hold for each name of its scope that has no rule of its own.
	EachName = "*"
	// MaxLimitRules bounds the rules of an account: they are kept in memory, some 100 octets each.
	MaxLimitRules = 100
)

// Limits say how much may be sent. A message counts once for each recipient. 0 leaves a value to the configuration, or where
// that says nothing to NoLimit.
type Limits struct {
	HalfHour   int64 `json:"half_hour,omitempty"`  // messages in any 30 minutes
	Day        int64 `json:"day,omitempty"`        // messages in a day of UTC
	Month      int64 `json:"month,omitempty"`      // messages in a month of UTC
	Recipients int64 `json:"recipients,omitempty"` // of one message
	Size       int64 `json:"size,omitempty"`       // octets of one message
}

// Over puts what other says in the place of what is left to it.
func (l Limits) Over(other Limits) Limits {
	first := func(a, b int64) int64 {
		if a != 0 {
			return a
		}
		return b
	}
	return Limits{
		first(l.HalfHour, other.HalfHour), first(l.Day, other.Day), first(l.Month, other.Month), first(l.Recipients, other.Recipients), first(l.Size, other.Size),
	}
}

// Counted reports whether there is anything to count for.
func (l Limits) Counted() bool { return l.HalfHour > 0 || l.Day > 0 || l.Month > 0 }

// LimitRule is what an operator has set for one account.
type LimitRule struct {
	Account AccountID  `json:"-"`
	Scope   LimitScope `json:"scope"`
	Name    string     `json:"name,omitempty"`
	Limits
}

// Charge is one counter that a message counts in, and how far that may go.
type Charge struct {
	Scope  LimitScope
	Name   string
	Limits Limits
	Locks  bool // going over the half hour's limit locks the account
}

// Period is the time that a limit is for.
type Period string

// Periods of limits.
const (
	PerHalfHour Period = "half hour"
	PerDay      Period = "day"
	PerMonth    Period = "month"
)

// Over says why mail is not taken: the account is not active, or a limit has no room for it.
type Over struct {
	State  AccountState // of the account, before
	Reason string       // why it is in that state
	Charge Charge       // what follows is not set unless it was active
	Period Period
	Limit  int64
	Count  int64     // counted already
	N      int64     // what was to be added
	At     time.Time // when
	Until  time.Time // when there is room for it, if nothing more is sent; zero: never
	Locked bool      // the account was locked for it, in the same commit
}

func (o *Over) Error() string {
	if o.State != AccountActive {
		return fmt.Sprintf("the account is %s: %s", o.State, o.Reason)
	}
	of := strings.TrimSpace(string(o.Charge.Scope) + " " + o.Charge.Name)
	return fmt.Sprintf("limit of %s: %d a %s, of which %d are used and %d more were asked for", of, o.Limit, o.Period, o.Count, o.N)
}

// Meter is how much has been sent: in the last half hour, and in the day and the month that it was counted up in last.
type Meter struct {
	Recent Window
	Day    Day
	Today  int64
	Month  Month
	InIt   int64
}

// Month is a month in UTC, counted from January of the year 0.
type Month int

// MonthOf is the month of an instant.
func MonthOf(t time.Time) Month {
	t = t.UTC()
	return Month(t.Year()*12 + int(t.Month()) - 1)
}

// Begin is the first instant of the month.
func (m Month) Begin() time.Time {
	return time.Date(int(m)/12, time.Month(m%12+1), 1, 0, 0, 0, 0, time.UTC)
}

// Turn brings the meter to now: what is past is forgotten. Clocks of nodes differ, so a day never turns back.
func (m *Meter) Turn(now time.Time) {
	m.Recent = m.Recent.since(now.Add(-HalfHour))
	if d := DayOf(now); d > m.Day {
		m.Day, m.Today = d, 0
	}
	if month := MonthOf(now); month > m.Month {
		m.Month, m.InIt = month, 0
	}
}

// Room says whether n more fit in the limits of c; nil: they do. The meter has been turned to now.
func (m *Meter) Room(c Charge, n int64) *Over {
	l := c.Limits
	if used := m.Recent.Sum(); l.HalfHour > 0 && used+n > l.HalfHour {
		return &Over{State: AccountActive, Charge: c, Period: PerHalfHour, Limit: l.HalfHour, Count: used, N: n, Until: m.Recent.until(l.HalfHour - n)}
	}
	next := func(t time.Time, limit int64) time.Time {
		if n > limit {
			return time.Time{}
		}
		return t
	}
	if l.Day > 0 && m.Today+n > l.Day {
		return &Over{State: AccountActive, Charge: c, Period: PerDay, Limit: l.Day, Count: m.Today, N: n, Until: next((m.Day + 1).Begin(), l.Day)}
	}
	if l.Month > 0 && m.InIt+n > l.Month {
		return &Over{State: AccountActive, Charge: c, Period: PerMonth, Limit: l.Month, Count: m.InIt, N: n, Until: next((m.Month + 1).Begin(), l.Month)}
	}
	return nil
}

// Count adds n, sent now. Of the last half hour only what a limit asks for is kept.
func (m *Meter) Count(l Limits, n int64, now time.Time) {
	m.Today += n
	m.InIt += n
	if l.HalfHour > 0 {
		m.Recent = m.Recent.add(Burst{now.UnixMicro(), n}, l.HalfHour <= exactTo)
	} else {
		m.Recent = nil
	}
}

// HalfHour is the length of a Window.
const HalfHour = 30 * time.Minute

const (
	// exactTo is the largest limit for which every time is kept: 16 octets each, 16 KiB at most. Stored they are about 5.
	exactTo = 1024
	// coarse is the slot, in microseconds, whose mail is taken for one burst where the limit is larger: 14 s, 129 in a window.
	coarse = int64(HalfHour/time.Microsecond) / 128
)

// Burst is how many messages went at an instant, in microseconds since 1970.
type Burst struct{ At, N int64 }

// Window is what was sent in the last half hour, oldest first. For limits up to exactTo every time is exact. For larger ones what
// went within 14 s is taken for the latest of it: the limit holds all the same in every half hour, whenever that begins, but a
// message may count up to 14 s too long.
type Window []Burst

// Sum is how many they are.
func (w Window) Sum() (n int64) {
	for _, s := range w {
		n += s.N
	}
	return n
}

func (w Window) since(t time.Time) Window {
	us := t.UnixMicro()
	for len(w) > 0 && w[0].At <= us {
		w = w[1:]
	}
	return w
}

// until is when no more than most are left; zero: never.
func (w Window) until(most int64) time.Time {
	if most < 0 {
		return time.Time{}
	}
	left := w.Sum()
	for _, s := range w {
		if left -= s.N; left <= most {
			return time.UnixMicro(s.At).Add(HalfHour)
		}
	}
	return time.Time{} // there is room already
}

// add appends. A clock behind that of the node that wrote last does not make times go back.
func (w Window) add(b Burst, exact bool) Window {
	if len(w) > 0 {
		last := &w[len(w)-1]
		b.At = max(b.At, last.At)
		if b.At == last.At || !exact && b.At/coarse == last.At/coarse {
			*last = Burst{b.At, last.N + b.N}
			return w
		}
	}
	return append(w, b)
}

// AppendBinary writes the differences of times, and the numbers, as varints: about 5 octets each.
func (w Window) AppendBinary(b []byte) []byte {
	last := int64(0)
	for _, s := range w {
		b = binary.AppendUvarint(b, uint64(s.At-last))
		b = binary.AppendUvarint(b, uint64(s.N))
		last = s.At
	}
	return b
}

var errWindow = errors.New("what was sent in the last half hour is not stored as it is written")

// ParseWindow reads what AppendBinary wrote.
func ParseWindow(b []byte) (Window, error) {
	if len(b) == 0 {
		return nil, nil
	}
	w := make(Window, 0, len(b)/5+1)
	last := int64(0)
	for len(b) > 0 {
		delta, k := binary.Uvarint(b)
		if k <= 0 {
			return nil, errWindow
		}
		n, l := binary.Uvarint(b[k:])
		if l <= 0 {
			return nil, errWindow
		}
		last += int64(delta)
		w, b = append(w, Burst{last, int64(n)}), b[k+l:]
	}
	return w, nil
}
