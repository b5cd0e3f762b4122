package dkim

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
)

func TestLibcryptoSignsAsCryptoRSADoes(t *testing.T) {
	lib := engines(t)[1]
	if !strings.HasPrefix(lib.Name(), "OpenSSL 3") {
		t.Errorf("engine %q", lib.Name())
	}
	key, err := rsa.GenerateKey(rand.Reader, rsaBits)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := lib.RSA(key)
	if err != nil {
		t.Fatal(err)
	}
	if !key.PublicKey.Equal(signer.Public()) {
		t.Error("the signer has another public key")
	}
	var wg sync.WaitGroup
	for i := range 2 * idleContexts {
		wg.Go(func() {
			for j := range 20 {
				digest := sha256.Sum256([]byte{byte(i), byte(j)})
				got, err := signer.Sign(nil, digest[:], crypto.SHA256)
				want, err2 := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
				if err != nil || err2 != nil || !bytes.Equal(got, want) {
					t.Errorf("digest %d %d: %v, %v, or the signatures differ", i, j, err, err2)
				}
			}
		})
	}
	wg.Wait()
	if _, err := signer.Sign(nil, make([]byte, 20), crypto.SHA1); err == nil {
		t.Error("signed what is no SHA-256 digest")
	}
}

func TestEngineFallsBack(t *testing.T) {
	for library, want := range map[string]string{
		"libcrypto-of-nobody.so.3": "libcrypto is not used: ",
		"libc.so.6":                "undefined symbol", // loads, and is another library
	} {
		e, why := loadEngine(library)
		if e != (GoEngine{}) || why == nil || !strings.Contains(why.Error(), want) {
			t.Errorf("%s: %v, %v", library, e, why)
		}
	}
}

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
