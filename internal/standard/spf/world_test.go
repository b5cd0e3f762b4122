package spf_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/budkavle/budkavle/internal/standard/spf"
)

// TestLintForetellsCheck: for a client that matches nothing, Check says permerror exactly where Lint finds a fault that
// means it. The two go through the records each in its own way.
func TestLintForetellsCheck(t *testing.T) {
	terms := []string{
		"a:host.example", "a:gone.example", "mx:mail.example", "mx:many.example", "exists:gone.example", "-exists:nowhere.example", "ptr:host.example",
		"include:n0.example", "include:n1.example", "~include:n2.example", "?include:n3.example", "include:n4.example",
		"redirect=n1.example", "redirect=n4.example", "ip4:198.51.100.0/24", "ip6:2001:db8::/32", "-all", "?all", "ip4:wrong", "a:%{d}", "note=x",
	}
	means := []string{"too-many-lookups", "too-many-voids", "loop", "no-record", "two-records", "syntax", "too-many-mx"}
	faulty, sound := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		z := emptyZone()
		z["A"]["host.example"], z["AAAA"]["host.example"] = []string{"192.0.2.1"}, []string{"2001:db8:1::1"}
		z["MX"]["mail.example"] = []string{"10 host.example"}
		for i := range 11 {
			z["MX"]["many.example"] = append(z["MX"]["many.example"], fmt.Sprintf("%d host.example", i))
		}
		weights := rapid.SampledFrom([][]string{terms, terms[:1], {terms[0], terms[8], terms[9], terms[10], terms[11], terms[16]}})
		for i := range 5 {
			own := weights.Draw(t, "terms")
			for range rapid.SampledFrom([]int{1, 1, 1, 1, 1, 1, 1, 0, 2}).Draw(t, "records") {
				record := "v=spf1"
				for range rapid.IntRange(0, 5).Draw(t, "length") {
					record += " " + rapid.SampledFrom(own).Draw(t, "term")
				}
				name := fmt.Sprintf("n%d.example", i)
				z["TXT"][name] = append(z["TXT"][name], record)
			}
		}
		fake := z.fake()
		fake.A["n0.example"], fake.A["n1.example"], fake.A["n2.example"] = fake.A["host.example"], fake.A["host.example"], fake.A["host.example"]
		client := address.Next().Next()
		fake.PTR[client] = []string{"client.other.example"} // a client without any name makes ptr void, which Lint cannot know
		report := spf.Lint(t.Context(), fake, "n0.example")
		foretold := slices.ContainsFunc(report.Findings, func(f spf.Finding) bool {
			return slices.Contains(means, f.Code) && (f.Domain != "n0.example" || f.Term != "" || len(z["TXT"]["n0.example"]) > 0)
		})
		got := spf.Check(t.Context(), fake, spf.Query{IP: client, Sender: "n0.example"})
		if (got.Verdict == spf.PermError) != foretold {
			t.Errorf("check says %s (%s), lint %+v\n%v", got.Verdict, got.Reason, report.Findings, z["TXT"])
		}
		if got.Lookups > spf.MaxLookups+1 || got.Voids > spf.MaxVoids+1 {
			t.Errorf("%d look-ups, %d voids", got.Lookups, got.Voids)
		}
		if !foretold && got.Verdict != spf.PermError && report.Tree.Lookups != got.Lookups {
			t.Errorf("lint counts %d look-ups, check %d: %v", report.Tree.Lookups, got.Lookups, z["TXT"])
		}
		if foretold {
			faulty++
		} else {
			sound++
		}
	})
	if faulty < 5 || sound < 5 {
		t.Errorf("%d faulty and %d sound worlds; both are wanted", faulty, sound)
	}
}
