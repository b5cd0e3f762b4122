package outbound

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// handshakeError marks a TLS handshake that failed: the same host may still take mail in the clear.
type handshakeError struct{ cause error }

func (e *handshakeError) Error() string { return "TLS handshake: " + e.cause.Error() }

func (e *handshakeError) Unwrap() error { return e.cause }

// greet comes from the connection to where mail can be sent: greeting, EHLO, TLS, AUTH.
func (s *Session) greet(base *tls.Config) *Error {
	if s.target.TLS == smtp.TLSImplicit {
		if fault := s.startTLS(base); fault != nil {
			return fault
		}
	}
	r, fault := s.await(StageGreeting)
	if fault != nil {
		return fault
	}
	if r.Code != 220 {
		return s.refused(StageGreeting, r)
	}
	if fault := s.hello(); fault != nil {
		return fault
	}
	if fault := s.upgrade(base); fault != nil {
		return fault
	}
	if s.target.Auth != nil {
		return s.authenticate()
	}
	return nil
}

// hello says EHLO, and HELO to a server that does not know it (RFC 5321 3.2).
func (s *Session) hello() *Error {
	r, fault := s.exchange(StageEHLO, "EHLO "+s.target.Helo)
	if fault != nil {
		return fault
	}
	if r.Code == 250 {
		s.ext = parseExtensions(r.Text)
		return nil
	}
	s.ext = extensions{size: -1}
	if r.Code < 500 {
		return s.refused(StageEHLO, r)
	}
	if r, fault = s.exchange(StageEHLO, "HELO "+s.target.Helo); fault != nil {
		return fault
	}
	if r.Code != 250 {
		return s.refused(StageEHLO, r)
	}
	return nil
}

// upgrade says STARTTLS where it is wanted and offered (RFC 3207 4), and forgets what was learned before (4.2).
func (s *Session) upgrade(base *tls.Config) *Error {
	if s.target.TLS != smtp.TLSOpportunistic && s.target.TLS != smtp.TLSRequired {
		return nil
	}
	required := s.target.TLS == smtp.TLSRequired
	if !s.ext.startTLS {
		if required {
			return s.unsecured("does not offer STARTTLS")
		}
		return nil
	}
	r, fault := s.exchange(StageTLS, "STARTTLS")
	if fault != nil {
		return fault
	}
	if r.Code != 220 {
		if required {
			return s.unsecured("refused STARTTLS: " + inWords(r))
		}
		return nil // still in the clear, as without the offer
	}
	if s.wire.reader.Buffered() > 0 { // as much as an attacker's commands, CVE-2011-0411
		return s.lost(StageTLS, fmt.Errorf("%w: octets in the clear after STARTTLS", smtp.ErrMalformedReply))
	}
	if fault := s.startTLS(base); fault != nil {
		return fault
	}
	return s.hello()
}

func (s *Session) unsecured(why string) *Error {
	text := "TLS is required, but " + s.target.name() + " " + why
	return &Error{Stage: StageTLS, Err: smtp.Errorf(451, "4.7.4", "%s", text)}
}

// startTLS does the handshake. The certificate is checked where the configuration names the host; by MX nothing in DNS
// vouches for its name, and an unauthenticated session is better than a clear one (RFC 7435).
func (s *Session) startTLS(base *tls.Config) *Error {
	config := base.Clone()
	config.ServerName = strings.Trim(s.target.Host, "[]")
	config.InsecureSkipVerify = !s.target.TLS.MustBeTrusted()
	conn := tls.Client(s.wire.raw, config)
	err := s.wire.arm(s.timeouts.Handshake)
	if err == nil {
		err = conn.HandshakeContext(s.wire.ctx)
	}
	if err != nil {
		s.ended = true
		cause := &handshakeError{s.wire.interrupted(err)}
		text := "TLS with " + s.target.name() + " failed: " + reason(cause.cause)
		return &Error{Stage: StageTLS, Lost: true, Err: smtp.Wrap(cause, 451, "4.7.5", text)}
	}
	s.wire.secure(conn)
	state := conn.ConnectionState()
	s.tls = tls.VersionName(state.Version) + " " + tls.CipherSuiteName(state.CipherSuite)
	s.wire.log.note(s.tls)
	return nil
}

// authenticate logs in by the best mechanism on offer. Every failure is temporary: the credentials are our operator's,
// and no sender's mail shall be returned for them.
func (s *Session) authenticate() *Error {
	mechanism := s.chooseMechanism()
	if mechanism == nil {
		text := "Cannot log in to " + s.target.name() + ": it offers no mechanism that keeps the password safe here"
		return &Error{Stage: StageAuth, Err: smtp.Errorf(451, "4.7.0", "%s", text)}
	}
	fault := s.converse(mechanism)
	if fault != nil {
		fault.Err.Class = smtp.Temporary
	}
	return fault
}

// chooseMechanism prefers SCRAM, which shows the password to nobody. PLAIN and LOGIN need TLS, or a peer on this
// machine.
func (s *Session) chooseMechanism() mechanism {
	safe := s.tls != "" || s.target.Addr.Addr().IsLoopback()
	switch {
	case slices.Contains(s.ext.auth, "SCRAM-SHA-256"):
		return newSCRAM(s.target.Auth)
	case safe && slices.Contains(s.ext.auth, "PLAIN"):
		return &plain{auth: s.target.Auth}
	case safe && slices.Contains(s.ext.auth, "LOGIN"):
		return &login{auth: s.target.Auth}
	}
	return nil
}

// converse runs the dialogue of RFC 4954 4.
func (s *Session) converse(m mechanism) *Error {
	line := "AUTH " + m.name()
	if first := m.first(); first != nil {
		line += " " + encode(first)
	}
	s.wire.secretly(line, "AUTH "+m.name()+" ***")
	for {
		if err := s.wire.flush(s.timeouts.Command); err != nil {
			return s.lost(StageAuth, err)
		}
		r, fault := s.await(StageAuth)
		switch {
		case fault != nil:
			return fault
		case r.Code == 235 && m.done():
			return nil
		case r.Code == 235:
			return s.lost(StageAuth, errors.New("the server did not prove that it knows the password"))
		case r.Code != 334:
			return s.refused(StageAuth, r)
		}
		challenge, err := decode(r.Text)
		if err == nil {
			challenge, err = m.next(challenge)
		}
		if err != nil {
			return s.lost(StageAuth, err)
		}
		s.wire.secretly(encode(challenge), "***")
	}
}
