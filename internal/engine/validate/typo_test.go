package validate

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/budkavle/budkavle/internal/standard/address"
	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/standard/dns/dnstest"
)

func TestTyposAreFound(t *testing.T) {
	data, err := os.ReadFile("testdata/typos.tsv")
	if err != nil {
		t.Fatal(err)
	}
	v := validator(t, &dnstest.Fake{MX: map[string][]dns.MX{}})
	found, all := 0, 0
	for _, line := range entries(string(data)) {
		typed, meant, _ := strings.Cut(line, "\t")
		all++
		f, err := v.about(t.Context(), typed)
		if err == nil && f.meant == meant {
			found++
			continue
		}
		t.Errorf("%s: %q, %v; want %s", typed, f.meant, err, meant)
	}
	t.Logf("%d of %d typing errors found", found, all)
}

// every changes a domain in each way that one slip of the fingers does.
func every(domain string, f func(string)) {
	r := []rune(domain)
	for i := range r {
		f(string(r[:i]) + string(r[i+1:]))                // one left out
		f(string(r[:i]) + string(r[i]) + string(r[i:]))   // one twice
		for _, k := range "abcdefghijklmnopqrstuvwxyz." { // the key beside it
			if neighbours(r[i], k) {
				f(string(r[:i]) + string(k) + string(r[i+1:]))
			}
		}
		if i > 0 && r[i] != r[i-1] {
			f(string(r[:i-1]) + string([]rune{r[i], r[i-1]}) + string(r[i+1:]))
		}
	}
}

// TestSlips makes every single slip in the ten most popular domains, all of which DNS denies.
func TestSlips(t *testing.T) {
	s := newSpeller()
	found, other, all := 0, 0, 0
	for _, domain := range s.popular[:10] {
		every(domain, func(typed string) {
			if d, err := address.ParseDomain(typed); err != nil || d != typed || s.known[typed] {
				return
			}
			all++
			switch s.nearest(typed) {
			case domain:
				found++
			case "":
			default:
				other++
			}
		})
	}
	t.Logf("%d slips: %d led back, %d to another popular domain", all, found, other)
	if found*100 < all*95 {
		t.Errorf("of %d slips only %d led back", all, found)
	}
}

// Real domains are not called typing errors: never while they take mail, and hardly ever if they do no longer.
func TestRealDomainsAreLeftAlone(t *testing.T) {
	data, err := os.ReadFile("testdata/real.txt")
	if err != nil {
		t.Fatal(err)
	}
	alive := &dnstest.Fake{MX: map[string][]dns.MX{}, A: world().A}
	domains := strings.Fields(strings.Join(entries(string(data)), " "))
	for _, d := range domains {
		alive.MX[d] = mx("mx.example")
	}
	v, suspects := validator(t, alive), ""
	for _, d := range domains {
		if f, err := v.about(t.Context(), d); err != nil || f.meant != "" || f.disposable || f.code != "" {
			t.Errorf("%s: %+v, %v", d, f, err)
		}
		if meant := v.speller.nearest(d); meant != "" {
			suspects += fmt.Sprintf("%s %s\n", d, meant)
		}
	}
	golden(t, "suspects.golden", fmt.Sprintf("# of %d real domains these would be taken for typing errors if they took no mail\n%s", len(domains), suspects))
}

func TestListsAreInOrder(t *testing.T) {
	s := newSpeller()
	for _, d := range append(entries(popularList), entries(disposableList)...) {
		if got, err := address.ParseDomain(d); err != nil || got != d {
			t.Errorf("%q is not a domain in lower case: %v", d, err)
		}
	}
	for typed, meant := range s.typos {
		if s.known[typed] || !s.known[meant] {
			t.Errorf("%s for %s: the first is popular or the second is not", typed, meant)
		}
	}
	seen := map[string]bool{}
	for _, line := range append(entries(popularList), entries(roleList)...) {
		if seen[line] || strings.ToLower(line) != line {
			t.Errorf("%q stands twice, or not in lower case", line)
		}
		seen[line] = true
	}
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		typed, meant string
		want         int
	}{
		{"gmail.com", "gmail.com", 0},
		{"gmial.com", "gmail.com", costSwap},
		{"gnail.com", "gmail.com", costNeighbour},
		{"gmaill.com", "gmail.com", costDoubled},
		{"yaho.com", "yahoo.com", costDoubled},
		{"gmil.com", "gmail.com", costAny},
		{"gpail.com", "gmail.com", costAny},
		{"gnial.com", "gmail.com", costNeighbour + costSwap},
		{"telia.se", "gmail.com", 21},
	} {
		if got := distance(tt.typed, tt.meant, 20); got != tt.want {
			t.Errorf("%s for %s: %d, want %d", tt.typed, tt.meant, got, tt.want)
		}
		if got := distance(tt.meant, tt.typed, 20); got != tt.want {
			t.Errorf("%s for %s: %d, want %d", tt.meant, tt.typed, got, tt.want)
		}
	}
}
