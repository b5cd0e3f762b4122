package dkim

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
)

// Engine makes RSA signatures. Ed25519 needs none: crypto/ed25519 is as fast as it gets.
type Engine interface {
	// Name is for the log: "crypto/rsa" or the library's own version.
	Name() string
	// RSA makes the key usable for signing SHA-256 digests in PKCS #1 v1.5. The signer may be used concurrently.
	RSA(key *rsa.PrivateKey) (crypto.Signer, error)
}

// GoEngine is crypto/rsa.
type GoEngine struct{}

// Name implements Engine.
func (GoEngine) Name() string { return "crypto/rsa" }

// RSA implements Engine.
func (GoEngine) RSA(key *rsa.PrivateKey) (crypto.Signer, error) { return key, nil }

// soname of OpenSSL 3; 1.1 has some of the functions we call as macros.
const soname = "libcrypto.so.3"

// LoadEngine returns libcrypto where it loads and signs as crypto/rsa does, else crypto/rsa; why is nil in the
// first case and says what was in the way in the second.
func LoadEngine() (e Engine, why error) { return loadEngine(soname) }

func loadEngine(library string) (Engine, error) {
	lib, err := loadLibcrypto(library)
	if err != nil {
		return GoEngine{}, fmt.Errorf("libcrypto is not used: %w", err)
	}
	return lib, nil
}

// prove checks that signer makes the same signature as key itself: PKCS #1 v1.5 is deterministic (RFC 8017 8.2), so
// any difference is a fault.
func prove(signer crypto.Signer, key *rsa.PrivateKey) error {
	digest := sha256.Sum256([]byte("budkavle"))
	want, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	if err != nil {
		return err
	}
	got, err := signer.Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return errors.New("its signature differs from that of crypto/rsa")
	}
	return nil
}
