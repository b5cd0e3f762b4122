package spf_test

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/standard/spf"
)

const guideGolden = "testdata/guide.golden"

// TestGuide plays testdata/guide.golden: cases that begin with "# what", then the zone as "name TYPE value" lines, a line
// "ask QUESTION=ANSWER…", and after "--" what the guide gives for school.example. "blind" asks without a resolver.
func TestGuide(t *testing.T) {
	text, err := os.ReadFile(guideGolden)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	codes := map[string]bool{}
	for _, c := range strings.Split(string(text), "\n# ") {
		title, rest, _ := strings.Cut(strings.TrimPrefix(c, "# "), "\n")
		input, _, _ := strings.Cut(rest, "--\n")
		zone, asked, _ := strings.Cut(input, "ask")
		z := emptyZone()
		for line := range strings.Lines(zone) {
			fields := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 3)
			if fields[1] == "SERVFAIL" {
				z["TXT"][fields[0]] = nil
				continue
			}
			z[fields[1]][fields[0]] = append(z[fields[1]][fields[0]], grow(fields[2]))
		}
		var resolver dns.Resolver = z.fake()
		answers := spf.Answers{Domain: "school.example"}
		for _, word := range strings.Fields(asked) {
			if word == "blind" {
				resolver = nil
				continue
			}
			answer(t, &answers, word)
		}
		p, err := spf.Build(t.Context(), resolver, answers)
		for _, f := range p.Findings {
			codes[f.Code] = true
		}
		fmt.Fprintf(&got, "# %s\n%s--\n%s\n", title, input, proposalText(p, err))
	}
	result := strings.TrimSuffix(got.String(), "\n")
	if *update {
		if err := os.WriteFile(guideGolden, []byte(result), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(text), result); diff != "" && !*update {
		t.Errorf("the guide differs (-want +got); if it is right: go test -run TestGuide -update\n%s", diff)
	}
	for _, code := range []string{
		"pass-all", "ptr", "long-record", "long-string", "long-answer", "too-many-lookups", "too-many-voids", "no-record", "missing-sender", "syntax",
		"dns", "present-unknown", "not-counted", "not-spf",
	} {
		if !codes[code] {
			t.Errorf("no case has %s", code)
		}
	}
}

func answer(t *testing.T, a *spf.Answers, word string) {
	question, value, _ := strings.Cut(word, "=")
	values := strings.Split(value, ",")
	switch question {
	case "domain":
		a.Domain = value
	case "senders":
		a.Senders = values
	case "includes":
		a.Includes = values
	case "servers":
		a.Servers = values
	case "all":
		a.All = spf.Verdict(value)
	case "nothing":
		a.Nothing = true
	case "fresh":
		a.Fresh = true
	case "seen":
		for _, v := range values {
			fields := append(strings.Split(v, "/"), "", "")
			n, _ := strconv.Atoi(fields[2])
			a.Seen = append(a.Seen, spf.Source{Address: netip.MustParseAddr(fields[0]), Name: fields[1], Messages: n})
		}
	default:
		t.Fatalf("what is %q?", word)
	}
}

func proposalText(p spf.Proposal, err error) string {
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	var b strings.Builder
	if p.Record == "" {
		fmt.Fprintf(&b, "no record; present: %q\n", p.Present)
	} else {
		fmt.Fprintf(&b, "%s\nchanged: %v, in the place of %d\n", p.Zone, p.Changed, len(p.Present))
		for _, done := range p.Done {
			fmt.Fprintf(&b, "  %s\n", done)
		}
		fmt.Fprintf(&b, "%d look-ups, %d without an answer, counted: %v\n", p.Tree.Lookups, p.Tree.Voids, p.Counted)
	}
	for _, s := range p.Senders {
		if s.Note != "" {
			fmt.Fprintf(&b, "%s: %s\n", s.Key, s.Note)
		}
	}
	for _, f := range p.Findings {
		fmt.Fprintf(&b, "%s %s %s\n  found:    %s\n  expected: %s\n  change:   %s\n", f.Severity, f.Code, f.Term, f.Found, f.Expected, f.Change)
	}
	return strings.ReplaceAll(b.String(), " \n", "\n")
}

// TestSenders holds the list to its own rules.
func TestSenders(t *testing.T) {
	keys := map[string]bool{}
	categories := []spf.Category{spf.Host, spf.Newsletter, spf.Tickets, spf.Shop, spf.Other}
	last := 0
	for _, s := range spf.Senders() {
		at := slices.Index(categories, s.Category)
		if s.Key == "" || s.Name == "" || s.Source == "" || keys[s.Key] || at < last || s.Key != strings.ToLower(s.Key) || strings.ContainsAny(s.Key, " ,=") {
			t.Errorf("%+v", s)
		}
		keys[s.Key], last = true, at
		if _, err := time.Parse(time.DateOnly, s.Checked); err != nil {
			t.Errorf("%s: %v", s.Key, err)
		}
		if (s.Note == "") != (s.NoteSwedish == "") || s.Note == "" && len(s.Include) == 0 {
			t.Errorf("%s needs a note in both languages", s.Key)
		}
		for _, name := range slices.Concat(s.Include, s.KnownBy) {
			if r, err := spf.Parse("v=spf1 include:" + name); err != nil || strings.ContainsAny(name, "%/ ") || name != strings.ToLower(name) {
				t.Errorf("%s: %q: %v, %v", s.Key, name, r, err)
			}
		}
	}
	for _, key := range []string{"google", "microsoft365", "mailgun", "sendgrid", "mailchimp", "amazonses", "zendesk", "loopia", "onecom"} {
		if !keys[key] {
			t.Errorf("%s is not in the list", key)
		}
	}
}

// TestProposedIsPublished: what the guide gives, pasted into a zone, is what it said it would be.
func TestProposedIsPublished(t *testing.T) {
	z := emptyZone()
	z["TXT"]["school.example"] = []string{"v=spf1" + strings.Repeat(" ip4:198.51.100.0/24", 14) + " ~all", "other=1"}
	z["TXT"]["kundspf.loopia.se"] = []string{"v=spf1 ip4:203.0.113.0/24 -all"}
	p, err := spf.Build(t.Context(), z.fake(), spf.Answers{Domain: "School.Example.", Senders: []string{"Loopia"}, Seen: []spf.Source{{Address: netip.MustParseAddr("203.0.113.5")}}})
	if err != nil {
		t.Fatal(err)
	}
	published := ""
	for i, part := range strings.Split(p.Zone, `"`) {
		if i%2 == 1 {
			published += part
			if len(part) > 255 {
				t.Errorf("a string of %d octets", len(part))
			}
		}
	}
	z["TXT"]["school.example"][0] = published
	r := spf.Lint(t.Context(), z.fake(), "school.example")
	if published != p.Record || !cmp.Equal(r.Tree, p.Tree) || len(p.Missing) != 0 {
		t.Errorf("published %q\nfound %+v\nsaid  %+v, missing %v", published, r.Tree, p.Tree, p.Missing)
	}
	if got := spf.Check(t.Context(), z.fake(), spf.Query{IP: netip.MustParseAddr("203.0.113.5"), Sender: "school.example"}); got.Verdict != spf.Pass {
		t.Errorf("check says %s", got.Verdict)
	}
}

// TestSeenIsBounded: reports may name any number of sources; those with the most mail are tried.
func TestSeenIsBounded(t *testing.T) {
	z := emptyZone()
	z["TXT"]["school.example"] = []string{"v=spf1 -all"}
	var seen []spf.Source
	addr := netip.MustParseAddr("203.0.113.1")
	for i := range 300 {
		seen = append(seen, spf.Source{Address: addr, Messages: i})
		addr = addr.Next()
	}
	p, err := spf.Build(t.Context(), z.fake(), spf.Answers{Domain: "school.example", Seen: seen})
	if err != nil || len(p.Missing) != 100 || p.Missing[0].Messages != 299 || p.Missing[0].Verdict != spf.Fail {
		t.Errorf("%d missing, %v", len(p.Missing), err)
	}
}
