package api

import (
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/engine/proof"
	"github.com/budkavle/budkavle/internal/flow/onboard"
	"github.com/budkavle/budkavle/internal/model"
)

// domainJSON is a domain as Mailgun's API has it. Its clients fail on null, so what is not known has its zero value; what only
// this program knows stands in fields of its own.
type domainJSON struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	State      string `json:"state"` // active, unverified or disabled
	Type       string `json:"type"`
	CreatedAt  string `json:"created_at"`
	SMTPLogin  string `json:"smtp_login"`
	SpamAction string `json:"spam_action"`
	Wildcard   bool   `json:"wildcard"`
	WebScheme  string `json:"web_scheme"`
	IsDisabled bool   `json:"is_disabled"`
	RequireTLS bool   `json:"require_tls"`
	SkipVerify bool   `json:"skip_verification"`

	Progress string   `json:"progress"`         // model.DomainState
	Reason   string   `json:"reason,omitempty"` // why it is in its state
	Lacks    []string `json:"lacks"`            // what keeps it shut
}

type domainList struct {
	Total int          `json:"total_count"`
	Items []domainJSON `json:"items"`
}

type domainAnswer struct {
	Domain    domainJSON  `json:"domain"`
	Receiving []dnsRecord `json:"receiving_dns_records"`
	Sending   []dnsRecord `json:"sending_dns_records"`
	Message   string      `json:"message,omitempty"`
}

// dnsRecord is a record to publish. Names and targets have no closing dot, as clients of Mailgun show them.
type dnsRecord struct {
	Type     string   `json:"record_type"`
	Name     string   `json:"name"`
	Value    string   `json:"value"`
	Priority string   `json:"priority,omitempty"`
	Valid    string   `json:"valid"` // valid, invalid or unknown
	IsActive bool     `json:"is_active"`
	Cached   []string `json:"cached"` // what DNS had at the last look
	Purpose  string   `json:"purpose"`
}

func domainOf(d *model.Domain) domainJSON {
	return domainJSON{
		ID: d.Name, Name: d.Name, State: stateOf(d.State), Type: "custom", CreatedAt: d.CreatedAt.UTC().Format(time.RFC1123), SMTPLogin: "postmaster@" + d.Name,
		SpamAction: "disabled", WebScheme: "https", IsDisabled: d.State == model.DomainStopped, Progress: string(d.State), Reason: d.Reason, Lacks: notNil(d.Lacks),
	}
}

// stateOf is Mailgun's word for a state.
func stateOf(s model.DomainState) string {
	switch {
	case s.MaySend():
		return "active"
	case s == model.DomainStopped:
		return "disabled"
	}
	return "unverified"
}

func recordsOf(sheet *onboard.Sheet) []dnsRecord {
	list := make([]dnsRecord, 0, len(sheet.Records))
	for i := range sheet.Records {
		r := &sheet.Records[i]
		out := dnsRecord{
			Type: r.Type, Name: strings.TrimSuffix(r.Name, "."), Value: r.Value, Valid: "unknown", IsActive: r.State == proof.Proved, Cached: notNil(r.Found), Purpose: r.Subject,
		}
		switch r.State {
		case proof.Proved:
			out.Valid = "valid"
		case proof.Missing, proof.Wrong:
			out.Valid = "invalid"
		}
		switch r.Type {
		case "CNAME":
			out.Value = strings.TrimSuffix(r.Value, ".")
		case "MX":
			out.Priority, out.Value, _ = strings.Cut(strings.TrimSuffix(r.Value, "."), " ")
		}
		list = append(list, out)
	}
	return list
}
