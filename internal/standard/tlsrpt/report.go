package tlsrpt

import (
	"time"
)

// Bounds of Read.
const (
	MaxReport   = 10 << 20 // octets of JSON; reports in use have some thousand
	MaxPolicies = 1_000    // kept of a report; the rest is counted
	MaxFailures = 10_000   // kept of a report, some 300 octets each and their texts; the rest is counted
	maxStrings  = 1_000    // lines of one policy, and its mx
	maxDepth    = 10       // objects and lists in one another; a report has six
)

// Report is what one sender met on the way to a domain's servers. Its JSON is that of RFC 8460 4.4.
type Report struct {
	Organisation string   `json:"organization-name"`
	Range        Range    `json:"date-range"`
	Contact      string   `json:"contact-info"`
	ID           string   `json:"report-id"`
	Policies     []Policy `json:"policies"`
	// OmittedPolicies and OmittedFailures were not kept. They are no part of the standard's JSON.
	OmittedPolicies int `json:"-"`
	OmittedFailures int `json:"-"`
}

// Range is the period of a report.
type Range struct {
	Start time.Time `json:"start-datetime"`
	End   time.Time `json:"end-datetime"`
}

// Policy is what a sender went by, and how it fared.
type Policy struct {
	Policy   Applied   `json:"policy"`
	Summary  Summary   `json:"summary"`
	Failures []Failure `json:"failure-details,omitempty"`
}

// Applied is the policy.
type Applied struct {
	Type   string   `json:"policy-type"` // tlsa, sts or no-policy-found
	Lines  []string `json:"policy-string,omitempty"`
	Domain string   `json:"policy-domain"`
	MX     []string `json:"mx-host,omitempty"`
}

// Summary counts sessions.
type Summary struct {
	Successful int64 `json:"total-successful-session-count"`
	Failed     int64 `json:"total-failure-session-count"`
}

// Failure is sessions that failed alike.
type Failure struct {
	Type          string `json:"result-type"` // starttls-not-supported, certificate-expired, … (RFC 8460 4.3)
	SendingIP     string `json:"sending-mta-ip,omitempty"`
	ReceivingMX   string `json:"receiving-mx-hostname,omitempty"`
	ReceivingHelo string `json:"receiving-mx-helo,omitempty"`
	ReceivingIP   string `json:"receiving-ip,omitempty"`
	Sessions      int64  `json:"failed-session-count"`
	Information   string `json:"additional-information,omitempty"`
	Reason        string `json:"failure-reason-code,omitempty"`
}

// Domain is whom the report is about: that of its first policy which names one.
func (r *Report) Domain() string {
	for _, p := range r.Policies {
		if p.Policy.Domain != "" {
			return p.Policy.Domain
		}
	}
	return ""
}

// Sessions counts the sessions of all policies that were kept.
func (r *Report) Sessions() (successful, failed int64) {
	for _, p := range r.Policies {
		successful += p.Summary.Successful
		failed += p.Summary.Failed
	}
	return successful, failed
}
