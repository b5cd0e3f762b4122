package spf_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/budkavle/budkavle/internal/standard/spf"
)

var update = flag.Bool("update", false, "write the golden file anew")

const golden = "testdata/lint.golden"

// TestLint plays testdata/lint.golden: cases that begin with "# what", then the zone as "name TYPE value" lines, then
// after "--" what Lint says of the first name.
func TestLint(t *testing.T) {
	text, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	codes := map[string]bool{}
	cases := strings.Split(string(text), "\n# ")
	for _, c := range cases {
		title, rest, _ := strings.Cut(strings.TrimPrefix(c, "# "), "\n")
		records, _, _ := strings.Cut(rest, "--\n")
		z := emptyZone()
		domain := ""
		for line := range strings.Lines(records) {
			fields := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 3)
			if domain == "" {
				domain = fields[0]
			}
			if fields[1] == "SERVFAIL" {
				z["TXT"][fields[0]], z["A"][fields[0]], z["MX"][fields[0]] = nil, nil, nil
				continue
			}
			z[fields[1]][fields[0]] = append(z[fields[1]][fields[0]], grow(fields[2]))
		}
		r := spf.Lint(t.Context(), z.fake(), domain)
		for _, f := range r.Findings {
			codes[f.Code] = true
		}
		fmt.Fprintf(&got, "# %s\n%s--\n%s\n", title, records, written(r))
	}
	result := strings.TrimSuffix(got.String(), "\n")
	if *update {
		if err := os.WriteFile(golden, []byte(result), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(text), result); diff != "" && !*update {
		t.Errorf("lint differs (-want +got); if it is right: go test -run TestLint -update\n%s", diff)
	}
	if len(cases) < 30 || len(codes) < 25 {
		t.Errorf("%d cases with %d codes; records of at least 30 shapes with every code belong here", len(cases), len(codes))
	}
}

var repeated = regexp.MustCompile(`\{(\d+):([^}]*)\}`)

// grow writes out "{N:TEXT}", which stands for TEXT N times; a # in it counts them.
func grow(value string) string {
	return repeated.ReplaceAllStringFunc(value, func(s string) string {
		m := repeated.FindStringSubmatch(s)
		n, _ := strconv.Atoi(m[1])
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.ReplaceAll(m[2], "#", strconv.Itoa(100+i)))
		}
		return b.String()
	})
}

func written(r spf.Report) string {
	var b strings.Builder
	var tree func(n *spf.Node, depth int)
	tree = func(n *spf.Node, depth int) {
		fmt.Fprintf(&b, "%s%s %d/%d", strings.Repeat("  ", depth), n.Domain, n.Lookups, n.Voids)
		if n.Repeated {
			b.WriteString(" repeated")
		}
		b.WriteByte('\n')
		for _, below := range n.Below {
			tree(below, depth+1)
		}
	}
	tree(r.Tree, 0)
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%s %s: %s", f.Severity, f.Code, f.Domain)
		if f.Term != "" {
			fmt.Fprintf(&b, " at %d %q", f.Offset, f.Term)
		}
		fmt.Fprintf(&b, "\n  found:    %s\n  expected: %s\n  change:   %s\n", f.Found, f.Expected, f.Change)
	}
	return b.String()
}

func TestLintOfWhatHasNoEnd(t *testing.T) {
	z := emptyZone()
	for i := range 1000 { // each includes the next twice: 2^1000 look-ups
		z["TXT"][fmt.Sprintf("n%d.example", i)] = []string{fmt.Sprintf("v=spf1 include:n%d.example include:n%d.example", i+1, i+1)}
	}
	z["TXT"]["wide.example"] = []string{"v=spf1" + strings.Repeat(" a:nowhere.example bad", 5000)}
	for _, domain := range []string{"n0.example", "wide.example"} {
		counted := &counting{Resolver: z.fake()}
		r := spf.Lint(t.Context(), counted, domain)
		if len(counted.names) > 200 || len(r.Findings) > 400 || !r.Faulty() {
			t.Errorf("%s: %d questions, %d findings", domain, len(counted.names), len(r.Findings))
		}
		if got := spf.Check(t.Context(), counted, spf.Query{IP: address, Sender: domain}); got.Verdict != spf.PermError {
			t.Errorf("%s: check says %s", domain, got.Verdict)
		}
	}
}
