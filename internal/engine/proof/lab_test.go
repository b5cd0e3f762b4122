package proof

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/lab"
	"github.com/budkavle/budkavle/internal/standard/dns"
)

// startLab runs the lab's DNS, and returns a check through its caching resolver that asks its authority when it matters.
func startLab(t *testing.T) (*lab.Lab, *Checker) {
	t.Helper()
	l, err := lab.Start(t.Context(), lab.Config{Cache: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	client, err := dns.New(dns.Config{Servers: []string{l.CacheAddr()}})
	if err != nil {
		t.Fatal(err)
	}
	port := netip.MustParseAddrPort(l.DNSAddr()).Port()
	return l, New(Config{Resolver: client, Authority: dns.NewAuthority(client, port), Clock: clock.System{}, Inside: true})
}

// operator is what the operator publishes for school.example to send.
const operator = `
_spf.op.example.                          TXT "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/64 -all"
a1._domainkey.op.example.                 TXT "v=DKIM1; k=rsa; p=$1" "$2"
bounce.op.example.                        MX 10 mx.op.example.
mx.op.example.                            A 127.0.0.9
bounce.op.example.                        TXT "v=spf1 ip4:192.0.2.25 ip6:2001:db8::25 -all"
school.example._report._dmarc.op.example. TXT "v=DMARC1"
school.example.                           MX 10 mx.op.example.
`

// published is what is wanted as a zone file.
func published(t *testing.T, e Expected) string {
	t.Helper()
	alias := encoded(t, "ALIAS")
	var b strings.Builder
	b.WriteString(strings.NewReplacer("$1", alias[:200], "$2", alias[200:]).Replace(operator))
	for _, r := range Wanted(e, nil) {
		value := r.Value
		if r.Type == "TXT" {
			value = `"` + value[:min(len(value), 200)] + `" "` + value[min(len(value), 200):] + `"`
		}
		b.WriteString(r.Name + " " + r.Type + " " + value + "\n")
	}
	return b.String()
}

// TestACacheOfTheLabIsNoFault: the resolver remembers for minutes that there was nothing; what was published since counts.
func TestACacheOfTheLabIsNoFault(t *testing.T) {
	l, c := startLab(t)
	e := school(t)
	before := c.Domain(t.Context(), e)
	if g := Decide(&before, e.Keys); g.Open || len(g.Lacks) != 4 {
		t.Fatalf("an empty zone: %+v", g)
	}
	if err := l.Publish(published(t, e)); err != nil {
		t.Fatal(err)
	}
	after := c.Domain(t.Context(), e)
	if g := Decide(&after, e.Keys); !g.Open {
		t.Errorf("after publishing: %+v", g)
	}
	cached := 0
	for _, f := range after.Findings {
		if f.Code == "cached" {
			cached++
		} else if f.Subject != SubjectExtras {
			t.Errorf("%s %s %s: %s", f.Severity, f.Subject, f.Code, f.Found)
		}
	}
	if cached == 0 {
		t.Error("nothing was remembered, so that this proves nothing")
	}
}

// TestFaultsOfTheLabsDNSAreNoMissingRecords: a server that fails or refuses changes nothing.
func TestFaultsOfTheLabsDNSAreNoMissingRecords(t *testing.T) {
	l, c := startLab(t)
	e := school(t)
	if err := l.Publish(published(t, e)); err != nil {
		t.Fatal(err)
	}
	for _, answer := range []lab.Answer{lab.AnswerServFail, lab.AnswerRefused} {
		l.Fail("school.example", answer)
		r := c.Domain(t.Context(), e)
		l.Mend("school.example")
		if g := Decide(&r, e.Keys); !g.Unclear || len(g.Lacks) > 0 {
			t.Errorf("%s: %+v", answer, g)
		}
		if r.SPF != Unclear || r.ReturnPath != Unclear || r.DMARC != Unclear {
			t.Errorf("%s: SPF %s, return path %s, DMARC %s", answer, r.SPF, r.ReturnPath, r.DMARC)
		}
	}
}

// TestAKeyIsSeenEverywhere asks the lab's only server for a key that is about to sign.
func TestAKeyIsSeenEverywhere(t *testing.T) {
	l, c := startLab(t)
	e := school(t)
	e.Keys[0].Coming = true
	if r := c.Domain(t.Context(), e); r.Keys["r1"] != Missing {
		t.Errorf("before: %s", r.Keys["r1"])
	}
	if err := l.Publish(published(t, e)); err != nil {
		t.Fatal(err)
	}
	if r := c.Domain(t.Context(), e); r.Keys["r1"] != Proved || r.Keys["a1"] != Proved {
		t.Errorf("after: %v", r.Keys)
	}
}

// TestACheckIsCheap: 10,000 domains checked every six hours are ten questions a second at 22 each.
func TestACheckIsCheap(t *testing.T) {
	l, c := startLab(t)
	e := school(t)
	if err := l.Publish(published(t, e)); err != nil {
		t.Fatal(err)
	}
	r := c.Domain(t.Context(), e)
	if g := Decide(&r, e.Keys); !g.Open {
		t.Fatalf("%+v", g)
	}
	sum := 0
	for _, n := range l.Queries() {
		sum += n
	}
	if sum > 22 {
		t.Errorf("%d questions: %v", sum, l.Queries())
	}
}
