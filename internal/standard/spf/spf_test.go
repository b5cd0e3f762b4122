package spf_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/standard/dns/dnstest"
	"github.com/budkavle/budkavle/internal/standard/spf"
)

func TestParseTree(t *testing.T) {
	r, err := spf.Parse("v=spf1 ~A:%{d2r+}.x.example/24//64 ip6:2001:db8::1/32 redirect=_spf.example.com exp=why.%{o} moo=%{T}")
	if err != nil {
		t.Fatal(err)
	}
	macro := func(text string, parts ...spf.Part) *spf.Macro { return &spf.Macro{Text: text, Parts: parts} }
	want := &spf.Record{
		Text: r.Text,
		Mechanisms: []spf.Mechanism{
			{
				Span: spf.Span{Text: "~A:%{d2r+}.x.example/24//64", Offset: 7}, Kind: spf.A, Verdict: spf.SoftFail, Bits4: 24, Bits6: 64,
				Domain: macro("%{d2r+}.x.example", spf.Part{Letter: 'd', Keep: 2, Reverse: true, Delimiters: "+"}, spf.Part{Literal: ".x.example"}),
			},
			{
				Span: spf.Span{Text: "ip6:2001:db8::1/32", Offset: 35}, Kind: spf.IP6, Verdict: spf.Pass, Bits4: 32, Bits6: 128,
				Network: netip.MustParsePrefix("2001:db8::1/32"),
			},
		},
		Redirect: &spf.Modifier{
			Span: spf.Span{Text: "redirect=_spf.example.com", Offset: 54}, Name: "redirect",
			Value: macro("_spf.example.com", spf.Part{Literal: "_spf.example.com"}),
		},
		Exp: &spf.Modifier{
			Span: spf.Span{Text: "exp=why.%{o}", Offset: 80}, Name: "exp", Value: macro("why.%{o}", spf.Part{Literal: "why."}, spf.Part{Letter: 'o'}),
		},
		Unknown: []spf.Modifier{{
			Span: spf.Span{Text: "moo=%{T}", Offset: 93}, Name: "moo", Value: macro("%{T}", spf.Part{Letter: 't', Escape: true}),
		}},
	}
	if diff := cmp.Diff(want, r, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

func TestErrorsSayWhereAndWhatToDo(t *testing.T) {
	_, err := spf.Parse("v=spf1 inlcude:host.example ip4:192.0.2 -all")
	want := `octet 7, "inlcude:host.example": there is no mechanism "inlcude"; did you mean include?
octet 28, "ip4:192.0.2": "192.0.2" is not an IPv4 address; write it like ip4:192.0.2.0/24`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestNamesThatCannotBeAskedFor: RFC 7208 4.8 leaves it open what they give; a mechanism does not match, an include fails.
func TestNamesThatCannotBeAskedFor(t *testing.T) {
	for _, tt := range []struct {
		record, sender string
		want           spf.Verdict
	}{
		{"v=spf1 exists:%{l}.example -all", "a..b@school.example", spf.Fail},
		{"v=spf1 exists:%{l}.example -all", `a\b@school.example`, spf.Fail},
		{"v=spf1 exists:%{l}.example -all", strings.Repeat("x", 64) + "@school.example", spf.Fail},
		{"v=spf1 exists:%{l}%{l}%{l} -all", strings.Repeat("x", 100) + "@school.example", spf.Fail},
		{"v=spf1 include:%{l}.example -all", "a..b@school.example", spf.PermError},
		{"v=spf1 redirect=%{l}.example", "a..b@school.example", spf.PermError},
		{"v=spf1 -all exp=%{l}.example", "a..b@school.example", spf.Fail},
		{"v=spf1 exists:%{l}.host.example -all", strings.Repeat("long.", 60) + "x@school.example", spf.Pass}, // RFC 7208 7.3: cut from the left
	} {
		x := strings.Repeat("long.", 47) + "x.host.example"
		f := &dnstest.Fake{TXT: map[string][]string{"school.example": {tt.record}}, A: map[string][]netip.Addr{x: {address}}}
		got := spf.Check(t.Context(), f, spf.Query{IP: address, Sender: tt.sender})
		if got.Verdict != tt.want {
			t.Errorf("%s, %.20s: got %s (%s), want %s", tt.record, tt.sender, got.Verdict, got.Reason, tt.want)
		}
	}
}

func TestInternationalisedDomains(t *testing.T) {
	f := &dnstest.Fake{TXT: map[string][]string{"xn--rksmrgs-5wao1o.example": {"v=spf1 -all exp=why.%{o}"}, "why.xn--rksmrgs-5wao1o.example": {"not from %{o}"}}}
	got := spf.Check(t.Context(), f, spf.Query{IP: address, Sender: "åsa@Räksmörgås.example"})
	if got.Verdict != spf.Fail || got.Explanation != "not from xn--rksmrgs-5wao1o.example" {
		t.Errorf("got %s, %q", got.Verdict, got.Explanation)
	}
	if r := spf.Lint(t.Context(), f, "räksmörgås.example"); r.Tree.Record == "" || len(r.Findings) > 0 {
		t.Errorf("lint %+v", r.Findings)
	}
	if got := spf.Check(t.Context(), f, spf.Query{IP: address, Sender: "a@\xff.example"}); got.Verdict != spf.None {
		t.Errorf("no domain: %s", got.Verdict)
	}
}

// TestMacros has the examples of RFC 7208 7.4, and what the suite leaves out.
func TestMacros(t *testing.T) {
	tests := []struct{ macro, ip, want string }{
		{"%{s}", "192.0.2.3", "strong-bad@email.example.com"},
		{"%{o}", "192.0.2.3", "email.example.com"},
		{"%{d}", "192.0.2.3", "email.example.com"},
		{"%{d4}", "192.0.2.3", "email.example.com"},
		{"%{d3}", "192.0.2.3", "email.example.com"},
		{"%{d2}", "192.0.2.3", "example.com"},
		{"%{d1}", "192.0.2.3", "com"},
		{"%{dr}", "192.0.2.3", "com.example.email"},
		{"%{d2r}", "192.0.2.3", "example.email"},
		{"%{l}", "192.0.2.3", "strong-bad"},
		{"%{l-}", "192.0.2.3", "strong.bad"},
		{"%{lr}", "192.0.2.3", "strong-bad"},
		{"%{lr-}", "192.0.2.3", "bad.strong"},
		{"%{l1r-}", "192.0.2.3", "strong"},
		{"%{ir}.%{v}._spf.%{d2}", "192.0.2.3", "3.2.0.192.in-addr._spf.example.com"},
		{"%{lr-}.lp._spf.%{d2}", "192.0.2.3", "bad.strong.lp._spf.example.com"},
		{"%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "192.0.2.3", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"},
		{"%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "192.0.2.3", "3.2.0.192.in-addr.strong.lp._spf.example.com"},
		{"%{d2}.trusted-domains.example.net", "192.0.2.3", "example.com.trusted-domains.example.net"},
		{"%{ir}.%{v}._spf.%{d2}", "2001:db8::cb01", "1.0.B.C.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2.ip6._spf.example.com"},
		{"%{c} %{r} %{t} %{h} %{p}", "2001:db8::cb01", "2001:db8::cb01 mx.school.example 86400 helo.example unknown"},
		{"%{S} 100%% %_%-", "::ffff:192.0.2.3", "strong-bad%40email.example.com 100%  %20"},
		{"%{r}%{r}", "192.0.2.3", "mx.school.examplemx.school.example"},
		{"%{l128r-} %{l99999999999999999999}", "192.0.2.3", "bad.strong strong-bad"},
	}
	for _, tt := range tests {
		f := &dnstest.Fake{TXT: map[string][]string{"email.example.com": {"v=spf1 -all exp=why.example.com"}, "why.example.com": {tt.macro}}}
		got := spf.Check(t.Context(), f, spf.Query{
			IP: netip.MustParseAddr(tt.ip), Sender: "strong-bad@email.example.com", Helo: "helo.example", Receiver: "mx.school.example", Now: time.Unix(86400, 0),
		})
		if got.Explanation != tt.want {
			t.Errorf("%s from %s: got %q, want %q", tt.macro, tt.ip, got.Explanation, tt.want)
		}
	}
}

// TestLimits stands at each limit of RFC 7208 4.6.4 and one beyond.
func TestLimits(t *testing.T) {
	hosts := func(n int) (list []dns.MX) {
		for i := range n {
			list = append(list, dns.MX{Host: fmt.Sprintf("mx%d.example", i)})
		}
		return list
	}
	f := &dnstest.Fake{
		A: map[string][]netip.Addr{"host.example": {address.Next()}}, MX: map[string][]dns.MX{"ten.example": hosts(10), "eleven.example": hosts(11)},
		AAAA: map[string][]netip.Addr{}, TXT: map[string][]string{}, PTR: map[netip.Addr][]string{address: {}},
	}
	for i := range 12 {
		name := fmt.Sprintf("p%d.example", i)
		f.PTR[address] = append(f.PTR[address], name)
		f.A[name] = []netip.Addr{address}
	}
	for _, tt := range []struct {
		terms string
		want  spf.Verdict
	}{
		{strings.Repeat(" a:host.example", 10) + " +all", spf.Pass},
		{strings.Repeat(" a:host.example", 11) + " +all", spf.PermError},
		{strings.Repeat(" ip4:198.51.100.0/24", 300) + " +all", spf.Pass},
		{" a:gone.example exists:gone.example +all", spf.Pass},
		{" a:gone.example exists:gone.example mx:gone.example +all", spf.PermError},
		{" mx:ten.example +all", spf.Pass}, // its ten hosts have no addresses, which makes the term no void one
		{" mx:eleven.example +all", spf.PermError},
		{" ptr:p9.example -all", spf.Pass},
		{" ptr:p10.example -all", spf.Fail},
		{strings.Repeat(" a:host.example", 9) + " exists:%{p}.gone.example +all", spf.PermError},
		{strings.Repeat(" a:host.example", 8) + " exists:%{p}.gone.example +all", spf.Pass},
		{strings.Repeat(" a:host.example", 10) + " redirect=host.example", spf.PermError},
	} {
		f.TXT["school.example"] = []string{"v=spf1" + tt.terms}
		got := spf.Check(t.Context(), f, spf.Query{IP: address, Sender: "anna@school.example"})
		if got.Verdict != tt.want {
			t.Errorf("%.60s: got %s (%s), want %s", tt.terms, got.Verdict, got.Reason, tt.want)
		}
	}
}

func TestFaultsOfDNS(t *testing.T) {
	for _, tt := range []struct {
		record, fault string
		want          spf.Verdict
	}{
		{"v=spf1 -all", "TXT school.example", spf.TempError},
		{"v=spf1 a -all", "A school.example", spf.TempError},
		{"v=spf1 a -all", "AAAA school.example", spf.Fail}, // not asked for
		{"v=spf1 mx -all", "MX school.example", spf.TempError},
		{"v=spf1 mx:host.example -all", "A mx.host.example", spf.TempError},
		{"v=spf1 exists:host.example -all", "A host.example", spf.TempError},
		{"v=spf1 include:host.example -all", "TXT host.example", spf.TempError},
		{"v=spf1 redirect=host.example", "TXT host.example", spf.TempError},
		{"v=spf1 ip4:192.0.2.1 include:host.example", "TXT host.example", spf.Pass}, // decided before
		{"v=spf1 ptr:school.example -all", "1.2.0.192.in-addr.arpa", spf.Fail},      // RFC 7208 5.5: no match
		{"v=spf1 -all exp=why.example", "TXT why.example", spf.Fail},
	} {
		for _, kind := range []dns.Kind{dns.ServFail, dns.Timeout, dns.Refused, dns.Network, dns.Malformed, dns.Loop} {
			f := &dnstest.Fake{
				TXT: map[string][]string{"school.example": {tt.record}}, MX: map[string][]dns.MX{"host.example": {{Host: "mx.host.example"}}},
				Faults: map[string]dns.Kind{tt.fault: kind},
			}
			got := spf.Check(t.Context(), f, spf.Query{IP: address, Sender: "anna@school.example"})
			if got.Verdict != tt.want || got.Reason.String() == "" {
				t.Errorf("%s with %s of %s: got %s (%s), want %s", tt.record, kind, tt.fault, got.Verdict, got.Reason, tt.want)
			}
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if got := spf.Check(ended, &dnstest.Fake{}, spf.Query{IP: address, Sender: "anna@school.example"}); got.Verdict != spf.TempError {
		t.Errorf("given up: %s", got.Verdict)
	}
}

func TestTraceIsBounded(t *testing.T) {
	f := &dnstest.Fake{TXT: map[string][]string{"school.example": {"v=spf1" + strings.Repeat(" ip4:198.51.100.1", 3000) + " -all"}}}
	got := spf.Check(t.Context(), f, spf.Query{IP: address, Sender: "school.example"})
	if len(got.Steps) != 500 || len(got.Steps)+got.Omitted != 3002 {
		t.Errorf("%d steps and %d omitted", len(got.Steps), got.Omitted)
	}
}

func TestTextsAreToldInOtherLanguages(t *testing.T) {
	f := &dnstest.Fake{Faults: map[string]dns.Kind{"school.example": dns.Timeout}}
	got := spf.Check(t.Context(), f, spf.Query{IP: address, Sender: "school.example"})
	told := got.Reason.Tell(func(english string) string {
		return map[string]string{"the record of %s could not be looked up: %s": "%s: %s!", "no server answered in time": "100%% tyst"}[english]
	})
	if told != "school.example: 100% tyst!" {
		t.Errorf("told %q", told)
	}
	if b, err := json.Marshal(got.Reason); err != nil || string(b) != `"the record of school.example could not be looked up: no server answered in time"` {
		t.Errorf("JSON %s, %v", b, err)
	}
}
