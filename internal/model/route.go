package model

import (
	"time"

	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// RouteState is what is known of an account's own server.
type RouteState string

// States of a route. Those that were tested stay so when they fail: what fails may be mended without anybody's doing.
const (
	RouteUntested RouteState = "untested" // set, or changed, and not tried since
	RouteTested   RouteState = "tested"
)

// RouteFallback is what becomes of mail while its account's own server cannot take it.
type RouteFallback string

// Fallbacks. Our own delivery is open only to sender domains that are proved for it; other mail waits all the same.
const (
	FallbackHold RouteFallback = "hold" // it waits
	FallbackOwn  RouteFallback = "own"  // we deliver it ourselves
)

// RouteLimits are what the server's owner lets us send; 0: no limit but the site's default.
type RouteLimits struct {
	Connections int `json:"connections,omitempty"` // at the same time
	PerMinute   int `json:"per_minute,omitempty"`  // messages; a message counts once for each recipient, so no minute has more
	PerDay      int `json:"per_day,omitempty"`     // recipients in a day of UTC
}

// Route is the way out of all mail of an account: an SMTP server that is the customer's own.
type Route struct {
	Account  AccountID     `json:"-"`
	Preset   string        `json:"preset,omitempty"`
	Host     string        `json:"host"` // a name, or an address in brackets
	Port     uint16        `json:"port"`
	TLS      smtp.TLSMode  `json:"tls"`
	Username string        `json:"username,omitempty"`
	Sealed   []byte        `json:"-"`                 // password, sealed for RouteContext
	Contact  string        `json:"contact,omitempty"` // who is written to when it fails; empty: the account's contact
	Limits   RouteLimits   `json:"limits"`
	Fallback RouteFallback `json:"fallback"`

	State    RouteState `json:"state"`
	TestedAt time.Time  `json:"tested_at,omitzero"` // the last test, whatever its end
	TestNote string     `json:"test_note,omitempty"`
	// FailingSince is when mail began to fail for the server's own fault; zero: it does not. Fault is the latest.
	FailingSince time.Time `json:"failing_since,omitzero"`
	Fault        string    `json:"fault,omitempty"`
	Day          Day       `json:"-"` // that Sent is about
	Sent         int64     `json:"-"` // recipients
	ChangedAt    time.Time `json:"changed_at"`
	Revision     int64     `json:"-"` // counts settings: what is found of one says nothing of the next
}

// RouteContext is what a password of a route is sealed with: it opens for no other account, host or user.
func RouteContext(r *Route) []byte {
	return []byte("route " + r.Host + " " + r.Username)
}

// SentOn is how many recipients were counted on the day.
func (r *Route) SentOn(d Day) int64 {
	if r.Day != d {
		return 0
	}
	return r.Sent
}
