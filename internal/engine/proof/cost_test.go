package proof

import (
	"context"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/standard/dns/dnstest"
)

// counter counts the questions of a check that leave a cache: each name and type once.
type counter struct {
	*dnstest.Fake
	asked atomic.Int32
}

func (c *counter) LookupTXT(ctx context.Context, name string) (dns.Answer[string], error) {
	c.asked.Add(1)
	return c.Fake.LookupTXT(ctx, name)
}

func (c *counter) LookupMX(ctx context.Context, name string) (dns.Answer[dns.MX], error) {
	c.asked.Add(1)
	return c.Fake.LookupMX(ctx, name)
}

// TestACheckInOrderAsksNoAuthority keeps the re-check of 10,000 domains cheap.
func TestACheckInOrderAsksNoAuthority(t *testing.T) {
	data, err := os.ReadFile("testdata/faults.txt")
	if err != nil {
		t.Fatal(err)
	}
	base := strings.Split(string(data), "\n== ")[0]
	w := read(t, base[strings.Index(base, "\n\n"):], "")
	authority := &counter{Fake: w.now}
	r := New(Config{Resolver: w.now, Authority: authority, Clock: fixed{}}).Domain(t.Context(), w.expected)
	if g := Decide(&r, w.expected.Keys); !g.Open {
		t.Fatalf("%+v", g)
	}
	if n := authority.asked.Load(); n > 0 {
		t.Errorf("%d questions to authoritative servers", n)
	}
}

// TestASilentAuthorityLeavesTheResolversWord: what the resolver denies is missing, whoever else is silent.
func TestASilentAuthorityLeavesTheResolversWord(t *testing.T) {
	silent := &dnstest.Fake{Faults: map[string]dns.Kind{}}
	w := read(t, "", `school.example. MX 10 mx.school.example.`)
	for _, name := range []string{"_budkavle-challenge.school.example", "school.example", "bounce.school.example", "_dmarc.school.example", "r1._domainkey.school.example"} {
		silent.Faults[name] = dns.Timeout
	}
	r := New(Config{Resolver: w.now, Authority: silent, Clock: fixed{}}).Domain(t.Context(), w.expected)
	if r.Ownership != Missing || r.SPF != Missing || r.ReturnPath != Missing || r.DMARC != Missing || r.Keys["r1"] != Missing {
		t.Errorf("ownership %s, SPF %s, return path %s, DMARC %s, key %s", r.Ownership, r.SPF, r.ReturnPath, r.DMARC, r.Keys["r1"])
	}
}

// TestASilentResolverChangesNothing: an hour without DNS must not stop a domain.
func TestASilentResolverChangesNothing(t *testing.T) {
	w := read(t, "", "")
	ended, cancel := context.WithCancel(t.Context())
	cancel() // every question fails
	r := New(Config{Resolver: w.now, Authority: w.now, Clock: fixed{}}).Domain(ended, w.expected)
	if g := Decide(&r, w.expected.Keys); !g.Unclear || len(g.Lacks) > 0 {
		t.Errorf("%+v", g)
	}
	for _, f := range r.Findings {
		if f.Severity == "error" {
			t.Errorf("%s %s: %s", f.Subject, f.Code, f.Found)
		}
	}
}
