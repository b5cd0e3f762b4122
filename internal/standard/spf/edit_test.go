package spf_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/budkavle/budkavle/internal/standard/spf"
)

const editGolden = "testdata/edit.golden"

// TestEdit plays testdata/edit.golden: cases that begin with "# what", then the zone as "name TYPE value" lines (\t stands for
// a tab), a line "want TERM… all=VERDICT", and after "--" what the first name's records are read as, what Edit makes of
// them, and what Lint says of that.
func TestEdit(t *testing.T) {
	text, err := os.ReadFile(editGolden)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	cases := strings.Split(string(text), "\n# ")
	for _, c := range cases {
		title, rest, _ := strings.Cut(strings.TrimPrefix(c, "# "), "\n")
		input, _, _ := strings.Cut(rest, "--\n")
		zone, wanted, _ := strings.Cut(input, "want")
		z := emptyZone()
		for line := range strings.Lines(zone) {
			fields := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 3)
			z[fields[1]][fields[0]] = append(z[fields[1]][fields[0]], strings.ReplaceAll(grow(fields[2]), `\t`, "\t"))
		}
		want := spf.Want{Domain: "school.example"}
		for _, term := range strings.Fields(wanted) {
			if all, ok := strings.CutPrefix(term, "all="); ok {
				want.All = spf.Verdict(all)
				continue
			}
			want.Terms = append(want.Terms, term)
		}
		fmt.Fprintf(&got, "# %s\n%s--\n%s\n", title, input, editedText(t, z, want))
	}
	result := strings.TrimSuffix(got.String(), "\n")
	if *update {
		if err := os.WriteFile(editGolden, []byte(result), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(text), result); diff != "" && !*update {
		t.Errorf("edit differs (-want +got); if it is right: go test -run TestEdit -update\n%s", diff)
	}
	if len(cases) < 40 {
		t.Errorf("%d cases; at least 40 shapes of records belong here", len(cases))
	}
}

func editedText(t *testing.T, z zone, want spf.Want) string {
	var b strings.Builder
	txt := slices.Clone(z["TXT"]["school.example"])
	for _, text := range txt {
		if !spf.IsRecord(text) {
			continue
		}
		r, err := spf.Parse(text)
		if err != nil {
			fmt.Fprintf(&b, "faults: %s\n", strings.ReplaceAll(err.Error(), "\n", "\n        "))
			continue
		}
		var kinds []string
		for _, m := range r.Mechanisms {
			kinds = append(kinds, fmt.Sprintf("%s %s", m.Verdict, m.Kind))
		}
		for _, m := range []*spf.Modifier{r.Redirect, r.Exp} {
			if m != nil {
				kinds = append(kinds, m.Name+"=")
			}
		}
		for _, m := range r.Unknown {
			kinds = append(kinds, m.Name+"=")
		}
		if kinds == nil {
			kinds = []string{"no terms"}
		}
		fmt.Fprintf(&b, "read:   %s\n", strings.Join(tally(kinds), ", "))
	}
	e, err := spf.Edit(txt, want)
	if err != nil {
		return b.String() + "nothing was changed\n"
	}
	fmt.Fprintf(&b, "record: %s\n", shortened(e.Record))
	for _, done := range e.Done {
		fmt.Fprintf(&b, "  %s\n", shortened(done.String()))
	}
	for _, w := range e.Warnings {
		fmt.Fprintf(&b, "  warning: %s\n", w)
	}
	if e.Changed != (len(e.Present) != 1 || e.Present[0] != e.Record) {
		t.Errorf("changed %v: %q is now %q", e.Changed, e.Present, e.Record)
	}
	again, err := spf.Edit([]string{e.Record}, want)
	if err != nil || again.Changed {
		t.Errorf("the same change made twice: %q, %v", again.Record, err)
	}
	z["TXT"]["school.example"] = append(slices.DeleteFunc(txt, spf.IsRecord), e.Record)
	r := spf.Lint(t.Context(), z.fake(), "school.example")
	fmt.Fprintf(&b, "lint:   %d look-ups, %d without an answer\n", r.Tree.Lookups, r.Tree.Voids)
	var found []string
	for _, f := range r.Findings {
		found = append(found, strings.TrimSpace(fmt.Sprintf("%s %s %s", f.Severity, f.Code, f.Term)))
	}
	for _, f := range tally(found) {
		fmt.Fprintf(&b, "  %s\n", f)
	}
	return b.String()
}

// tally writes what repeats once, with how often it does.
func tally(list []string) (short []string) {
	for i := 0; i < len(list); {
		n := 1
		for i+n < len(list) && list[i+n] == list[i] {
			n++
		}
		line := list[i]
		if n > 1 {
			line = fmt.Sprintf("%s (%d times)", line, n)
		}
		short = append(short, line)
		i += n
	}
	return short
}

// shortened keeps what is long on one line, with both its ends.
func shortened(s string) string {
	if len(s) > 200 {
		return fmt.Sprintf("%s … %s (%d octets)", s[:60], s[len(s)-60:], len(s))
	}
	return s
}

func TestEditRefusesTerms(t *testing.T) {
	for _, tt := range []struct{ term, want string }{
		{"", "is not one mechanism"},
		{"all", "is not one mechanism"},
		{"-mx", "is not one mechanism"},
		{"mx a", "is not one mechanism"},
		{"redirect=_spf.host.example", "is not one mechanism"},
		{"include:", "the domain is missing"},
		{"ip4:192.0.2.999", "is not an IPv4 address"},
		{"inlcude:host.example", "did you mean include?"},
	} {
		_, err := spf.Edit([]string{"v=spf1 -all"}, spf.Want{Terms: []string{tt.term}})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: got %v, want %q", tt.term, err, tt.want)
		}
	}
}

func TestEditKeepsWhatCannotBeRead(t *testing.T) {
	_, err := spf.Edit([]string{"v=spf1 mx -all", "v=spf1 ip4:nowhere -all"}, spf.Want{Terms: []string{"a"}})
	faults, ok := err.(spf.Faults)
	if !ok || len(faults) != 1 || faults[0].Span.Text != "ip4:nowhere" {
		t.Errorf("got %v", err)
	}
}

// TestJoinIsTheSameInAnyOrder: DNS gives records in any order.
func TestJoinIsTheSameInAnyOrder(t *testing.T) {
	a, b, c := "v=spf1 mx -all", "v=spf1 include:b.example ~all", "v=spf1 redirect=c.example"
	want, err := spf.Edit([]string{a, b, c}, spf.Want{})
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range [][]string{{a, c, b}, {b, a, c}, {b, c, a}, {c, a, b}, {c, b, a}} {
		if got, err := spf.Edit(list, spf.Want{}); err != nil || got.Record != want.Record {
			t.Errorf("%q: got %q, want %q (%v)", list, got.Record, want.Record, err)
		}
	}
}

func TestZoneLine(t *testing.T) {
	for _, tt := range []struct{ domain, record, want string }{
		{"school.example", "v=spf1 -all", `school.example. IN TXT "v=spf1 -all"`},
		{"school.example.", `v=spf1 exists:%{l}"\.example -all`, `school.example. IN TXT "v=spf1 exists:%{l}\"\\.example -all"`},
		{
			"a.example", "v=spf1" + strings.Repeat(" ip4:198.51.100.0/24", 13) + " -all",
			`a.example. IN TXT "v=spf1` + strings.Repeat(" ip4:198.51.100.0/24", 12) + ` " "ip4:198.51.100.0/24 -all"`,
		},
		{"a.example", "v=spf1 x=" + strings.Repeat("y", 300), `a.example. IN TXT "v=spf1 " "x=` + strings.Repeat("y", 253) + `" "` + strings.Repeat("y", 47) + `"`},
	} {
		if got := spf.ZoneLine(tt.domain, tt.record); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

func FuzzEdit(f *testing.F) {
	f.Add("v=spf1 mx -all", byte(0), byte(0))
	f.Add("V=SPF1  a:b.example/24//64 ?include:%{d2r-}.c.example  redirect=_spf.%{o}", byte(1), byte(2))
	f.Add("v=spf1 -ip4:192.0.2.0/24 exp=why.%{d} ~ALL mx", byte(1), byte(1))
	f.Add("v=spf1 redirect=a.example x=y ", byte(3), byte(3))
	f.Add("v=spf1 x=y redirect=a.example", byte(1), byte(2))
	f.Add("v=spf1 ?include:a.example. all", byte(0), byte(0))
	terms := []string{"include:A.example", "ip4:192.0.2.1", "ip6:2001:db8::/48", "mx", "a:mail.school.example/28", "include:%{d}.b.example"}
	ends := []spf.Verdict{"", spf.Fail, spf.SoftFail, spf.Neutral}
	f.Fuzz(func(t *testing.T, text string, term, end byte) {
		before, err := spf.Parse(text)
		if err != nil {
			return
		}
		want := spf.Want{Domain: "school.example", Terms: []string{terms[int(term)%len(terms)]}, All: ends[int(end)%len(ends)]}
		e, err := spf.Edit([]string{text}, want)
		if err != nil {
			t.Fatal(err)
		}
		after, err := spf.Parse(e.Record)
		if err != nil {
			t.Fatalf("%q became %q: %v", text, e.Record, err)
		}
		keeps(t, text, e.Record, want.All != "")
		if n := alls(before); n > 0 && alls(after) != n {
			t.Errorf("%q became %q: it had %d \"all\", and has %d", text, e.Record, n, alls(after))
		}
		if n := len(before.Mechanisms); n > 0 && before.Mechanisms[n-1].Kind == spf.All && after.Mechanisms[len(after.Mechanisms)-1].Kind != spf.All {
			t.Errorf("%q became %q: \"all\" is no longer last", text, e.Record)
		}
		if again, err := spf.Edit([]string{e.Record}, want); err != nil || again.Changed {
			t.Errorf("%q became %q, then %q: %v", text, e.Record, again.Record, err)
		}
		two, err := spf.Edit([]string{text, "v=spf1 ?mx:two.example ~all exp=why.two.example"}, want)
		if err != nil {
			t.Fatal(err)
		}
		if joined, err := spf.Parse(two.Record); err != nil || alls(joined) < 1 {
			t.Errorf("%q joined: %q, %v", text, two.Record, err)
		}
	})
}

// keeps wants the old terms in the new record, in their order. A qualifier may go; when an end was asked for, "all" may change
// and a redirect become something else.
func keeps(t *testing.T, old, record string, ended bool) {
	t.Helper()
	isAll := func(term string) bool { return strings.TrimLeft(strings.ToLower(term), "+-~?") == "all" }
	terms := strings.Fields(record)
	for _, term := range strings.Fields(old) {
		if ended && strings.HasPrefix(strings.ToLower(term), "redirect=") {
			continue
		}
		i := slices.IndexFunc(terms, func(s string) bool {
			return s == term || s == strings.TrimLeft(term, "-~?") || ended && isAll(s) && isAll(term)
		})
		if i < 0 {
			t.Fatalf("%q became %q, which lost %q", old, record, term)
		}
		terms = terms[i+1:]
	}
}

func alls(r *spf.Record) (n int) {
	for _, m := range r.Mechanisms {
		if m.Kind == spf.All {
			n++
		}
	}
	return n
}
