package proof

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/budkavle/budkavle/internal/base/finding"
)

var update = flag.Bool("update", false, "write golden files")

// TestFaults plays testdata/faults.txt, where every fault stands with its message.
func TestFaults(t *testing.T) {
	const path = "testdata/faults.txt"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sections := strings.Split(string(data), "\n== ")
	base := sections[0][strings.Index(sections[0], "\n\n"):]
	out := []string{sections[0]}
	codes := map[string]bool{}
	for _, s := range sections[1:] {
		title, rest, _ := strings.Cut(s, "\n")
		zone, want, _ := strings.Cut(rest, "--\n")
		t.Run(title, func(t *testing.T) {
			w := read(t, base, zone)
			r := w.checker().Domain(t.Context(), w.expected)
			for _, f := range r.Findings {
				codes[f.Subject+" "+f.Code] = true
			}
			if !strings.HasPrefix(title, "extras") { // which are told of in every report
				r.Findings = slices.DeleteFunc(r.Findings, func(f finding.Finding) bool { return f.Subject == SubjectExtras })
			}
			got := tell(&r, w.expected)
			if !*update {
				if d := cmp.Diff(strings.TrimSpace(want), strings.TrimSpace(got)); d != "" {
					t.Error(d)
				}
			}
			out = append(out, title+"\n"+zone+"--\n"+got)
		})
	}
	if *update {
		if err := os.WriteFile(path, []byte(strings.Join(out, "\n== ")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d cases, %d kinds of findings: %s", len(sections)-1, len(codes), strings.Join(slices.Sorted(maps.Keys(codes)), ", "))
}

// tell writes what a person reads of a report.
func tell(r *Report, e Expected) string {
	var b strings.Builder
	g := Decide(r, e.Keys)
	gate := "open"
	switch {
	case g.Unclear:
		gate = "as it was"
	case !g.Open:
		gate = "shut, lacks " + strings.Join(g.Lacks, ", ")
	}
	fmt.Fprintf(&b, "ownership %s, spf %s, return path %s, dmarc %s", r.Ownership, r.SPF, r.ReturnPath, r.DMARC)
	for _, k := range e.Keys {
		fmt.Fprintf(&b, ", key %s %s", k.Selector, r.Keys[k.Selector])
	}
	fmt.Fprintf(&b, "; gate %s\n", gate)
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%s: %s: %s (%s)\n  found:    %s\n", f.Severity, f.Subject, f.Name, f.Code, f.Found)
		if !f.Change.IsZero() {
			fmt.Fprintf(&b, "  expected: %s\n  change:   %s\n", f.Expected, f.Change)
		}
	}
	return b.String()
}
