package sasl

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// scram is the server of RFC 5802 with SHA-256.
type scram struct {
	find    LookUp
	random  io.Reader
	offered bool    // the -PLUS mechanism was offered on this connection
	binding Binding // set for -PLUS

	step        int
	user        string
	verifier    Verifier
	gs2         string // the client's header, kept for the channel binding check
	clientFirst string // client-first-message-bare
	serverFirst string
	nonce       string
}

const nonceSize = 18

func (s *scram) Username() string { return s.user }

// Next implements Mechanism.
func (s *scram) Next(response []byte) ([]byte, bool, error) {
	s.step++
	switch {
	case s.step == 1 && response == nil:
		s.step = 0
		return []byte{}, false, nil
	case s.step == 1:
		c, err := s.first(string(response))
		return c, false, err
	case s.step == 2:
		c, err := s.final(string(response))
		return c, false, err
	case s.step == 3 && len(response) == 0: // the client has seen our proof
		return nil, true, nil
	}
	return nil, false, ErrMalformed
}

// first reads client-first-message: gs2-cbind-flag "," [authzid] "," "n=" user ",r=" nonce.
func (s *scram) first(message string) ([]byte, error) {
	parts := strings.SplitN(message, ",", 3)
	if len(parts) != 3 || parts[1] != "" && !strings.HasPrefix(parts[1], "a=") {
		return nil, ErrMalformed
	}
	if err := s.checkFlag(parts[0]); err != nil {
		return nil, err
	}
	s.gs2, s.clientFirst = parts[0]+","+parts[1]+",", parts[2]
	name, rest, _ := strings.Cut(s.clientFirst, ",")
	nonce, _, _ := strings.Cut(rest, ",")
	user, ok := unescapeName(strings.TrimPrefix(name, "n="))
	if !strings.HasPrefix(name, "n=") || !strings.HasPrefix(nonce, "r=") || len(nonce) < 10 || len(nonce) > 200 || !ok || !validName(user) {
		return nil, ErrMalformed
	}
	if authzid := strings.TrimPrefix(parts[1], "a="); authzid != "" && authzid != strings.TrimPrefix(name, "n=") {
		return nil, ErrFailed // acting for another user is not offered
	}
	s.user = user
	var err error
	if s.verifier, err = s.find(user); err != nil {
		return nil, err
	}
	own := make([]byte, nonceSize)
	if _, err := io.ReadFull(s.random, own); err != nil {
		return nil, fmt.Errorf("no random numbers: %w", err)
	}
	s.nonce = nonce[2:] + base64.RawStdEncoding.EncodeToString(own)
	s.serverFirst = "r=" + s.nonce + ",s=" + base64.StdEncoding.EncodeToString(s.verifier.Salt) + ",i=" + strconv.Itoa(s.verifier.Iterations)
	return []byte(s.serverFirst), nil
}

// checkFlag is RFC 5802 6: "y" on a connection where -PLUS was offered means somebody took it out of our offer.
func (s *scram) checkFlag(flag string) error {
	switch {
	case s.binding != nil && flag == "p=tls-exporter":
	case s.binding == nil && flag == "n":
	case s.binding == nil && flag == "y" && !s.offered:
	case flag == "y":
		return ErrFailed
	default:
		return ErrMalformed
	}
	return nil
}

// final reads client-final-message: "c=" binding ",r=" nonce ",p=" proof.
func (s *scram) final(message string) ([]byte, error) {
	at := strings.LastIndex(message, ",p=")
	if at < 0 {
		return nil, ErrMalformed
	}
	without := message[:at]
	proof, err := base64.StdEncoding.DecodeString(message[at+3:])
	if err != nil || len(proof) != sha256.Size {
		return nil, ErrMalformed
	}
	want := "c=" + base64.StdEncoding.EncodeToString(append([]byte(s.gs2), s.binding...)) + ",r=" + s.nonce
	if without != want && !strings.HasPrefix(without, want+",") {
		return nil, ErrFailed
	}
	auth := s.clientFirst + "," + s.serverFirst + "," + without
	clientKey := mac(s.verifier.StoredKey, auth)
	for i := range clientKey {
		clientKey[i] ^= proof[i]
	}
	stored := sha256.Sum256(clientKey)
	if subtle.ConstantTimeCompare(stored[:], s.verifier.StoredKey) != 1 {
		return nil, ErrFailed
	}
	return []byte("v=" + base64.StdEncoding.EncodeToString(mac(s.verifier.ServerKey, auth))), nil
}

// unescapeName undoes =2C and =3D (RFC 5802 5.1).
func unescapeName(s string) (string, bool) {
	clean := strings.NewReplacer("=2C", "", "=3D", "").Replace(s)
	if s == "" || strings.Contains(clean, "=") {
		return "", false
	}
	return strings.NewReplacer("=2C", ",", "=3D", "=").Replace(s), true
}
