package model

import (
	"fmt"
	"net/netip"
	"time"
)

// Day is a day in UTC, counted from 1970-01-01 as 0.
type Day int

// DayOf is the day of an instant.
func DayOf(t time.Time) Day {
	sec := t.Unix()
	if sec < 0 {
		return 0 // nothing here happened before
	}
	return Day(sec / 86400)
}

// Begin is the first instant of the day.
func (d Day) Begin() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

func (d Day) String() string { return d.Begin().Format(time.DateOnly) }

// MarshalText writes YYYY-MM-DD.
func (d Day) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads YYYY-MM-DD.
func (d *Day) UnmarshalText(text []byte) error {
	t, err := time.Parse(time.DateOnly, string(text))
	if err != nil {
		return fmt.Errorf("%q is not a day such as 2026-11-24", text)
	}
	*d = DayOf(t)
	return nil
}

// ReportKind says what a report is about.
type ReportKind string

// Kinds of reports that are kept.
const (
	ReportDMARC ReportKind = "dmarc"
	ReportTLS   ReportKind = "tls"
)

// Report is one report of a receiver about a domain, as it is kept. Domain, kind, reporter and ID name it.
type Report struct {
	Domain   DomainID   `json:"-"`
	Kind     ReportKind `json:"kind"`
	Reporter string     `json:"reporter"`
	ID       string     `json:"id"`
	Day      Day        `json:"day"` // the one in which the middle of its time lies
	At       time.Time  `json:"at"`  // when it came
	Seen     []Seen     `json:"-"`   // of DMARC
	Sessions []Sessions `json:"-"`   // of TLS
}

// Seen counts messages of one day that a receiver saw alike. Texts are at most MaxReportText octets.
type Seen struct {
	Source      netip.Addr // the zero Addr: several, summed up for want of room
	From        string     // domain of the From field
	SPF, DKIM   bool       // passed and aligned
	Disposition string     // none, quarantine, reject
	Forwarded   bool       // the receiver says that the mail came by a forwarder or a mailing list
	Envelope    string     // domain that SPF spoke of
	SPFResult   string     // of it, aligned or not
	Signer      string     // domain of the signature that tells most
	Selector    string     // of that signature
	DKIMResult  string
	Count       int64
}

// Passes reports whether the messages pass DMARC.
func (s *Seen) Passes() bool { return s.SPF || s.DKIM }

// MaxReportText is the most octets of one text that is kept of a report.
const MaxReportText = 253

// Sessions counts TLS sessions of one day that went alike.
type Sessions struct {
	Policy  string // tlsa, sts or no-policy-found
	Failure string // RFC 8460 4.3; empty: they were in order
	Count   int64
}

// SeenDay sums up what receivers saw of a domain on a day.
type SeenDay struct {
	Day       Day   `json:"day"`
	Reporters int   `json:"reporters"`
	Messages  int64 `json:"messages"`
	Passing   int64 `json:"passing"`
	Refused   int64 `json:"refused"`   // of those that fail
	Suspected int64 `json:"suspected"` // put with the spam
}

// SeenTLS sums up sessions of a day.
type SeenTLS struct {
	Day      Day    `json:"day"`
	Reporter string `json:"reporter"`
	Sessions
}

// SentDay is what this node itself delivered for a domain on a day that is over.
type SentDay struct {
	Day       Day   `json:"day"`
	Delivered int64 `json:"delivered"`
	Aligned   bool  `json:"aligned"` // DKIM or the return path was proved when it was counted
}

// Stage is what the watch over a domain's DMARC keeps of it.
type Stage struct {
	Domain     DomainID
	Looked     Day       // the last day that the watch is done with
	Policy     string    // that receivers applied then
	Since      Day       // the first day of that policy; 0: it was so when the watch first looked
	Proposed   string    // the policy that was proposed last; empty: none
	ProposedAt time.Time // when the owner was told
}
