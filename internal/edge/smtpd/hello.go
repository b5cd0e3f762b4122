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
	s.peer.Helo, s.greeted, s.esmtp = cmd.Rest, true, cmd.Verb == "EHLO"
	if !s.esmtp {
		s.reply(250, "", s.server.Hostname)
		return
	}
	lines := []string{
		s.server.Hostname, "PIPELINING", "SIZE " + strconv.FormatInt(s.server.MaxSize, 10), "8BITMIME", "SMTPUTF8", "CHUNKING", "DSN", "ENHANCEDSTATUSCODES",
	}
	if s.server.TLS != nil && s.tlsNow == nil {
		lines = append(lines, "STARTTLS")
	}
	if s.peer.User == nil && s.server.Handler.Authentication(&s.peer) != nil {
		mechanisms := "AUTH " + sasl.ScramSHA256 + " " + sasl.Plain + " " + sasl.Login
		if s.binding() != nil {
			mechanisms = strings.Replace(mechanisms, "AUTH", "AUTH "+sasl.ScramSHA256Plus, 1)
		}
		lines = append(lines, mechanisms)
	}
	s.reply(250, "", strings.Join(lines, "\n"))
}

// startTLS is RFC 3207. What the client pipelined behind STARTTLS is thrown away: it came in the clear, from whomever.
func (s *session) startTLS(cmd smtp.Command) {
	switch {
	case s.server.TLS == nil:
		s.refuse(smtp.Errorf(502, "5.5.1", "TLS is not offered"))
		return
	case s.tlsNow != nil:
		s.refuse(smtp.Errorf(503, "5.5.1", "TLS is on already"))
		return
	case cmd.Rest != "":
		s.refuse(smtp.Errorf(501, "5.5.4", "STARTTLS takes no parameters"))
		return
	}
	s.reset()
	s.reply(220, "2.0.0", "Go ahead")
	if !s.flush() {
		s.ending = true
		return
	}
	s.buf.r.Reset(&s.wire)
	user := s.peer.User
	if !s.handshake() {
		s.ending = true
		return
	}
	// RFC 3207 4.2: nothing said before counts; what the address stands for still does.
	s.greeted, s.esmtp, s.peer.Helo = false, false, ""
	if user != nil && user.Name != "" {
		s.peer.User = nil
	}
}

// handshake turns TLS on; it reports false when that failed.
func (s *session) handshake() bool {
	conn := tls.Server(s.conn, s.server.TLS)
	_ = conn.SetDeadline(s.now().Add(s.times.Write))
	if err := conn.HandshakeContext(s.ctx); err != nil {
		s.server.Observe.Refused(s.server.Name, "tls")
		s.server.Log.Info("TLS handshake failed", "server", s.server.Name, "client", s.client, "error", err)
		return false
	}
	_ = conn.SetDeadline(s.now().Add(s.times.Command))
	state := conn.ConnectionState()
	s.tlsNow, s.peer.TLS = &state, describeTLS(&state)
	s.mu.Lock()
	s.Conn = conn
	s.mu.Unlock()
	s.buf.r.Reset(&s.wire)
	s.buf.w.Reset(conn)
	return true
}

// binding is the connection's tls-exporter (RFC 9266): TLS 1.3 only, where it is unique by itself.
func (s *session) binding() sasl.Binding {
	if s.tlsNow == nil || s.tlsNow.Version < tls.VersionTLS13 {
		return nil
	}
	b, err := s.tlsNow.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
	if err != nil {
		return nil
	}
	return b
}
