package proof

import "github.com/budkavle/budkavle/internal/base/wording"

// Verdict says whether a requirement is met.
type Verdict string

// Verdicts.
const (
	Met         Verdict = "met"
	NotMet      Verdict = "not met"
	CannotKnow  Verdict = "cannot be known here"
	NotDemanded Verdict = "not demanded"
)

// Requirement is one thing a mailbox provider demands of senders, and how the domain stands.
type Requirement struct {
	Provider string       `json:"provider"` // Gmail, Yahoo, Microsoft, Apple
	What     wording.Text `json:"what"`
	Small    Verdict      `json:"small"` // for senders of up to 5,000 a day
	Bulk     Verdict      `json:"bulk"`  // and above
	Why      wording.Text `json:"why"`
	Source   string       `json:"source"` // where the provider says so
	Dated    string       `json:"dated"`  // the source's date, 2026-03-21
}
