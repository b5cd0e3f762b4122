package proof

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWanted(t *testing.T) {
	addresses := school(t)
	addresses.Include, addresses.ReturnPath, addresses.Keys = "", "", nil
	for _, tt := range []struct {
		name string
		e    Expected
		now  []string
		want string
	}{
		{"new domain", school(t), nil, `
			ownership _budkavle-challenge.school.example. TXT budkavle-verification=tok123
			dkim r1._domainkey.school.example. TXT v=DKIM1; k=rsa; p=$RSA
			dkim a1._domainkey.school.example. CNAME a1._domainkey.op.example.
			dkim e1._domainkey.school.example. TXT v=DKIM1; k=ed25519; p=$ED (optional)
			return-path bounce.school.example. CNAME bounce.op.example.
			spf school.example. TXT v=spf1 include:_spf.op.example ~all (optional)
			dmarc _dmarc.school.example. TXT v=DMARC1; p=none; rua=mailto:dmarc@op.example`},
		{"records are there", addresses, []string{"hello", "v=spf1 mx -all", "v=DMARC1; p=reject; rua=mailto:a@school.example; adkim=s"}, `
			ownership _budkavle-challenge.school.example. TXT budkavle-verification=tok123
			spf school.example. TXT v=spf1 mx ip4:192.0.2.25 ip6:2001:db8::25 -all
			dmarc _dmarc.school.example. TXT v=DMARC1; p=reject; rua=mailto:a@school.example,mailto:dmarc@op.example; adkim=s (optional)`},
		{"they say it already", addresses, []string{"v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all", "v=DMARC1; p=none; rua=mailto:DMARC@op.example"}, `
			ownership _budkavle-challenge.school.example. TXT budkavle-verification=tok123
			spf school.example. TXT v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all
			dmarc _dmarc.school.example. TXT v=DMARC1; p=none; rua=mailto:DMARC@op.example (optional)`},
		{"no reports so far", addresses, []string{"v=DMARC1; p=none;"}, `
			ownership _budkavle-challenge.school.example. TXT budkavle-verification=tok123
			spf school.example. TXT v=spf1 ip4:192.0.2.25 ip6:2001:db8::25 ~all
			dmarc _dmarc.school.example. TXT v=DMARC1; p=none; rua=mailto:dmarc@op.example (optional)`},
		{"a record that must be mended first", addresses, []string{"v=spf1 ip4:x -all"}, `
			ownership _budkavle-challenge.school.example. TXT budkavle-verification=tok123
			dmarc _dmarc.school.example. TXT v=DMARC1; p=none; rua=mailto:dmarc@op.example`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got strings.Builder
			for _, r := range Wanted(tt.e, tt.now) {
				fmt.Fprintf(&got, "\n%s %s %s %s", r.Subject, r.Name, r.Type, r.Value)
				if r.Optional {
					got.WriteString(" (optional)")
				}
			}
			want := strings.NewReplacer("\t", "", "$RSA", encoded(t, "RSA"), "$ED", encoded(t, "ED")).Replace(tt.want)
			if d := cmp.Diff(want, got.String()); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestWantedSatisfiesTheChecker publishes what is wanted unchanged, in both ways of a return path.
func TestWantedSatisfiesTheChecker(t *testing.T) {
	for _, otherwise := range []bool{false, true} {
		w := read(t, "", `
			school.example. MX 10 mx.school.example.
			mx.school.example. A 198.51.100.1
			_spf.op.example. TXT "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/64 -all"
			a1._domainkey.op.example. TXT "v=DKIM1; k=rsa; p=$ALIAS"
			bounce.op.example. MX 10 mx.op.example.
			bounce.op.example. TXT "v=spf1 ip4:192.0.2.25 ip6:2001:db8::25 -all"
			school.example._report._dmarc.op.example. TXT "v=DMARC1"`)
		records := Wanted(w.expected, nil)
		if otherwise {
			records = append(records, ReturnPathOtherwise(w.expected, []string{"mx.op.example"})...)
		}
		for _, r := range records {
			if otherwise && r.Subject == SubjectReturnPath && r.Type == "CNAME" {
				continue
			}
			value := r.Value
			if r.Type == "TXT" {
				value = `"` + value[:min(len(value), 200)] + `" "` + value[min(len(value), 200):] + `"`
			}
			if err := w.now.Add(r.Name + " " + r.Type + " " + value); err != nil {
				t.Fatal(err)
			}
		}
		r := New(Config{Resolver: w.now, Clock: fixed{}}).Domain(t.Context(), w.expected)
		if g := Decide(&r, w.expected.Keys); !g.Open || r.ReturnPath != Proved || r.SPF != Proved {
			t.Errorf("otherwise %v: %+v", otherwise, g)
		}
		for _, f := range r.Findings {
			if f.Subject != SubjectExtras {
				t.Errorf("otherwise %v: %s %s: %s", otherwise, f.Subject, f.Code, f.Found)
			}
		}
	}
}

func TestUnanswered(t *testing.T) {
	for local, want := range map[string]bool{
		"noreply": true, "No-Reply": true, "do_not_reply": true, "noreply+abc": true, "no.reply2": true, "svara-ej": true, "ejsvar": true,
		"info": false, "norelay": false, "reply": false, "": false, "noah": false,
	} {
		if got := unanswered(local); got != want {
			t.Errorf("%q: %v", local, got)
		}
	}
}

func TestDecide(t *testing.T) {
	all := func() Report {
		return Report{Ownership: Proved, SPF: Proved, ReturnPath: Missing, DMARC: Proved, Keys: map[string]State{"r1": Proved, "e1": Missing}}
	}
	keys := school(t).Keys
	for _, tt := range []struct {
		name   string
		change func(*Report)
		want   string
	}{
		{"all there", func(*Report) {}, "true false []"},
		{"return path alone", func(r *Report) { r.SPF, r.ReturnPath = Wrong, Proved }, "true false []"},
		{"neither", func(r *Report) { r.SPF = Wrong }, "false false [spf]"},
		{"SPF missing, return path unclear", func(r *Report) { r.SPF, r.ReturnPath = Missing, Unclear }, "false true []"},
		{"Ed25519 alone", func(r *Report) { r.Keys = map[string]State{"r1": Wrong, "e1": Proved} }, "false false [dkim]"},
		{"key unclear", func(r *Report) { r.Keys = map[string]State{"r1": Unclear} }, "false true []"},
		{"unclear, but another is missing", func(r *Report) { r.Ownership, r.DMARC = Unclear, Missing }, "false false [dmarc]"},
		{"nothing", func(r *Report) { *r = Report{Ownership: Missing, SPF: Missing, DMARC: Missing} }, "false false [ownership spf dkim dmarc]"},
	} {
		r := all()
		tt.change(&r)
		g := Decide(&r, keys)
		if got := fmt.Sprint(g.Open, g.Unclear, g.Lacks); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestRequirementsOfAnyDomain(t *testing.T) {
	w := read(t, "", `
		school.example. MX 10 mx.school.example.
		mx.school.example. A 198.51.100.1
		school.example. TXT "v=spf1 ip4:192.0.2.25 -all"
		s1._domainkey.school.example. TXT "v=DKIM1; k=rsa; p=$RSA"
		_dmarc.school.example. TXT "v=DMARC1; p=none; rua=mailto:a@school.example"`)
	c := New(Config{Resolver: w.now, Clock: fixed{}})
	verdicts := func(sources ...netip.Addr) map[string]Verdict {
		r := c.Any(t.Context(), "school.example", nil, sources)
		m := map[string]Verdict{}
		for _, q := range r.Requirements {
			if q.Source == "" || q.Dated == "" || q.Why.IsZero() || q.What.IsZero() || q.Small == NotDemanded && q.Bulk == NotDemanded {
				t.Errorf("%+v does not say what, why, whence and when", q)
			}
			m[q.Provider+": "+q.What.String()] = q.Bulk
		}
		return m
	}
	for _, tt := range []struct {
		name    string
		sources []netip.Addr
		want    Verdict
	}{
		{"no address", nil, CannotKnow},
		{"one that passes", []netip.Addr{netip.MustParseAddr("192.0.2.25")}, Met},
		{"one that does not", []netip.Addr{netip.MustParseAddr("192.0.2.26")}, NotMet},
	} {
		got := verdicts(tt.sources...)
		for _, p := range []string{"Gmail", "Yahoo", "Microsoft", "Apple"} {
			if v := got[p+": SPF and DKIM pass"]; v != tt.want {
				t.Errorf("%s, %s: %q, want %q", tt.name, p, v, tt.want)
			}
		}
		if v := got["Gmail: a DMARC record, at least p=none"]; v != Met {
			t.Errorf("DMARC: %q", v)
		}
	}
}
