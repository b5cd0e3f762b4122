package lab

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"net/mail"
	"net/netip"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"
)

const judged = `
school.example.                 TXT "v=spf1 ip4:127.0.0.1 -all"
_dmarc.school.example.          TXT "v=DMARC1; p=reject; sp=quarantine; np=none; rua=mailto:a@school.example"
bounce.school.example.          TXT "v=spf1 a:mail.school.example -all"
mail.school.example.            A   127.0.0.1
mail.school.example.            TXT "v=spf1 a -all"
soft.example.                   TXT "v=spf1 mx ~all"
soft.example.                   MX  10 mail.school.example.
_dmarc.soft.example.            TXT "v=DMARC1; p=none; adkim=s; aspf=s"
away.example.                   TXT "v=spf1 ip4:127.0.0.2 -all"
_dmarc.away.example.            TXT "v=DMARC1; p=quarantine"
bare.example.                   TXT "v=spf1 ip4:127.0.0.1 -all"
ptr.example.                    TXT "v=spf1 ptr -all"
host.ptr.example.               A   127.0.0.1
1.0.0.127.in-addr.arpa.         PTR host.ptr.example.
twice.example.                  TXT "v=spf1 -all"
twice.example.                  TXT "v=spf1 ip4:127.0.0.1 -all"
_dmarc.twice.example.           TXT "v=DMARC1; p=none"
_dmarc.twice.example.           TXT "v=DMARC1; p=reject"
_dmarc.odd.example.             TXT "v=DMARC1; p=maybe"
_dmarc.bank.example.            TXT "v=DMARC1; p=reject; psd=y"
north.bank.example.             TXT "v=spf1 ip4:127.0.0.1 -all"
south.bank.example.             TXT "v=spf1 ip4:127.0.0.1 -all"
_dmarc.own.school.example.      TXT "v=DMARC1; p=none; psd=n"
www.own.school.example.         A   127.0.0.1
a.b.c.d.e.f.g.h.i.deep.example. A   127.0.0.1
_dmarc.i.deep.example.          TXT "v=DMARC1; p=none"
`

func TestReceiversJudge(t *testing.T) {
	n, err := newNames(&Zone{TTL: soaTTL, Records: judged})
	if err != nil {
		t.Fatal(err)
	}
	n.fail("slow.example", AnswerServFail)
	for _, tt := range []struct {
		name, sender, from string
		signed             string // good signatures of, or bad ones with !
		want               string // SPF, its domain, DMARC, policy, what is aligned
		why                string
	}{
		{"all is well", "a@school.example", "a@school.example", "school.example", "pass school.example pass reject SPF DKIM", ""},
		{"SPF alone", "b@bounce.school.example", "A <a@school.example>", "", "pass bounce.school.example pass reject SPF", ""},
		{"DKIM alone", "b@away.example", "a@school.example", "news.school.example", "fail away.example pass reject DKIM", "SPF of away.example says fail to 127.0.0.1"},
		{"one of two signatures", "b@bare.example", "a@school.example", "!school.example school.example", "pass bare.example pass reject DKIM", ""},
		{"neither", "b@bare.example", "a@school.example", "bare.example !school.example", "pass bare.example fail reject", "DMARC of school.example (p=reject): neither SPF (bare.example, pass) nor"},
		{"null sender", "", "a@school.example", "", "pass mail.school.example pass reject SPF", ""},
		{"strict, same", "a@soft.example", "a@SOFT.example", "soft.example", "pass soft.example pass none SPF DKIM", ""},
		{"strict, below", "a@soft.example", "a@www.soft.example", "soft.example", "pass soft.example fail none", "p=none"},
		{"strict, above", "a@nothing.example", "a@soft.example", "mail.soft.example", "none nothing.example fail none", "p=none"},
		{"sender elsewhere", "a@away.example", "a@away.example", "", "fail away.example fail quarantine", "SPF of away.example says fail to 127.0.0.1: matched all; DMARC of away.example"},
		{"no policy", "a@bare.example", "a@bare.example", "bare.example", "pass bare.example none ", ""},
		{"PTR", "a@ptr.example", "a@ptr.example", "", "pass ptr.example none ", ""},
		{"two records", "a@twice.example", "a@twice.example", "twice.example", "permerror twice.example none ", "SPF of twice.example says permerror"},
		{"odd record", "a@odd.example", "a@odd.example", "odd.example", "none odd.example fail ", "record of _dmarc.odd.example"},
		{"DNS fails", "a@slow.example", "a@slow.example", "slow.example", "temperror slow.example fail ", "servfail"},
		{"subdomain that exists", "a@nothing.example", "a@mail.school.example", "", "none nothing.example fail quarantine", "DMARC of mail.school.example"},
		{"subdomain that does not", "a@nothing.example", "a@gone.school.example", "", "none nothing.example fail none", "DMARC of gone.school.example"},
		{"registry", "a@north.bank.example", "a@www.north.bank.example", "", "pass north.bank.example pass reject SPF", ""},
		{"neighbours in a registry", "a@south.bank.example", "a@north.bank.example", "", "pass south.bank.example fail reject", "p=reject"},
		{"organisation below another", "a@school.example", "a@www.own.school.example", "own.school.example", "pass school.example pass none DKIM", ""},
		{"many labels", "a@nothing.example", "a@a.b.c.d.e.f.g.h.i.deep.example", "i.deep.example", "none nothing.example pass none DKIM", ""},
		{"two authors", "a@school.example", "a@school.example, b@school.example", "school.example", "pass school.example fail ", "not exactly one author"},
		{"international", "a@school.example", "=?x-odd?q?=C5?= <a@ÅÄ.school.example>", "school.example", "pass school.example pass none SPF DKIM", ""},
	} {
		var signatures []Signature
		for _, d := range strings.Fields(tt.signed) {
			domain, bad := strings.CutPrefix(d, "!")
			s := Signature{Domain: domain}
			if bad {
				s.Err = errors.New("bad")
			}
			signatures = append(signatures, s)
		}
		e := envelope{netip.MustParseAddr("127.0.0.1"), "mail.school.example", tt.sender}
		v := resolver{n}.judge(e, mail.Header{"From": {tt.from}}, signatures)
		got := fmt.Sprint(v.SPF, " ", v.SPFDomain, " ", v.DMARC, " ", v.Policy)
		if v.AlignedSPF {
			got += " SPF"
		}
		if v.AlignedDKIM {
			got += " DKIM"
		}
		if got != tt.want || !strings.Contains(v.Why, tt.why) || (tt.why == "") != (v.Why == "") {
			t.Errorf("%s: %q because %q,\nwant %q because %q", tt.name, got, v.Why, tt.want, tt.why)
		}
	}
}

func TestArrivalsAreKeptWithTheirVerdict(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	l := startWith(t, one("", ""), Config{Clock: newClock(), Keep: 3})
	if err := l.Publish(judged + "s1._domainkey.school.example. TXT \"v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(public) + `"`); err != nil {
		t.Fatal(err)
	}
	for i, from := range []string{"first@school.example", "a@school.example", "a@away.example", "a@bare.example"} {
		var signed bytes.Buffer
		message := fmt.Sprintf("From: %s\r\nMessage-ID: <%d@school.example>\r\nX-Long: %s\r\n\r\nhej\r\n", from, i, strings.Repeat("a", 900))
		if err := dkim.Sign(&signed, strings.NewReader(message), &dkim.SignOptions{Domain: "school.example", Selector: fmt.Sprintf("s%d", i), Signer: private}); err != nil {
			t.Fatal(err)
		}
		send(t, l, "b@school.example", "anna@one.example", signed.String())
	}
	list := l.Arrivals()
	if len(list) != 3 {
		t.Fatalf("%d arrivals", len(list))
	}
	for i, want := range []string{
		"1@school.example school.example s1 true pass pass true true",
		"2@school.example away.example s2 false pass fail false false",
		"3@school.example bare.example s3 false pass none false false",
	} {
		a := list[i]
		s := a.Signatures[0]
		got := fmt.Sprint(a.MessageID, " ", a.FromDomain, " ", s.Selector, " ", s.Err == nil, " ", a.SPF, " ", a.DMARC, " ", a.AlignedSPF, " ", a.AlignedDKIM)
		if got != want || s.Domain != "school.example" || a.Sender != "b@school.example" || a.Recipient != "anna@one.example" || a.Client.String() != "127.0.0.1" {
			t.Errorf("%s, want %s\n%+v", got, want, a)
		}
		if !bytes.HasPrefix(a.Header, []byte("DKIM-Signature: ")) || !bytes.HasSuffix(a.Header, []byte("a\r\n")) {
			t.Errorf("header %q", a.Header)
		}
	}
	r := l.Report()
	want := Count{
		Provider: "One", Connections: 4, Messages: 4, Received: 4, DKIMPass: 1, DKIMFail: 3, SPFPass: 4,
		DMARCPass: 2, DMARCFail: 1, DMARCNone: 1, AlignedSPF: 2, AlignedDKIM: 1,
	}
	if r.Providers[0] != want || len(r.Failed) != 1 || !strings.Contains(r.Failed[0].Why, "DMARC of away.example (p=quarantine)") {
		t.Errorf("%+v, failed %+v", r.Providers, r.Failed)
	}
}
