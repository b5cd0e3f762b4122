package route

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func hostsOf(names ...string) []Host {
	hosts := make([]Host, len(names))
	for i, n := range names {
		hosts[i].Name = n
	}
	return hosts
}

func TestSiteName(t *testing.T) {
	tests := map[string][]string{
		"mx.example.org":                                 {"mx.example.org"},
		"(mx1|mx2).example.org":                          {"mx2.example.org", "mx1.example.org"},
		"(alt1|alt2)?.gmail-smtp-in.l.google.com":        {"gmail-smtp-in.l.google.com", "alt2.gmail-smtp-in.l.google.com", "alt1.gmail-smtp-in.l.google.com"},
		"(a.x|b.y).example":                              {"a.x.example", "b.y.example"},
		"(b.x|a.y).example":                              {"a.y.example", "b.x.example"},
		"(mx.other.com|mx.example.org)":                  {"mx.example.org", "mx.other.com"},
		"((alt1)?.aspmx.l.google|aspmx2.googlemail).com": {"aspmx.l.google.com", "alt1.aspmx.l.google.com", "aspmx2.googlemail.com"},
	}
	for want, names := range tests {
		if got := siteName(hostsOf(names...)); got != want {
			t.Errorf("%v: got %s, want %s", names, got, want)
		}
	}
}

func TestLongSiteNamesKeepApart(t *testing.T) {
	set := func(last string) []Host {
		var names []string
		for i := range 20 {
			names = append(names, fmt.Sprintf("a-rather-long-name-%d.example.org", i))
		}
		return hostsOf(append(names, last)...)
	}
	a, b := siteName(set("x.example.org")), siteName(set("y.example.org"))
	if a == b || len(a) != maxSite || len(b) != maxSite || !strings.HasSuffix(a, ".example.org") {
		t.Errorf("got %s and %s", a, b)
	}
	if again := siteName(set("x.example.org")); again != a {
		t.Errorf("not stable: %s, %s", a, again)
	}
}

// Two sets of hosts have one site exactly if they are the same set.
func TestSiteNamesAreOneToOne(t *testing.T) {
	name := rapid.StringMatching(`[ab](\.[ab]){0,3}`)
	set := rapid.SliceOfNDistinct(name, 1, 5, rapid.ID[string])
	rapid.Check(t, func(t *rapid.T) {
		a, b := set.Draw(t, "a"), set.Draw(t, "b")
		same := len(a) == len(b)
		for _, n := range a {
			same = same && strings.Contains(" "+strings.Join(b, " ")+" ", " "+n+" ")
		}
		if got := siteName(hostsOf(a...)) == siteName(hostsOf(b...)); got != same {
			t.Fatalf("%v and %v: %s and %s", a, b, siteName(hostsOf(a...)), siteName(hostsOf(b...)))
		}
	})
}
