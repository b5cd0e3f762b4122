package config

import (
	"slices"
	"strings"
	"time"
)

// Feedback says what is done with what comes back, and who is told.
type Feedback struct {
	ComplaintMailboxes []string `toml:"complaint_mailboxes"` // local parts of the bounce domain that take feedback reports
	BulkReplies        bool     `toml:"bulk_replies"`        // people's answers to bulk mail go on to its Reply-To or From
	DigestHour         int      `toml:"digest_hour"`         // at which accounts' contacts are told of the day before
	TimeZone           string   `toml:"time_zone"`           // whose days and hours; empty: the machine's
}

func defaultFeedback() Feedback {
	return Feedback{ComplaintMailboxes: []string{"abuse", "fbl", "complaints"}, DigestHour: 7}
}

// Location is the time zone; Validate has seen that there is one.
func (f *Feedback) Location() *time.Location {
	if l, err := time.LoadLocation(f.TimeZone); err == nil && f.TimeZone != "" {
		return l
	}
	return time.Local
}

// maxMailboxes bounds the names, which are looked up for every recipient.
const maxMailboxes = 20

func (c *Config) validateFeedback(bad complain) {
	f := &c.Feedback
	if len(f.ComplaintMailboxes) > maxMailboxes {
		bad("feedback.complaint_mailboxes", "%d names are more than %d", len(f.ComplaintMailboxes), maxMailboxes)
	}
	for _, name := range f.ComplaintMailboxes {
		taken := slices.Contains([]string{"unsubscribe", "dmarc", "tlsrpt", "postmaster"}, strings.ToLower(name))
		if name == "" || len(name) > 64 || taken || strings.ContainsAny(name, " \t@<>\"\\") {
			bad("feedback.complaint_mailboxes", "%q is not a name before the @ of its own, such as fbl; unsubscribe, dmarc, tlsrpt and postmaster are taken", name)
		}
	}
	if f.DigestHour < 0 || f.DigestHour > 23 {
		bad("feedback.digest_hour", "%d is not between 0 and 23", f.DigestHour)
	}
	if _, err := time.LoadLocation(f.TimeZone); err != nil {
		bad("feedback.time_zone", "%q is not a time zone such as Europe/Stockholm, or this machine does not know it", f.TimeZone)
	}
}
