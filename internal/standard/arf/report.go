package arf

import (
	"net/netip"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/standard/address"
	"github.com/budkavle/budkavle/internal/standard/parts"
)

// Report is one feedback report.
type Report struct {
	Type           string     `json:"feedback_type"` // lower case: abuse, fraud, virus, other, not-spam, opt-out, auth-failure, …
	UserAgent      string     `json:"user_agent,omitempty"`
	Version        string     `json:"version,omitempty"`
	MailFrom       string     `json:"mail_from,omitempty"`  // of the message, without brackets
	Recipients     []string   `json:"recipients,omitempty"` // as the reporter names them, without brackets; may be redacted
	Arrival        time.Time  `json:"arrival,omitzero"`
	Source         netip.Addr `json:"source_ip,omitzero"`
	SourcePort     int        `json:"source_port,omitempty"`
	Domains        []string   `json:"reported_domains,omitempty"`
	URIs           []string   `json:"reported_uris,omitempty"`
	Incidents      int64      `json:"incidents"` // at least 1
	ReportingMTA   string     `json:"reporting_mta,omitempty"`
	EnvelopeID     string     `json:"envelope_id,omitempty"`
	Authentication []string   `json:"authentication_results,omitempty"`
	Failure        *Failure   `json:"failure,omitempty"` // of auth-failure
	Returned       Returned   `json:"returned"`
	FromJMRP       bool       `json:"jmrp,omitempty"` // Microsoft's own form
	Removal        []string   `json:"removal_recipients,omitempty"`
}

// Failure is what RFC 6591 adds.
type Failure struct {
	Type                string `json:"auth_failure"` // adsp, bodyhash, revoked, signature, spf, dmarc
	Delivery            string `json:"delivery_result,omitempty"`
	Alignment           string `json:"identity_alignment,omitempty"` // of DMARC, RFC 9991
	DKIMDomain          string `json:"dkim_domain,omitempty"`
	DKIMIdentity        string `json:"dkim_identity,omitempty"`
	DKIMSelector        string `json:"dkim_selector,omitempty"`
	DKIMSelectorDNS     string `json:"dkim_selector_dns,omitempty"`
	SPFDNS              string `json:"spf_dns,omitempty"`
	CanonicalisedHeader string `json:"dkim_canonicalized_header,omitempty"`
	CanonicalisedBody   string `json:"dkim_canonicalized_body,omitempty"`
}

// Returned is the message the report is about.
type Returned struct {
	Header parts.Header `json:"header,omitempty"` // empty: it was not sent back
	Whole  bool         `json:"whole"`            // body and all, not only the header
}

// Redacted reports whether an address was made unreadable (RFC 6590), as far as that can be seen: a local part that was
// replaced by a digest looks like any other.
func Redacted(addr string) bool {
	a, err := address.Parse(addr)
	if err != nil {
		return true
	}
	return strings.Contains(strings.ToLower(a.Local), "redacted") || strings.Trim(a.Local, "xX*-") == ""
}

// Recipient is the first address that was not redacted; empty if there is none.
func (r *Report) Recipient() string {
	for _, addr := range r.Recipients {
		if !Redacted(addr) {
			return addr
		}
	}
	return ""
}

// Complaint reports whether somebody called the message unwanted.
func (r *Report) Complaint() bool {
	switch r.Type {
	case "abuse", "fraud", "opt-out", "opt-out-list", "virus", "other":
		return true
	}
	return false
}
