package dkim

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"github.com/budkavle/budkavle/internal/standard/message"
)

const sampleBody = "Hej  alla, \t \r\n\r\nn\xc3\xa4rvaro  f\xc3\xb6r klass 7B.\r\n\r\n\r\n"

const sampleList = "List-Unsubscribe: <https://school.example/u/1>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"

// signedMail is a message signed by both kinds of key, with the records of the keys.
type signedMail struct {
	text    string
	records map[string]string // name to text
}

func sign(t testing.TB, e Engine, header, body string) signedMail {
	t.Helper()
	s := signedMail{records: map[string]string{}}
	var keys []Key
	for _, algorithm := range []string{RSA, Ed25519} {
		k, g := newKey(t, e, algorithm)
		keys = append(keys, k)
		s.records[k.Selector+"._domainkey."+k.Domain] = Record(algorithm, g.Public)
	}
	signer, err := NewSigner(keys...)
	if err != nil {
		t.Fatal(err)
	}
	h, err := message.Parse([]byte(header))
	if err != nil {
		t.Fatal(err)
	}
	fields, err := signer.Sign(h, bodyHash(body), time.Unix(1_795_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	s.text = string(fields) + header + "\r\n" + body
	return s
}

// verdicts are what go-msgauth says of each signature: nil is valid.
func (s signedMail) verdicts(t testing.TB, text string) []error {
	t.Helper()
	vs, err := dkim.VerifyWithOptions(strings.NewReader(text), &dkim.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
		if r, ok := s.records[name]; ok {
			return []string{r}, nil
		}
		return nil, fmt.Errorf("no record %s", name)
	}})
	if err != nil || len(vs) != 2 {
		t.Fatalf("%d signatures, %v", len(vs), err)
	}
	return []error{vs[0].Err, vs[1].Err}
}

// opendkim asks OpenDKIM in test mode with the keys in a file; it returns "pass" or "fail" a signature.
func (s signedMail) opendkim(t testing.TB, text string) []string {
	t.Helper()
	if !strings.HasSuffix(text, "\r\n") {
		text += "\r\n" // what comes by SMTP always ends with one; OpenDKIM takes nothing else
	}
	dir := t.TempDir()
	var keys strings.Builder
	for name, record := range s.records {
		keys.WriteString(name + " " + record + "\n")
	}
	for name, content := range map[string]string{
		"keys": keys.String(), "message": text, "conf": "Mode v\nSyslog no\nTestPublicKeys " + filepath.Join(dir, "keys") + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command("opendkim", "-x", filepath.Join(dir, "conf"), "-vvv", "-t", filepath.Join(dir, "message")).CombinedOutput()
	if err != nil {
		t.Fatalf("opendkim (run: make deps): %v\n%s", err, out)
	}
	var verdicts []string
	for _, m := range regexp.MustCompile(`\bdkim=(\w+)`).FindAllSubmatch(out, -1) {
		verdicts = append(verdicts, string(m[1]))
	}
	if len(verdicts) != 2 {
		t.Fatalf("opendkim said\n%s", out)
	}
	return verdicts
}

func valid(errs []error) bool {
	return !slices.ContainsFunc(errs, func(err error) bool { return err != nil })
}

func TestOthersVerify(t *testing.T) {
	bare := "From: a@school.example\r\n"
	folded := "From: Skolan\r\n <info@school.example>\r\nSubject :  a\r\n\t  b \r\nTo: " + strings.Repeat("anna@sink.example,\r\n ", 40) + "bo@sink.example\r\n" +
		"Cc: c@sink.example\r\nReply-To: d@school.example\r\nSender: e@school.example\r\nReferences: <1@x>\r\nIn-Reply-To: <1@x>\r\nList-Id: <l.school.example>\r\n" +
		"Feedback-ID: 1:2:3:school\r\nContent-Transfer-Encoding: 8bit\r\nX-Not-Signed: x\r\n"
	for _, e := range engines(t) {
		for name, m := range map[string][2]string{
			"usual":              {sampleHeader, sampleBody},
			"no body":            {sampleHeader, ""},
			"empty lines only":   {sampleHeader, "\r\n \r\n"},
			"no line end at end": {sampleHeader, "hej"},
			"almost nothing":     {bare, "x\r\n"},
			"folded":             {folded, sampleBody},
			"list":               {sampleHeader + sampleList, sampleBody},
			"several of a name":  {"Received: x\r\nCc: first@sink.example\r\n" + bare + "Cc: second@sink.example\r\n", sampleBody},
		} {
			s := sign(t, e, m[0], m[1])
			if errs := s.verdicts(t, s.text); !valid(errs) {
				t.Errorf("%s, %s: %v", e.Name(), name, errs)
			}
			if got := s.opendkim(t, s.text); got[0] != "pass" || got[1] != "pass" {
				t.Errorf("%s, %s: OpenDKIM: %v", e.Name(), name, got)
			}
			for _, line := range strings.Split(s.text[:strings.Index(s.text, "From")], "\r\n") {
				if len(line) > 78 {
					t.Errorf("%s: a line of %d octets: %s", name, len(line), line)
				}
			}
		}
	}
}

// TestOverSigned adds fields and changes the message on the way, and sees whether the signatures notice.
func TestOverSigned(t *testing.T) {
	s := sign(t, GoEngine{}, sampleHeader+sampleList, sampleBody)
	plain := sign(t, GoEngine{}, sampleHeader, sampleBody)
	untold := sign(t, GoEngine{}, "From: a@school.example\r\n", sampleBody)
	for _, tt := range []struct {
		name   string
		signed signedMail
		change func(string) string
		holds  bool
	}{
		{"another From", s, above("From: boss@bank.example"), false},
		{"another Subject", s, above("Subject: won"), false},
		{"another To", s, above("To: you@sink.example"), false},
		{"another List-Unsubscribe", s, above("List-Unsubscribe: <https://evil.example/>"), false},
		{"another List-Unsubscribe-Post", s, above("List-Unsubscribe-Post: x"), false},
		{"a Subject where there was none", untold, above("Subject: won"), false},
		{"a To where there was none", untold, above("To: you@sink.example"), false},
		{"a changed To", s, swap("anna@sink", "otto@sink"), false},
		{"a changed Message-ID", s, swap("<1@school", "<2@school"), false},
		{"a changed body", s, swap("klass 7B", "klass 8B"), false},
		{"more body", s, func(m string) string { return m + "more\r\n" }, false},
		{"a mailing list's own List-Unsubscribe", plain, above("List-Unsubscribe: <https://list.example/>"), true},
		{"another Received", s, above("Received: from x by y; Mon, 23 Nov 2026 10:00:00 +0000"), true},
		{"changed white space", s, swap("Hej  alla, \t \r\n", "Hej alla,\r\n"), true},
		{"a header name in other case", s, swap("\r\nSubject:", "\r\nSUBJECT :"), true},
	} {
		text := tt.change(tt.signed.text)
		if text == tt.signed.text {
			t.Fatalf("%s: nothing is changed", tt.name)
		}
		errs := tt.signed.verdicts(t, text)
		verdicts := tt.signed.opendkim(t, text)
		for i := range errs {
			if (errs[i] == nil) != tt.holds || (verdicts[i] == "pass") != tt.holds {
				t.Errorf("%s: signature %d: go-msgauth %v, OpenDKIM %s; should hold: %v", tt.name, i, errs[i], verdicts[i], tt.holds)
			}
		}
	}
}

func above(field string) func(string) string {
	return func(m string) string { return field + "\r\n" + m }
}

func swap(old, new string) func(string) string {
	return func(m string) string { return strings.Replace(m, old, new, 1) }
}

func TestSignGolden(t *testing.T) {
	h, err := message.Parse([]byte(sampleHeader + sampleList))
	if err != nil {
		t.Fatal(err)
	}
	k, _ := newKey(t, GoEngine{}, Ed25519)
	s, err := NewSigner(k)
	if err != nil {
		t.Fatal(err)
	}
	field, err := s.Sign(h, bodyHash(sampleBody), time.Unix(1_795_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	const want = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=school.example;\r\n" +
		"\ts=s-ed25519; t=1795000000;\r\n" +
		"\th=From:From:Subject:Subject:To:To:List-Unsubscribe:List-Unsubscribe:\r\n" +
		"\t List-Unsubscribe-Post:List-Unsubscribe-Post:Date:Message-ID:MIME-Version:\r\n" +
		"\t Content-Type;\r\n" +
		"\tbh=FGrOfA2QCf2PYEa2vlellkcYTBuuBkmWIsnJdlMZNVc=;\r\n\tb="
	if got := string(field[:bytes.Index(field, []byte("\tb="))+3]); got != want {
		t.Errorf("signed as\n%s\nwant\n%s", got, want)
	}
}

func TestSignerFailsWhole(t *testing.T) {
	good, _ := newKey(t, GoEngine{}, Ed25519)
	bad := good
	bad.Algorithm, bad.Selector, bad.Signer = RSA, "bad", wrongSigner{func([]byte) ([]byte, error) { return nil, errors.New("no memory") }}
	s, err := NewSigner(good, bad)
	if err != nil {
		t.Fatal(err)
	}
	h, _ := message.Parse([]byte(sampleHeader))
	if out, err := s.Sign(h, bodyHash(), time.Unix(0, 0)); err == nil || out != nil || !strings.Contains(err.Error(), "bad._domainkey.school.example: no memory") {
		t.Errorf("%q, %v", out, err)
	}
	if _, err := NewSigner(); err == nil {
		t.Error("a signer without keys")
	}
}
