package dmarc_test

import (
	"strings"
	"testing"

	"github.com/budkavle/budkavle/internal/standard/dmarc"
	"github.com/budkavle/budkavle/internal/standard/dns"
)

func TestEvaluate(t *testing.T) {
	w := world(map[string]string{
		"example.org": "v=DMARC1; p=reject; sp=quarantine; np=reject; rua=mailto:a@example.org", "strict.example": "v=DMARC1; p=reject; adkim=s; aspf=s",
		"test.example": "v=DMARC1; p=reject; t=y", "void.example": "v=DMARC1; p=rejekt", "mend.example": "v=DMARC1; p=rejekt; rua=mailto:a@mend.example",
		"gov": "v=DMARC1; p=reject; sp=none; np=quarantine; psd=y", "plain.example": "v=DMARC1; p=reject; sp=none", "shaky.example": "v=DMARC1; p=none; sp=none; np=reject",
	})
	w.MX["there.example.org"] = []dns.MX{{Host: "mx.example.org"}}
	w.MX["there.gov"] = []dns.MX{{Host: "mx.there.gov"}}
	w.Faults["_dmarc.sick.example"] = dns.ServFail
	w.Faults["_dmarc.sick.example.org"] = dns.ServFail
	w.Faults["MX a.shaky.example"] = dns.Timeout
	pass := func(d string) dmarc.Identity { return dmarc.Identity{Domain: d, Result: "pass"} }
	for _, tt := range []struct {
		name    string
		m       dmarc.Message
		result  dmarc.Result
		policy  dmarc.Policy
		applied dmarc.Policy
		why     string
	}{
		{"SPF", dmarc.Message{From: "example.org", SPF: pass("bounce.example.org")}, "pass", "reject", "none", "SPF passes and stands for example.org"},
		{"DKIM", dmarc.Message{From: "example.org", DKIM: []dmarc.Identity{pass("other.example"), pass("example.org")}}, "pass", "reject", "none", "a DKIM signature passes"},
		{"both", dmarc.Message{From: "example.org", SPF: pass("example.org"), DKIM: []dmarc.Identity{pass("example.org")}}, "pass", "reject", "none", "SPF and a DKIM signature"},
		{"neither is aligned", dmarc.Message{From: "example.org", SPF: pass("other.example"), DKIM: []dmarc.Identity{pass("other.example")}}, "fail", "reject", "reject", "neither SPF nor"},
		{"aligned, not passed", dmarc.Message{From: "example.org", SPF: dmarc.Identity{Domain: "example.org", Result: "softfail"}}, "fail", "reject", "reject", "neither SPF nor"},
		{"a name below that exists", dmarc.Message{From: "there.example.org"}, "fail", "quarantine", "quarantine", ""},
		{"a name below that does not", dmarc.Message{From: "gone.example.org"}, "fail", "reject", "reject", ""},
		{"below a suffix", dmarc.Message{From: "there.gov"}, "fail", "none", "none", ""},
		{"below a suffix, not existing", dmarc.Message{From: "gone.gov"}, "fail", "quarantine", "quarantine", ""},
		{"strict", dmarc.Message{From: "strict.example", SPF: pass("bounce.strict.example"), DKIM: []dmarc.Identity{pass("mail.strict.example")}}, "fail", "reject", "reject", ""},
		{"strict and the same", dmarc.Message{From: "strict.example", DKIM: []dmarc.Identity{pass("STRICT.example")}}, "pass", "reject", "none", ""},
		{"testing", dmarc.Message{From: "test.example"}, "fail", "reject", "none", ""},
		{"void", dmarc.Message{From: "void.example"}, "permerror", "", "none", "no policy that can be read"},
		{"not read, with reports", dmarc.Message{From: "mend.example"}, "fail", "none", "none", ""},
		{"no record", dmarc.Message{From: "nothing.example"}, "none", "", "none", "neither nothing.example nor"},
		{"no name", dmarc.Message{From: "not a name"}, "none", "", "none", "is not a domain name"},
		{"DNS fails", dmarc.Message{From: "sick.example"}, "temperror", "", "none", "the server failed"},
		{"DNS fails for what might be aligned", dmarc.Message{From: "example.org", SPF: pass("sick.example.org")}, "temperror", "reject", "none", "belongs to example.org"},
		{"DNS fails, and DKIM passes", dmarc.Message{From: "example.org", SPF: pass("sick.example.org"), DKIM: []dmarc.Identity{pass("example.org")}}, "pass", "reject", "none", ""},
		{"existence cannot be told", dmarc.Message{From: "a.shaky.example"}, "temperror", "", "none", "whether a.shaky.example exists"},
		{"SPF could not be checked", dmarc.Message{From: "example.org", SPF: dmarc.Identity{Domain: "example.org", Result: "temperror"}}, "temperror", "reject", "none", "for now"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := dmarc.Evaluate(t.Context(), w, tt.m)
			if v.Result != tt.result || v.Policy != tt.policy || v.Applied != tt.applied || !strings.Contains(v.Reason.String(), tt.why) {
				t.Errorf("got %s, policy %q, applied %q (%s); want %s, %q, %q (%s)", v.Result, v.Policy, v.Applied, v.Reason, tt.result, tt.policy, tt.applied, tt.why)
			}
		})
	}
}
