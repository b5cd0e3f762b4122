package dkim

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
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
