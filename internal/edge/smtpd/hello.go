package smtpd

import (
	"crypto/tls"
	"strconv"
	"strings"

	"github.com/budkavle/budkavle/internal/standard/sasl"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// hello answers EHLO and HELO; both also reset (RFC 5321 4.1.4).
func (s *session) hello(cmd smtp.Command) {
	if cmd.Rest == "" || strings.ContainsAny(cmd.Rest, " \t") {
		s.refuse(smtp.Errorf(501, "5.5.4", "Say %s and your host name", cmd.Verb))
		return
	}
	s.reset()
	s.esmtp = cmd.Verb == "EHLO"
	s.peer.Helo, s.peer.Plain = cmd.Rest, !s.esmtp
	if !s.esmtp {
		s.reply(250, "", s.server.Hostname)
		return
	}
	text := s.server.Hostname + "\nPIPELINING\nSIZE " + strconv.FormatInt(s.server.MaxSize, 10) + "\n8BITMIME\nSMTPUTF8\nCHUNKING\nDSN\nENHANCEDSTATUSCODES"
	if s.server.TLS != nil && s.tls == nil {
		text += "\nSTARTTLS"
	}
	if !s.loggedIn() && s.server.Handler.Authentication(&s.peer) != nil {
		text += "\nAUTH"
		if s.binding() != nil {
			text += " " + sasl.ScramSHA256Plus
		}
		text += " " + sasl.ScramSHA256 + " " + sasl.Plain + " " + sasl.Login
	}
	s.reply(250, "", text)
}

// startTLS is RFC 3207.
func (s *session) startTLS(rest string) {
	switch {
	case s.server.TLS == nil:
		s.refuse(smtp.Errorf(502, "5.5.1", "TLS is not offered"))
		return
	case s.tls != nil:
		s.refuse(smtp.Errorf(503, "5.5.1", "TLS is on already"))
		return
	case rest != "":
		s.refuse(smtp.Errorf(501, "5.5.4", "STARTTLS takes no parameters"))
		return
	}
	s.reset()
	s.reply(220, "2.0.0", "Go ahead")
	if s.buf.w.Flush() != nil || !s.handshake() {
		s.ending = true
		return
	}
	// RFC 3207 4.2: nothing said before counts; what the address stands for still does.
	s.esmtp, s.peer.Helo, s.peer.User = false, "", s.server.Handler.Trusted(s.client)
}

// handshake turns TLS on; it reports false when that failed.
func (s *session) handshake() bool {
	state, err := s.secure(s.server.TLS)
	if err != nil {
		s.server.Observe.Refused(s.server.Name, "tls")
		s.server.Log.Info("TLS handshake failed", "server", s.server.Name, "client", s.client, "error", err)
		return false
	}
	s.tls, s.peer.TLS = state, tls.VersionName(state.Version)+" "+tls.CipherSuiteName(state.CipherSuite)
	return true
}

// binding is the connection's tls-exporter (RFC 9266): TLS 1.3 only, where it is unique by itself.
func (s *session) binding() sasl.Binding {
	if s.tls == nil || s.tls.Version < tls.VersionTLS13 {
		return nil
	}
	b, err := s.tls.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
	if err != nil {
		return nil
	}
	return b
}
