package dane_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"math/big"
	"strings"
	"testing"

	"github.com/budkavle/budkavle/internal/standard/dane"
	"github.com/budkavle/budkavle/internal/standard/dns"
)

func certificate(t *testing.T) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func record(usage, selector, matching uint8, data []byte) dns.TLSA {
	return dns.TLSA{Usage: usage, Selector: selector, Matching: matching, Data: data}
}

func TestMatch(t *testing.T) {
	leaf, issuer := certificate(t), certificate(t)
	chain := []*x509.Certificate{leaf, issuer}
	sum := func(b []byte) []byte { s := sha256.Sum256(b); return s[:] }
	long := func(b []byte) []byte { s := sha512.Sum512(b); return s[:] }
	for _, tt := range []struct {
		name string
		r    dns.TLSA
		want bool
	}{
		{"3 1 1", record(3, 1, 1, sum(leaf.RawSubjectPublicKeyInfo)), true},
		{"3 0 1", record(3, 0, 1, sum(leaf.Raw)), true},
		{"3 1 2", record(3, 1, 2, long(leaf.RawSubjectPublicKeyInfo)), true},
		{"3 0 0", record(3, 0, 0, leaf.Raw), true},
		{"2 1 1", record(2, 1, 1, sum(issuer.RawSubjectPublicKeyInfo)), true},
		{"another key", record(3, 1, 1, sum(issuer.RawSubjectPublicKeyInfo)), false}, // of the issuer counts for usage 2 only
		{"the wrong selector", record(3, 0, 1, sum(leaf.RawSubjectPublicKeyInfo)), false},
		{"usage 1", record(1, 1, 1, sum(leaf.RawSubjectPublicKeyInfo)), false},
		{"no data", record(3, 1, 0, nil), false},
	} {
		if _, got := dane.Match([]dns.TLSA{tt.r}, chain); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	if _, ok := dane.Match([]dns.TLSA{record(3, 1, 1, sum(leaf.Raw)), record(3, 1, 1, sum(leaf.RawSubjectPublicKeyInfo))}, chain); !ok {
		t.Error("a later record does not match")
	}
	if _, ok := dane.Match([]dns.TLSA{record(3, 1, 1, sum(leaf.RawSubjectPublicKeyInfo))}, nil); ok {
		t.Error("no certificate matches")
	}
}

func TestUsable(t *testing.T) {
	digest := make([]byte, 32)
	good, bad := record(3, 1, 1, digest), record(0, 1, 1, digest)
	if got := dane.Usable([]dns.TLSA{bad, good}, true); len(got) != 1 || got[0].Usage != 3 {
		t.Errorf("%+v", got)
	}
	if got := dane.Usable([]dns.TLSA{good}, false); got != nil {
		t.Errorf("without DNSSEC: %+v", got)
	}
	for _, tt := range []struct {
		r    dns.TLSA
		want string
	}{
		{good, ""},
		{bad, "usage 0 is not for mail"},
		{record(3, 2, 1, digest), "selector 2 is not known"},
		{record(3, 1, 3, digest), "matching type 3 is not known"},
		{record(3, 1, 1, digest[:31]), "the digest has 31 octets"},
		{record(3, 1, 2, digest), "the digest has 32 octets"},
		{record(3, 1, 0, nil), "has no data"},
	} {
		if got := dane.Fault(tt.r).String(); (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%+v: %q, want %q", tt.r, got, tt.want)
		}
	}
	if got := dane.RecordName("mx.example.org", 25); got != "_25._tcp.mx.example.org" {
		t.Error(got)
	}
}
