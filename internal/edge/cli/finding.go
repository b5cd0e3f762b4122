package cli

import (
	"fmt"

	"github.com/budkavle/budkavle/internal/base/finding"
)

// tellFindings prints what a check found, each with what to change.
func (a *app) tellFindings(list []finding.Finding) {
	for _, f := range list {
		fmt.Fprintf(a.Out, "\n%s: %s (%s)\n", a.severity(f.Severity), printable(f.Name), f.Code)
		a.say("  found:    %s", a.text(f.Found))
		if !f.Expected.IsZero() {
			a.say("  expected: %s", a.text(f.Expected))
		}
		if !f.Change.IsZero() {
			a.say("  change:   %s", a.text(f.Change))
		}
	}
}

func (a *app) severity(s finding.Severity) string {
	switch s {
	case finding.Error:
		return a.T("error")
	case finding.Unknown:
		return a.T("cannot be told")
	case finding.Warning:
		return a.T("warning")
	default:
		return a.T("note")
	}
}
