package dkim

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"strings"
	"testing"
)

// wrongEngine fails in the given way.
type wrongEngine struct {
	sign func(digest []byte) ([]byte, error)
}

func (wrongEngine) Name() string { return "wrong" }

func (e wrongEngine) RSA(key *rsa.PrivateKey) (crypto.Signer, error) {
	s := wrongSigner(e)
	return s, prove(s, key)
}

type wrongSigner struct{ sign func([]byte) ([]byte, error) }

func (wrongSigner) Public() crypto.PublicKey { return nil }

func (s wrongSigner) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	return s.sign(digest)
}

func TestAKeyTheEngineFailsWithIsUsedByCryptoRSA(t *testing.T) {
	g, err := Generate(RSA, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, e := range map[string]wrongEngine{
		"another signature": {func([]byte) ([]byte, error) { return make([]byte, rsaBits/8), nil }},
		"no signature":      {func([]byte) ([]byte, error) { return nil, errors.New("no memory") }},
	} {
		k, err := LoadKey(e, "school.example", "s", RSA, g.PKCS8)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, ok := k.Signer.(*rsa.PrivateKey); !ok {
			t.Errorf("%s: signs with %T", name, k.Signer)
		}
	}
}

func TestLoadKeySaysWhatIsWrong(t *testing.T) {
	g, err := Generate(Ed25519, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		algorithm string
		pkcs8     []byte
		want      string
	}{
		{RSA, g.PKCS8, "key s of school.example is a ed25519.PrivateKey, not of algorithm rsa"},
		{RSA, []byte("x"), "key s of school.example: "},
	} {
		if _, err := LoadKey(GoEngine{}, "school.example", "s", tt.algorithm, tt.pkcs8); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v, want %s", err, tt.want)
		}
	}
	if _, err := Generate("dsa", rand.Reader); err == nil || !strings.Contains(err.Error(), "use rsa or ed25519") {
		t.Errorf("Generate: %v", err)
	}
}
