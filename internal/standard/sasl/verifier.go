// Package sasl is the server's side of AUTH: PLAIN (RFC 4616), LOGIN, and SCRAM-SHA-256 with and without channel
// binding (RFC 5802, RFC 7677, RFC 9266).
//
// Passwords are checked against a SCRAM verifier, so none is kept. A user that does not exist takes the same steps and
// the same time as one that does. A mechanism ends with ErrFailed when the proof is wrong and with another error when
// the client does not follow the protocol; it never says which part was wrong. It counts no failures: that is its caller's.
package sasl

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
)

// iterations of PBKDF2: the least RFC 7677 4 allows. Passwords are 144 random bits of our own making, which no number of
// iterations protects better, and each PLAIN login costs them.
const iterations = 4096

const saltSize = 16

// Verifier is what is kept of a password (RFC 5802 3).
type Verifier struct {
	Salt       []byte
	Iterations int
	StoredKey  []byte
	ServerKey  []byte
}

// NewVerifier makes the verifier of a password with a salt from random.
func NewVerifier(random io.Reader, password string) (Verifier, error) {
	salt := make([]byte, saltSize)
	if _, err := io.ReadFull(random, salt); err != nil {
		return Verifier{}, fmt.Errorf("no random numbers: %w", err)
	}
	return derive(password, salt, iterations)
}

func derive(password string, salt []byte, n int) (Verifier, error) {
	salted, err := pbkdf2.Key(sha256.New, password, salt, n, sha256.Size)
	if err != nil {
		return Verifier{}, err
	}
	stored := sha256.Sum256(mac(salted, "Client Key"))
	return Verifier{Salt: salt, Iterations: n, StoredKey: stored[:], ServerKey: mac(salted, "Server Key")}, nil
}

func mac(key []byte, text string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

// Check reports whether the password is the verifier's.
func (v Verifier) Check(password string) bool {
	got, err := derive(password, v.Salt, v.Iterations)
	return err == nil && subtle.ConstantTimeCompare(got.StoredKey, v.StoredKey) == 1
}

// Decoy is the verifier of a user that does not exist: nothing matches it, and its salt is always the same for the
// name, as a real user's is.
func Decoy(secret []byte, username string) Verifier {
	return Verifier{Salt: mac(secret, username)[:saltSize], Iterations: iterations, StoredKey: make([]byte, sha256.Size), ServerKey: mac(secret, "server "+username)}
}
