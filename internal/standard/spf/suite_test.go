package spf_test

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/standard/spf"
)

// suite is where the test suite of RFC 7208 lies, beside the repository.
const suite = "../../../../shared/data/spf/rfc7208-tests.yml"

const suiteCases = 203

type scenario struct {
	Description string
	Tests       map[string]struct {
		Helo, Host, Mailfrom, Explanation string
		Result                            yaml.Node
	}
	Zonedata map[string][]yaml.Node
}

func scenarios(t *testing.T) []scenario {
	t.Helper()
	text, err := os.ReadFile(suite)
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("the test suite of RFC 7208 is not at %s", suite)
	}
	if err != nil {
		t.Fatal(err)
	}
	var list []scenario
	cases := 0
	for d := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var s scenario
		if err := d.Decode(&s); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		cases += len(s.Tests)
		list = append(list, s)
	}
	if cases != suiteCases {
		t.Fatalf("the suite has %d cases, want %d", cases, suiteCases)
	}
	return list
}

func TestSuite(t *testing.T) {
	for _, s := range scenarios(t) {
		z := s.zone()
		s.run(t, "fake", z.fake())
	}
}

func TestSuiteByRealDNS(t *testing.T) {
	for _, s := range scenarios(t) {
		c, err := dns.New(dns.Config{Servers: []string{serveDNS(t, s.zone().serve)}, Rounds: 1})
		if err != nil {
			t.Fatal(err)
		}
		s.run(t, "dns", c)
	}
}

func (s *scenario) run(t *testing.T, by string, r dns.Resolver) {
	for name, c := range s.Tests {
		t.Run(by+"/"+s.Description+"/"+name, func(t *testing.T) {
			got := spf.Check(t.Context(), r, spf.Query{IP: netip.MustParseAddr(c.Host), Sender: c.Mailfrom, Helo: c.Helo})
			want := []string{c.Result.Value}
			for _, n := range c.Result.Content {
				want = append(want, n.Value)
			}
			if !slices.Contains(want, string(got.Verdict)) {
				t.Errorf("got %s (%s), want %s", got.Verdict, got.Reason, strings.Join(want, " "))
			}
			explanation := c.Explanation
			if explanation == "DEFAULT" {
				explanation = ""
			}
			if c.Explanation != "" && got.Explanation != explanation {
				t.Errorf("explanation %q, want %q", got.Explanation, explanation)
			}
			if got.Reason.String() == "" {
				t.Error("no reason")
			}
			if t.Failed() {
				for _, step := range got.Steps {
					t.Logf("%d %s %s: %s (%d)", step.Depth, step.Domain, step.Term, step.What, step.Lookups)
				}
			}
		})
	}
}
