// Package finding is the form in which checks say what is wrong: found, expected, what to change.
//
// It only holds and orders; what is a fault, each check decides.
package finding

import (
	"cmp"
	"slices"

	"github.com/budkavle/budkavle/internal/base/wording"
)

// Severity says how much a finding matters.
type Severity string

// Severities, the worst first.
const (
	Error   Severity = "error"   // mail is refused, or anybody may send
	Unknown Severity = "unknown" // whoever should know did not answer, so that it cannot be told
	Warning Severity = "warning" // it works, but not as it was meant or not for long
	Note    Severity = "note"    // worth knowing
)

// rank orders severities.
func rank(s Severity) int { return slices.Index([]Severity{Error, Unknown, Warning, Note}, s) }

// Compare orders severities, the worst first.
func Compare(a, b Severity) int { return cmp.Compare(rank(a), rank(b)) }

// Finding is one thing that a check saw.
type Finding struct {
	Severity Severity     `json:"severity"`
	Subject  string       `json:"subject"`        // what was checked, a closed set of the check: "spf", "dkim"
	Code     string       `json:"code"`           // for programs, such as "two-records"
	Name     string       `json:"name,omitempty"` // the DNS name or address it is about
	Found    wording.Text `json:"found"`
	Expected wording.Text `json:"expected"`
	Change   wording.Text `json:"change"` // what to do; empty for what is in order
}

// Sort puts the worst first and leaves equals in their order.
func Sort(list []Finding) {
	slices.SortStableFunc(list, func(a, b Finding) int { return Compare(a.Severity, b.Severity) })
}

// Worst is the worst severity of the list; empty if there is none.
func Worst(list []Finding) Severity {
	var worst Severity
	for _, f := range list {
		if worst == "" || Compare(f.Severity, worst) < 0 {
			worst = f.Severity
		}
	}
	return worst
}
