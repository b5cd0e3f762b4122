package lab

import (
	"bytes"
	"strings"
	"testing"

	mdns "github.com/miekg/dns"
	"pgregory.net/rapid"

	"github.com/budkavle/budkavle/internal/base/clock"
)

func TestSignedAnswersCanBeVerified(t *testing.T) {
	l := startWith(t, one("", ""), Config{Sign: true, Clock: clock.System{}})
	if err := l.Replace(zones); err != nil {
		t.Fatal(err)
	}
	l.Fail("ns.shop.school.example", AnswerBogus)
	key := secure(t, l, ".", mdns.TypeDNSKEY).Answer[0].(*mdns.DNSKEY)
	if anchor, err := mdns.NewRR(l.TrustAnchor()); err != nil || anchor.String() != key.ToDS(mdns.SHA256).String() {
		t.Errorf("the trust anchor is %s", l.TrustAnchor())
	}
	for _, tt := range []struct {
		name  string
		qtype uint16
		nsec  string // owners, next names and types
		bogus bool
	}{
		{".", mdns.TypeDNSKEY, "", false},
		{"school.example.", mdns.TypeNS, "", false},
		{"two.labels.wild.school.example.", mdns.TypeMX, "", false},
		{"x.alias.school.example.", mdns.TypeTXT, "", false},
		{"x.alias.school.example.", mdns.TypeA, `bk._domainkey.mail.school.example. \000.bk._domainkey.mail.school.example. TXT RRSIG NSEC`, false},
		{"school.example.", mdns.TypeA, `school.example. \000.school.example. NS SOA RRSIG NSEC`, false},
		{"school.example.", mdns.TypeDS, `school.example. \000.school.example. RRSIG NSEC`, false},
		{"mail.school.example.", mdns.TypeA, `mail.school.example. \000.mail.school.example. RRSIG NSEC`, false},
		{"any.wild.school.example.", mdns.TypeA, `any.wild.school.example. \000.any.wild.school.example. MX TXT RRSIG NSEC`, false},
		{"no.such.school.example.", mdns.TypeA, `sucg\255.school.example. such\000.school.example. RRSIG NSEC; \)\255.school.example. *\000.school.example. RRSIG NSEC`, false},
		{"gone.", mdns.TypeA, `gond\255. gone\000. RRSIG NSEC; \)\255. *\000. RRSIG NSEC`, false},
		{"*.school.example.", mdns.TypeA, `\)\255.school.example. *\000.school.example. RRSIG NSEC`, false},
		{"ns.shop.school.example.", mdns.TypeA, "", true},
	} {
		m := secure(t, l, tt.name, tt.qtype)
		var proof []string
		for rest := append(m.Answer, m.Ns...); len(rest) > 0; {
			set := []mdns.RR{rest[0]}
			var sig *mdns.RRSIG
			for _, rr := range rest[1:] {
				if s, ok := rr.(*mdns.RRSIG); ok && s.TypeCovered == set[0].Header().Rrtype && s.Hdr.Name == set[0].Header().Name {
					sig = s
				}
			}
			rest = rest[1:]
			if isType(set[0], mdns.TypeRRSIG) {
				continue
			}
			if sig == nil {
				t.Errorf("%s %d: not signed: %s", tt.name, tt.qtype, set[0])
			} else if err := sig.Verify(key, set); (err != nil) != tt.bogus {
				t.Errorf("%s %d: %s: %v", tt.name, tt.qtype, set[0], err)
			}
			if n, ok := set[0].(*mdns.NSEC); ok {
				proof = append(proof, n.Hdr.Name+" "+strings.TrimPrefix(n.String(), n.Hdr.String()))
			}
		}
		if got := strings.Join(proof, "; "); got != tt.nsec {
			t.Errorf("%s %d is denied by %s, want %s", tt.name, tt.qtype, got, tt.nsec)
		}
	}
	if m := ask(t, l, "udp", "school.example", "NS"); len(m.Answer) != 1 {
		t.Errorf("who does not ask for signatures gets %v", m.Answer)
	}
}

// secure asks for signatures too.
func secure(t *testing.T, l *Lab, name string, qtype uint16) *mdns.Msg {
	t.Helper()
	q := new(mdns.Msg).SetQuestion(name, qtype)
	q.SetEdns0(4096, true)
	m, err := mdns.Exchange(q, l.DNSAddr())
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if opt := m.IsEdns0(); opt == nil || !opt.Do() {
		t.Errorf("%s: the answer is without DO", name)
	}
	return m
}

// A denial of one label covers it, and no neighbour that is a host name.
func TestDenialsAreNarrow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		label := rapid.SliceOfN(rapid.Byte(), 1, maxLabel).Draw(t, "label")
		for i, c := range label {
			if 'A' <= c && c <= 'Z' {
				label[i] = c + 'a' - 'A'
			}
		}
		if label[len(label)-1] == 0xff && len(label) == maxLabel || bytes.Equal(label, []byte{0}) {
			return // nothing stands after, or before
		}
		name := below(escape(label), "example.")
		low, _ := first(before(name))
		high, _ := first(after(name))
		if bytes.Compare(low, label) >= 0 || bytes.Compare(label, high) >= 0 {
			t.Fatalf("%q is not between %q and %q", label, low, high)
		}
		for _, c := range [][]byte{low, high} {
			if bytes.ContainsFunc(c, func(r rune) bool { return 'A' <= r && r <= 'Z' }) || len(c) > maxLabel {
				t.Fatalf("%q is not in canonical form", c)
			}
		}
	})
}
