package smtpd

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/standard/sasl"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// maxAuthLine is RFC 4954 4.
const maxAuthLine = 12288

// errAnswered ends an exchange whose client was told already.
var errAnswered = errors.New("answered")

// loggedIn reports whether the client has authenticated itself; being of a trusted network is not that.
func (s *session) loggedIn() bool { return s.peer.User != nil && s.peer.User.Name != "" }

// auth is RFC 4954.
func (s *session) auth(rest string) {
	how, err := s.mayAuthenticate()
	if err != nil {
		s.refuse(err)
		return
	}
	name, initial, given := strings.Cut(rest, " ")
	mechanism, ok := sasl.New(name, func(user string) (sasl.Verifier, error) {
		if err := s.tooManyFailures(user); err != nil {
			return sasl.Verifier{}, err
		}
		return how.LookUp(s.context(), user)
	}, s.server.Random, s.binding())
	if !ok {
		s.refuse(smtp.Errorf(504, "5.5.4", "The mechanism %.30q is not offered", name))
		return
	}
	var user *User
	if err = s.exchange(mechanism, initial, given); err == nil {
		user, err = how.User(s.context(), mechanism.Username())
	}
	if err != nil {
		s.authFailed(mechanism.Username(), err)
		return
	}
	s.server.guard.succeeded(s.origin, user.Name)
	s.peer.User, s.fruitless = user, 0
	s.reply(235, "2.7.0", "Authentication successful")
}

func (s *session) mayAuthenticate() (*Authentication, error) {
	how := s.server.Handler.Authentication(&s.peer)
	switch {
	case s.loggedIn():
		return nil, smtp.Errorf(503, "5.5.1", "You are authenticated already")
	case how == nil && s.server.TLS != nil && s.tls == nil:
		return nil, smtp.Errorf(538, "5.7.11", "AUTH is not possible without encryption; where it is offered, say STARTTLS first")
	case how == nil:
		return nil, smtp.Errorf(502, "5.5.1", "AUTH is not offered here")
	case s.open:
		return nil, smtp.Errorf(503, "5.5.1", "AUTH is not possible within a mail transaction")
	case !s.esmtp:
		return nil, smtp.Errorf(503, "5.5.1", "Say EHLO first")
	}
	return how, nil
}

// tooManyFailures refuses a user, or a client of whoever it says it is, that must wait before it tries again.
func (s *session) tooManyFailures(user string) error {
	if wait := s.server.guard.wait(s.origin, user); wait > 0 {
		return smtp.Errorf(454, "4.7.0", "Too many failed logins; try again in %s", max(wait.Round(time.Second), time.Second))
	}
	return nil
}

// exchange carries challenges and responses until the client has proved itself.
func (s *session) exchange(m sasl.Mechanism, initial string, given bool) error {
	var response []byte
	var err error
	if given {
		if initial == "=" { // an empty initial response (RFC 4954 4)
			initial = ""
		}
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
		line, ok := s.readLine(maxAuthLine, "5.5.6")
		if !ok {
			return errAnswered
		}
		if line == "*" {
			return smtp.Errorf(501, "5.7.0", "Authentication was cancelled")
		}
		if response, err = decodeResponse(line); err != nil {
			return err
		}
	}
}

// decodeResponse never returns nil for a response that was sent.
func decodeResponse(s string) ([]byte, error) {
	b, err := base64.StdEncoding.AppendDecode([]byte{}, []byte(s))
	if err != nil {
		return nil, smtp.Errorf(501, "5.5.2", "The response is not base64")
	}
	return b, nil
}

// authFailed answers an exchange that came to nothing.
func (s *session) authFailed(user string, err error) {
	var reply *smtp.Error
	switch {
	case errors.Is(err, errAnswered):
	case errors.Is(err, sasl.ErrFailed):
		s.server.guard.failed(s.origin, user)
		s.refuse(smtp.Wrap(fmt.Errorf("user %q: %w", user, err), 535, "5.7.8", "The user name or password is wrong"))
	case errors.Is(err, sasl.ErrMalformed):
		s.refuse(smtp.Errorf(501, "5.5.2", "The response does not follow the mechanism"))
	case errors.As(err, &reply):
		s.refuse(reply)
	default:
		s.refuse(smtp.Wrap(err, 454, "4.7.0", "Authentication is not possible now, try again later"))
	}
}
