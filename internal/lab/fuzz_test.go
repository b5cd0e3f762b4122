package lab

import (
	"net/mail"
	"net/netip"
	"slices"
	"strings"
	"testing"

	mdns "github.com/miekg/dns"
)

func FuzzJudge(f *testing.F) {
	f.Add("v=DMARC1; p=reject; psd=y; np=none", "v=spf1 ip4:127.0.0.1 -all", "A <a@www.school.example>", "b@school.example", "v=1; d=school.example; s=bk")
	f.Add("v=DMARC1", "v=spf1 redirect=school.example", "a@school.example, b@school.example", "", "s=")
	f.Add("v = DMARC1 ;p=none;adkim=s", "v=spf1 exists:%{i}.%{d} ~all", "=?x?q?=?= <a@å.example>", "@", ";;=;")
	f.Fuzz(func(t *testing.T, dmarc, spf, from, sender, signature string) {
		n, err := newNames(&Zone{})
		if err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"_dmarc.school.example.": dmarc, "school.example.": spf} {
			rr := &mdns.TXT{Hdr: mdns.RR_Header{Name: name, Rrtype: mdns.TypeTXT, Class: mdns.ClassINET}, Txt: []string{text}}
			if err := n.tree.add([]mdns.RR{rr}); err != nil {
				t.Fatal(err)
			}
		}
		e := envelope{netip.MustParseAddr("127.0.0.1"), "school.example", sender}
		v := resolver{n}.judge(e, mail.Header{"From": {from}, "Dkim-Signature": {signature}}, []Signature{{Domain: "school.example"}})
		if !slices.Contains([]string{"pass", "fail", "none"}, v.DMARC) || (v.DMARC == "pass") != (v.AlignedSPF || v.AlignedDKIM) {
			t.Errorf("%+v", v)
		}
		if v.DMARC == "pass" && !strings.HasSuffix("."+v.FromDomain, ".school.example") {
			t.Errorf("%s passes by a record of another", v.FromDomain)
		}
		if v.DMARC == "fail" && v.Why == "" {
			t.Error("fails without a reason")
		}
	})
}
