package dmarc

import (
	"net/netip"
	"time"
)

// Pass is the result of SPF, DKIM and DMARC that counts (RFC 8601 2.7).
const Pass = "pass"

// Bounds of ReadAggregate. A row with its results takes some 350 octets besides its texts, which are at most maxKept: so
// a report takes at most 50,000 × 350 + 16 MiB = 34 MiB.
const (
	MaxRows       = 50_000   // kept; the rest is only counted
	maxKept       = 16 << 20 // octets of texts
	maxText       = 1 << 10  // octets of one text
	maxReasons    = 5        // of a row
	maxSignatures = 20       // of a row
	maxSenders    = 5        // of a row
	maxErrors     = 20       // of a report
)

// Aggregate is an aggregate report: what one receiver saw of a domain (RFC 9990, and RFC 7489 Appendix C before it).
type Aggregate struct {
	Organisation string    `json:"organisation"`
	Email        string    `json:"email"`
	Contact      string    `json:"contact,omitempty"`
	ID           string    `json:"id"`
	Begin        time.Time `json:"begin"`
	End          time.Time `json:"end"`
	Generator    string    `json:"generator,omitempty"`
	Errors       []string  `json:"errors,omitempty"` // what the reporter could not do
	Published    Published `json:"published"`
	Rows         []Row     `json:"rows"`
	Omitted      Omitted   `json:"omitted"`
}

// Omitted counts rows that were not kept.
type Omitted struct {
	Rows     int   `json:"rows"`
	Messages int64 `json:"messages"`
}

// Published is the record as the receiver understood it. What it did not say is empty.
type Published struct {
	Domain      string `json:"domain"`
	Policy      Policy `json:"p,omitempty"`
	Subdomains  Policy `json:"sp,omitempty"`
	NonExistent Policy `json:"np,omitempty"`
	DKIM        Mode   `json:"adkim,omitempty"`
	SPF         Mode   `json:"aspf,omitempty"`
	Options     string `json:"fo,omitempty"`
	Percent     string `json:"pct,omitempty"` // of RFC 7489
	Testing     bool   `json:"testing"`
	Discovery   string `json:"discovery,omitempty"` // treewalk or psl
}

// Row counts messages that were alike.
type Row struct {
	Source       netip.Addr  `json:"source"` // the zero Addr: it could not be read
	Count        int64       `json:"count"`
	Disposition  string      `json:"disposition"` // none, quarantine, reject; pass where nothing failed (RFC 9990)
	DKIM         string      `json:"dkim"`        // pass: a signature passes and is aligned; else fail
	SPF          string      `json:"spf"`         // pass: it passes and is aligned; else fail
	Reasons      []Reason    `json:"reasons,omitempty"`
	From         string      `json:"header_from"`
	EnvelopeFrom string      `json:"envelope_from,omitempty"`
	EnvelopeTo   string      `json:"envelope_to,omitempty"`
	Signatures   []Signature `json:"signatures,omitempty"`
	Senders      []Sender    `json:"senders,omitempty"`
}

// Passes reports whether the messages pass DMARC.
func (r *Row) Passes() bool { return r.DKIM == Pass || r.SPF == Pass }

// Reason is why a receiver did something else than the record asks.
type Reason struct {
	Type    string `json:"type"` // local_policy, mailing_list, policy_test_mode, trusted_forwarder, other, …
	Comment string `json:"comment,omitempty"`
}

// Signature is a result of DKIM, aligned or not.
type Signature struct {
	Domain   string `json:"domain"`
	Selector string `json:"selector,omitempty"`
	Result   string `json:"result"`
	Words    string `json:"words,omitempty"` // the receiver's, for people
}

// Sender is a result of SPF, aligned or not.
type Sender struct {
	Domain string `json:"domain"`
	Scope  string `json:"scope,omitempty"` // mfrom or helo
	Result string `json:"result"`
}

// Messages counts what a report is about: all, and those that pass DMARC among the rows that were kept.
func (a *Aggregate) Messages() (all, pass int64) {
	all = a.Omitted.Messages
	for i := range a.Rows {
		all += a.Rows[i].Count
		if a.Rows[i].Passes() {
			pass += a.Rows[i].Count
		}
	}
	return all, pass
}
