package dkim

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
)

func TestParseRecord(t *testing.T) {
	pair, err := Generate(RSA, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := base64.StdEncoding.EncodeToString(pair.Public)
	ed, err := Generate(Ed25519, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edp := base64.StdEncoding.EncodeToString(ed.Public)
	for _, tt := range []struct {
		name, txt, code string
		check           func(KeyRecord) bool
	}{
		{"ours", Record(RSA, pair.Public), "", func(r KeyRecord) bool { return r.Bits == 2048 && r.Holds(RSA, pair.Public) && !r.Revoked() }},
		{"ours, Ed25519", Record(Ed25519, ed.Public), "", func(r KeyRecord) bool { return r.Holds(Ed25519, ed.Public) && !r.Holds(RSA, pair.Public) }},
		{"p alone", "p=" + p, "", func(r KeyRecord) bool { return r.Algorithm == RSA && r.Holds(RSA, pair.Public) }},
		{"spaces", " v = DKIM1 ; k = rsa ;\tp = " + p[:50] + " " + p[50:] + " ; ", "", func(r KeyRecord) bool { return r.Holds(RSA, pair.Public) }},
		{"flags", "v=DKIM1; t=y:s; h=sha1; s=tlsrpt; p=" + p, "", func(r KeyRecord) bool {
			hash, email := r.For()
			return r.Testing && r.Strict && !hash && !email
		}},
		{"lists", "v=DKIM1; h=sha1:SHA256; s=*; n=note; p=" + p, "", func(r KeyRecord) bool {
			hash, email := r.For()
			return hash && email && !r.Testing
		}},
		{"revoked", "v=DKIM1; p=", "", func(r KeyRecord) bool { return r.Revoked() && !r.Holds(RSA, pair.Public) }},
		{"other key", Record(RSA, otherKey(t)), "", func(r KeyRecord) bool { return !r.Holds(RSA, pair.Public) && r.Bits == 1024 }},
		{"no key", "v=DKIM1; k=rsa", "no-key", nil},
		{"nothing", "", "no-key", nil},
		{"quotes", `"v=DKIM1; p=` + p + `"`, "quotes", nil},
		{"split with quotes", `v=DKIM1; p=` + p[:100] + `" "` + p[100:], "quotes", nil},
		{"backslash", `v=DKIM1\; p=` + p, "backslashes", nil},
		{"twice", Record(RSA, pair.Public) + Record(RSA, pair.Public), "pasted-twice", nil},
		{"two tags", "p=" + p + ";p=" + p, "key-syntax", nil},
		{"no tag", "v=DKIM1; hello; p=" + p, "key-syntax", nil},
		{"version late", "k=rsa; v=DKIM1; p=" + p, "key-version", nil},
		{"version 2", "v=DKIM2; p=" + p, "key-version", nil},
		{"cut", "v=DKIM1; p=" + p[:101], "key-encoding", nil},
		{"cut at a quantum", "v=DKIM1; p=" + p[:100], "key-broken", nil},
		{"algorithm", "v=DKIM1; k=dsa; p=" + p, "key-algorithm", nil},
		{"Ed25519 called RSA", "v=DKIM1; k=rsa; p=" + edp, "key-broken", nil},
		{"RSA called Ed25519", "v=DKIM1; k=ed25519; p=" + p, "key-broken", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := ParseRecord(tt.txt)
			var fault *RecordError
			errors.As(err, &fault)
			switch {
			case tt.code == "" && err != nil:
				t.Fatal(err)
			case tt.code != "" && (fault == nil || fault.Code != tt.code):
				t.Fatalf("got %v, want %s", err, tt.code)
			case tt.check != nil && !tt.check(r):
				t.Errorf("got %+v", r)
			}
		})
	}
}

func otherKey(t *testing.T) []byte {
	t.Helper()
	t.Setenv("GODEBUG", "rsa1024min=0")
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return public
}

func TestHoldsKnowsBothFormsOfAKey(t *testing.T) {
	pair, err := Generate(RSA, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, _ := x509.ParsePKIXPublicKey(pair.Public)
	bare := x509.MarshalPKCS1PublicKey(key.(*rsa.PublicKey))
	r, err := ParseRecord(Record(RSA, bare))
	if err != nil || !r.Holds(RSA, pair.Public) {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestLooksLikeKey(t *testing.T) {
	for txt, want := range map[string]bool{
		"v=DKIM1; p=": true, "k=rsa; P = x": true, "p=abc": true, `"v=DKIM1`: true, "google-site-verification=x": false, "v=spf1 -all": false, "": false,
	} {
		if got := LooksLikeKey(txt); got != want {
			t.Errorf("%q: %v", txt, got)
		}
	}
}

func FuzzParseRecord(f *testing.F) {
	for _, seed := range []string{"v=DKIM1; k=rsa; p=MIGfMA0", "v=DKIM1; p=", "p=AA==;h=sha1:sha256;t=y:s;s=email", `"x\;`, strings.Repeat("a=b;", 50)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, txt string) {
		r, err := ParseRecord(txt)
		var fault *RecordError
		switch {
		case err != nil && (!errors.As(err, &fault) || fault.Code == "" || fault.Problem.IsZero() || fault.Change.IsZero()):
			t.Fatalf("%q: %v does not say what is wrong and what to change", txt, err)
		case err == nil && (r.Public == nil) != r.Revoked():
			t.Fatalf("%q: %+v", txt, r)
		case err == nil && !r.Revoked() && !r.Holds(r.Algorithm, r.Raw):
			t.Fatalf("%q: does not hold its own key", txt)
		}
	})
}
