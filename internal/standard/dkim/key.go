package dkim

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
)

// Algorithms of keys, as in the k= tag (RFC 6376 3.6.1, RFC 8463 2).
const (
	RSA     = "rsa"
	Ed25519 = "ed25519"
)

// rsaBits is the size RFC 8301 3.2 and the large providers ask for.
const rsaBits = 2048

// Generated is a new key pair.
type Generated struct {
	Algorithm string
	Public    []byte // p= of the record, decoded: SubjectPublicKeyInfo for RSA, 32 octets for Ed25519
	PKCS8     []byte // the private key
}

// Generate makes a key pair of the algorithm from random.
func Generate(algorithm string, random io.Reader) (Generated, error) {
	g := Generated{Algorithm: algorithm}
	var private any
	switch algorithm {
	case RSA:
		key, err := rsa.GenerateKey(random, rsaBits)
		if err != nil {
			return g, err
		}
		if g.Public, err = x509.MarshalPKIXPublicKey(key.Public()); err != nil {
			return g, err
		}
		private = key
	case Ed25519:
		public, key, err := ed25519.GenerateKey(random)
		if err != nil {
			return g, err
		}
		g.Public, private = public, key
	default:
		return g, fmt.Errorf("key algorithm %q: use %s or %s", algorithm, RSA, Ed25519)
	}
	var err error
	g.PKCS8, err = x509.MarshalPKCS8PrivateKey(private)
	return g, err
}

// Record is the text of a key's TXT record (RFC 6376 3.6.1), not yet split into strings.
func Record(algorithm string, public []byte) string {
	return "v=DKIM1; k=" + algorithm + "; p=" + base64.StdEncoding.EncodeToString(public)
}

// Key is a private key in use.
type Key struct {
	Domain    string // d=, A-labels
	Selector  string // s=
	Algorithm string
	Signer    crypto.Signer
}

// LoadKey makes a PKCS #8 private key usable, RSA by the engine. A key that the engine does not prove itself with is
// signed with by crypto/rsa: slower, never wrong.
func LoadKey(e Engine, domain, selector, algorithm string, pkcs8 []byte) (Key, error) {
	k := Key{Domain: domain, Selector: selector, Algorithm: algorithm}
	private, err := x509.ParsePKCS8PrivateKey(pkcs8)
	if err != nil {
		return k, fmt.Errorf("key %s of %s: %w", selector, domain, err)
	}
	switch p := private.(type) {
	case *rsa.PrivateKey:
		if algorithm == RSA {
			if k.Signer, err = e.RSA(p); err != nil {
				k.Signer = p
			}
			return k, nil
		}
	case ed25519.PrivateKey:
		if algorithm == Ed25519 {
			k.Signer = p
			return k, nil
		}
	}
	return k, fmt.Errorf("key %s of %s is a %T, not of algorithm %s", selector, domain, private, algorithm)
}

// SealContext is what a stored private key is bound to when it is sealed, so that a row moved to another domain is of no
// use there.
func SealContext(domain, selector string) []byte {
	return []byte("dkim " + selector + "._domainkey." + domain)
}
