package sasl

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Mechanism is one exchange. Next takes the client's response, nil before there is one, and returns the next challenge;
// done means the client has proved itself. Username is who it says it is, empty until it has said a name that could be
// one. After done or an error the exchange is over.
type Mechanism interface {
	Next(response []byte) (challenge []byte, done bool, err error)
	Username() string
}

// Names of mechanisms.
const (
	Plain           = "PLAIN"
	Login           = "LOGIN"
	ScramSHA256     = "SCRAM-SHA-256"
	ScramSHA256Plus = "SCRAM-SHA-256-PLUS"
)

// Errors of mechanisms.
var (
	ErrFailed    = errors.New("authentication failed")
	ErrMalformed = errors.New("the response does not follow the mechanism")
)

// LookUp finds a user's verifier. For one who does not exist it gives a Decoy; an error is a fault of the look-up.
type LookUp func(username string) (Verifier, error)

// Binding is the TLS connection's channel binding data, tls-exporter of RFC 9266; nil without TLS 1.3.
type Binding []byte

// New starts an exchange. It reports false for a mechanism that is not offered here.
func New(name string, find LookUp, random io.Reader, b Binding) (Mechanism, bool) {
	switch strings.ToUpper(name) {
	case Plain:
		return &plain{find: find}, true
	case Login:
		return &login{find: find}, true
	case ScramSHA256:
		return &scram{find: find, random: random, offered: b != nil}, true
	case ScramSHA256Plus:
		return &scram{find: find, random: random, offered: b != nil, binding: b}, b != nil
	}
	return nil, false
}

// maxName and maxPassword bound what is hashed and remembered.
const (
	maxName     = 255 // RFC 4616 2
	maxPassword = 1024
)

// validName keeps what can be no user's name from being looked up.
func validName(s string) bool {
	return s != "" && len(s) <= maxName && utf8.ValidString(s) && strings.IndexFunc(s, unicode.IsControl) < 0
}

func check(find LookUp, username string, password []byte) error {
	if len(password) > maxPassword {
		return ErrMalformed
	}
	v, err := find(username)
	if err != nil {
		return err
	}
	if !v.Check(string(password)) {
		return ErrFailed
	}
	return nil
}

type plain struct {
	find LookUp
	user string
	step int
}

func (p *plain) Username() string { return p.user }

// Next implements Mechanism: authzid NUL authcid NUL password. Acting for another user is not offered.
func (p *plain) Next(response []byte) ([]byte, bool, error) {
	if p.step++; p.step == 1 && response == nil {
		return []byte{}, false, nil // no initial response: ask for it with an empty challenge
	}
	parts := bytes.Split(response, []byte{0})
	if len(parts) != 3 || !validName(string(parts[1])) {
		return nil, false, ErrMalformed
	}
	p.user = string(parts[1])
	if authzid := string(parts[0]); authzid != "" && authzid != p.user {
		return nil, false, ErrFailed
	}
	err := check(p.find, p.user, parts[2])
	return nil, err == nil, err
}

type login struct {
	find LookUp
	user string
	step int
}

func (l *login) Username() string { return l.user }

// Next implements Mechanism. An initial response is the user name.
func (l *login) Next(response []byte) ([]byte, bool, error) {
	switch {
	case l.step == 0 && response == nil:
		l.step = 1
		return []byte("Username:"), false, nil
	case l.step <= 1:
		if !validName(string(response)) {
			return nil, false, ErrMalformed
		}
		l.user, l.step = string(response), 2
		return []byte("Password:"), false, nil
	}
	err := check(l.find, l.user, response)
	return nil, err == nil, err
}
