package outbound

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// mechanism is one side of a SASL dialogue (RFC 4422).
type mechanism interface {
	name() string
	first() []byte // initial response; nil: none
	next(challenge []byte) ([]byte, error)
	done() bool // nothing more is to be proved by the server
}

func encode(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func decode(s string) ([]byte, error) { return base64.StdEncoding.DecodeString(strings.TrimSpace(s)) }

var errNoMore = errors.New("the server asks for more than the mechanism has")

// plain is RFC 4616.
type plain struct{ auth *Auth }

func (p *plain) name() string { return "PLAIN" }

func (p *plain) first() []byte { return []byte("\x00" + p.auth.Username + "\x00" + p.auth.Password) }

func (p *plain) next([]byte) ([]byte, error) { return nil, errNoMore }

func (p *plain) done() bool { return true }

// login is draft-murchison-sasl-login-00: two questions, whatever their words.
type login struct {
	auth  *Auth
	asked int
}

func (l *login) name() string { return "LOGIN" }

func (l *login) first() []byte { return nil }

func (l *login) next([]byte) ([]byte, error) {
	l.asked++
	switch l.asked {
	case 1:
		return []byte(l.auth.Username), nil
	case 2:
		return []byte(l.auth.Password), nil
	}
	return nil, errNoMore
}

func (l *login) done() bool { return true }

// maxIterations bounds the work a server can put on us (RFC 7677 4 asks for 4096 at least).
const maxIterations = 1 << 20

// scram is SCRAM-SHA-256 without channel binding (RFC 5802, 7677).
type scram struct {
	auth      *Auth
	nonce     string
	bare      string // client-first-message-bare
	signature []byte // that the server must show
	proved    bool
}

func newSCRAM(a *Auth) *scram {
	nonce := rand.Text()
	name := strings.NewReplacer("=", "=3D", ",", "=2C").Replace(a.Username)
	return &scram{auth: a, nonce: nonce, bare: "n=" + name + ",r=" + nonce}
}

func (s *scram) name() string { return "SCRAM-SHA-256" }

func (s *scram) first() []byte { return []byte("n,," + s.bare) }

func (s *scram) done() bool { return s.proved }

func (s *scram) next(challenge []byte) ([]byte, error) {
	switch {
	case s.proved:
		return nil, errNoMore
	case s.signature == nil:
		return s.prove(string(challenge))
	}
	verifier, err := decode(strings.TrimPrefix(string(challenge), "v="))
	if err != nil || !hmac.Equal(verifier, s.signature) {
		return nil, errors.New("the server's proof is wrong")
	}
	s.proved = true
	return []byte{}, nil
}

// prove answers the server's first message, RFC 5802 3.
func (s *scram) prove(serverFirst string) ([]byte, error) {
	fields := map[byte]string{}
	for f := range strings.SplitSeq(serverFirst, ",") {
		if len(f) > 2 && f[1] == '=' {
			fields[f[0]] = f[2:]
		}
	}
	salt, err := decode(fields['s'])
	iterations, err2 := strconv.Atoi(fields['i'])
	switch {
	case fields['m'] != "":
		return nil, errors.New("the server wants an extension of SCRAM")
	case err != nil || len(salt) == 0 || !strings.HasPrefix(fields['r'], s.nonce) || fields['r'] == s.nonce:
		return nil, errors.New("the server's first message makes no sense")
	case err2 != nil || iterations < 4096 || iterations > maxIterations:
		return nil, fmt.Errorf("the server wants %q iterations, not 4096 to %d", fields['i'], maxIterations)
	}
	salted, err := pbkdf2.Key(sha256.New, s.auth.Password, salt, iterations, sha256.Size)
	if err != nil {
		return nil, err
	}
	last := "c=biws,r=" + fields['r'] // base64 of "n,,"
	message := s.bare + "," + serverFirst + "," + last
	clientKey := mac(salted, "Client Key")
	stored := sha256.Sum256(clientKey)
	proof := mac(stored[:], message)
	for i := range proof {
		proof[i] ^= clientKey[i]
	}
	s.signature = mac(mac(salted, "Server Key"), message)
	return []byte(last + ",p=" + encode(proof)), nil
}

func mac(key []byte, message string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(message))
	return h.Sum(nil)
}
