package spf_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/standard/dns/dnstest"
	"github.com/budkavle/budkavle/internal/standard/spf"
)

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"v=spf1", "v=spf1 mx -all", "V=SPF1  a:b.example/24//64 ?include:%{d2r-}.c.example  redirect=_spf.%{o}", "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 ~all ",
		"v=spf1 exists:%{ir}.%{v}._spf.%{d} exp=%{d} x=%{t} +ptr:%%.%_.%-.example", "v=spf1 a:%{", "v=spf1 ip4:/ a/ a//", "v=spf1 =a", "v=spf1\tall", "v=spf2.0/pra",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := spf.Parse(text)
		if r == nil || r.Text != text {
			t.Fatalf("record %+v", r)
		}
		spans := []spf.Span{}
		terms := 0
		for _, m := range r.Mechanisms {
			spans = append(spans, m.Span)
		}
		for _, m := range r.Unknown {
			spans = append(spans, m.Span)
		}
		for _, m := range []*spf.Modifier{r.Redirect, r.Exp} {
			if m != nil {
				spans = append(spans, m.Span)
			}
		}
		terms = len(spans)
		if err != nil {
			for _, e := range err.(spf.Faults) {
				spans = append(spans, e.Span)
				if e.Problem.String() == "" || e.Change.String() == "" {
					t.Errorf("%+v does not say what is wrong or what to do", e)
				}
			}
		}
		for _, s := range spans {
			if !strings.HasPrefix(text[s.Offset:], s.Text) {
				t.Errorf("%q is not at octet %d", s.Text, s.Offset)
			}
		}
		if err == nil && terms != len(strings.Fields(text))-1 {
			t.Errorf("%d terms were read", terms)
		}
		again, err2 := spf.Parse(strings.Join(strings.Split(text, " "), "  ") + " ")
		if spf.IsRecord(text) && ((err == nil) != (err2 == nil) || len(again.Mechanisms) != len(r.Mechanisms)) {
			t.Errorf("more spaces change it: %v, %v", err, err2)
		}
	})
}

// FuzzExpand puts a macro-string into a record and into an explanation, with senders of any kind.
func FuzzExpand(f *testing.F) {
	f.Add("%{ir}.%{v}._spf.%{d2}", "strong-bad@email.example", "mx.example", false)
	f.Add("%{L1r-+}%{S}%{h}.%{p}%%%_%-", "a\"b c\\@x@email.example", "[192.0.2.1]", true)
	f.Add("%{d999r.-+,/_=}", "@", "", true)
	f.Fuzz(func(t *testing.T, macro, local, helo string, six bool) {
		ip := netip.MustParseAddr("192.0.2.3")
		if six {
			ip = netip.MustParseAddr("2001:db8::cb01")
		}
		asked := &counting{Resolver: &dnstest.Fake{
			TXT: map[string][]string{
				"email.example": {"v=spf1 exists:" + macro + ".example -all exp=why.example"},
				"why.example":   {macro},
			},
			PTR: map[netip.Addr][]string{ip: {"mx.example"}}, A: map[string][]netip.Addr{"mx.example": {ip}}, AAAA: map[string][]netip.Addr{"mx.example": {ip}},
		}}
		got := spf.Check(t.Context(), asked, spf.Query{IP: ip, Sender: local + "@email.example", Helo: helo, Receiver: "mx.school.example", Now: time.Unix(1, 0)})
		if !slices.Contains([]spf.Verdict{spf.Pass, spf.Fail, spf.PermError}, got.Verdict) {
			t.Errorf("%s: %s", got.Verdict, got.Reason)
		}
		for _, name := range asked.names {
			if len(name) > 253 || strings.Contains(name, "..") || strings.HasPrefix(name, ".") || strings.Contains(name, `\`) {
				t.Errorf("asked for %q", name)
			}
		}
		if strings.ContainsFunc(got.Explanation, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("explanation %q", got.Explanation)
		}
		if _, err := spf.Parse("v=spf1 exists:" + macro + ".example"); err == nil && !strings.Contains(macro, "%") && got.Verdict == spf.PermError {
			t.Errorf("permerror without an error: %s", got.Reason)
		}
	})
}
