package smtpd

import (
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/standard/sasl"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// maxAuthLine is RFC 4954 4.
const maxAuthLine = 12288

var errCancelled = smtp.Errorf(501, "5.7.0", "Authentication was cancelled")

// auth is RFC 4954.
func (s *session) auth(rest string) {
	how := s.server.Handler.Authentication(&s.peer)
	switch {
	case s.peer.User != nil:
		s.refuse(smtp.Errorf(503, "5.5.1", "You are authenticated already"))
		return
	case how == nil && s.server.TLS != nil && s.tlsNow == nil:
		s.refuse(smtp.Errorf(538, "5.7.11", "Turn on encryption with STARTTLS before you authenticate"))
		return
	case how == nil:
		s.refuse(smtp.Errorf(502, "5.5.1", "AUTH is not offered here"))
		return
	case s.mail:
		s.refuse(smtp.Errorf(503, "5.5.1", "AUTH is not possible within a mail transaction"))
		return
	case !s.esmtp:
		s.refuse(smtp.Errorf(503, "5.5.1", "Say EHLO first"))
		return
	}
	if wait := s.server.guard.wait(s.client, ""); wait > 0 {
		s.tooMany(wait)
		return
	}
	name, initial, given := strings.Cut(rest, " ")
	mechanism, ok := sasl.New(name, func(user string) (sasl.Verifier, error) {
		if wait := s.server.guard.wait(s.client, user); wait > 0 {
			return sasl.Verifier{}, tooManyFailures(wait)
		}
		return how.LookUp(s.ctx, user)
	}, s.server.Random, s.binding())
	if !ok {
		s.refuse(smtp.Errorf(504, "5.5.4", "The mechanism %.30q is not offered", name))
		return
	}
	err := s.exchange(mechanism, initial, given)
	if err == nil {
		s.peer.User, err = how.User(s.ctx, mechanism.Username())
	}
	s.authenticated(mechanism.Username(), err)
}

// exchange carries challenges and responses until the client has proved itself.
func (s *session) exchange(m sasl.Mechanism, initial string, given bool) error {
	var response []byte
	if given {
		var err error
		if response, err = decodeResponse(initial); err != nil {
			return err
		}
	}
	for {
		challenge, done, err := m.Next(response)
		if err != nil || done {
			return err
		}
		s.reply(334, "", base64.StdEncoding.EncodeToString(challenge))
		if !s.flush() {
			return errCancelled
		}
		s.beginLine(false)
		line, err := s.readLine(maxAuthLine)
		if err != nil {
			return err
		}
		if line == "*" {
			return errCancelled
		}
		if response, err = decodeResponse(line); err != nil {
			return err
		}
	}
}

// decodeResponse never returns nil for a response that was sent; "=" is an empty one (RFC 4954 4).
func decodeResponse(s string) ([]byte, error) {
	if s == "=" || s == "" {
		return []byte{}, nil
	}
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, smtp.Errorf(501, "5.5.2", "The response is not base64")
	}
	return b, nil
}

// authenticated answers the end of an exchange.
func (s *session) authenticated(user string, err error) {
	var reply *smtp.Error
	switch {
	case err == nil:
		s.idle = 0
		s.server.guard.succeeded(user)
		s.reply(235, "2.7.0", "Authentication successful")
	case errors.Is(err, sasl.ErrFailed):
		s.server.guard.failed(s.client, user)
		s.server.Log.Info("authentication failed", "server", s.server.Name, "client", s.client, "user", user)
		s.refuse(smtp.Errorf(535, "5.7.8", "The user name or password is wrong"))
	case errors.Is(err, sasl.ErrMalformed):
		s.refuse(smtp.Errorf(501, "5.5.2", "The response does not follow the mechanism"))
	case errors.As(err, &reply):
		s.refuse(reply)
	default:
		if isConnectionFault(err) {
			s.lost(err)
			s.ending = true
			return
		}
		s.refuse(smtp.Wrap(err, 454, "4.7.0", "Authentication is not possible now, try again later"))
	}
}

func (s *session) tooMany(wait time.Duration) { s.refuse(tooManyFailures(wait)) }

func tooManyFailures(wait time.Duration) *smtp.Error {
	return smtp.Errorf(454, "4.7.0", "Too many failed logins; try again in %s", wait.Round(time.Second))
}
