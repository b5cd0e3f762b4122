package smtpd

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/flow/submit"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

const (
	// maxErrors is how many commands may fail before the session ends: nobody needs as many by accident.
	maxErrors = 20
	// maxIdleCommands is how many commands may come without a message or a login among them.
	maxIdleCommands = 100
)

// session is one connection. Everything but wake runs in its own goroutine.
type session struct {
	server *Server
	wire
	conn    net.Conn // the TCP connection, closed by the server
	client  netip.Addr
	peer    Peer
	buf     *buffers
	ctx     context.Context
	greeted bool // EHLO or HELO was said
	esmtp   bool
	errors  int
	idle    int // commands since something came of them
	ending  bool
	tlsNow  *tls.ConnectionState

	// The transaction.
	mail      bool
	envelope  submit.Envelope
	startedAt time.Time
	chunks    *chunked // BDAT under way
}

func newSession(s *Server, conn net.Conn) *session {
	ss := &session{server: s, conn: conn, client: addressOf(conn)}
	ss.peer.Client = ss.client
	ss.wire = wire{Conn: conn, times: s.Timeouts, now: s.Clock.Now}
	return ss
}

// run speaks until either side ends.
func (s *session) run(ctx context.Context, implicit bool) {
	s.ctx = ctx
	s.buf = s.server.buffers.Get().(*buffers)
	s.buf.r.Reset(&s.wire)
	s.buf.w.Reset(s.wire.Conn)
	defer func() {
		s.reset()
		s.buf.r.Reset(nil)
		s.buf.w.Reset(nil)
		s.server.buffers.Put(s.buf)
	}()
	if implicit && !s.handshake() {
		return
	}
	s.peer.User = s.server.Handler.Trusted(s.client)
	s.reply(220, "", s.server.Hostname+" ESMTP Budkavle")
	for !s.ending {
		if !s.command() {
			return
		}
	}
	s.flush()
}

// flush sends the replies gathered; it reports false when the client is gone.
func (s *session) flush() bool {
	if s.buf.w.Buffered() == 0 {
		return true
	}
	_ = s.wire.SetWriteDeadline(s.now().Add(s.times.Write))
	return s.buf.w.Flush() == nil
}

// command reads and carries out one command; it reports false when the session is over.
func (s *session) command() bool {
	if s.buf.r.Buffered() == 0 { // nothing more was pipelined: the client waits for us (RFC 2920 3.2)
		if !s.flush() {
			return false
		}
		s.beginLine(!s.mail)
	}
	line, err := s.readLine(smtp.MaxCommandLine)
	var fault *smtp.Error
	switch {
	case errors.As(err, &fault):
		s.refuse(fault)
		return true
	case err != nil:
		s.lost(err)
		return false
	}
	cmd, err := smtp.ParseCommand(line)
	if err != nil {
		s.refuse(err)
		return true
	}
	if s.idle++; s.idle > maxIdleCommands {
		s.end(421, "4.7.0", "Too many commands without a message, goodbye")
		return true
	}
	s.dispatch(cmd)
	return true
}

// lost says goodbye where that makes sense.
func (s *session) lost(err error) {
	var ne net.Error
	switch {
	case errors.Is(err, errDraining):
		s.end(421, "4.3.2", "This server is shutting down, try again later")
	case errors.Is(err, errTooSlow), errors.As(err, &ne) && ne.Timeout():
		s.server.Observe.Refused(s.server.Name, "timeout")
		s.end(421, "4.4.2", "You were silent for too long, goodbye")
	case errors.Is(err, io.EOF):
	default:
		s.server.Log.Debug("connection lost", "server", s.server.Name, "client", s.client, "error", err)
	}
	s.flush()
}

func (s *session) dispatch(cmd smtp.Command) {
	if s.chunks != nil && cmd.Verb != "BDAT" && cmd.Verb != "RSET" && cmd.Verb != "QUIT" && cmd.Verb != "NOOP" {
		s.refuse(smtp.Errorf(503, "5.5.1", "A BDAT message is under way; finish it with LAST or give it up with RSET"))
		return
	}
	switch cmd.Verb {
	case "EHLO", "HELO":
		s.hello(cmd)
	case "STARTTLS":
		s.startTLS(cmd)
	case "AUTH":
		s.auth(cmd.Rest)
	case "MAIL":
		s.mailFrom(cmd.Rest)
	case "RCPT":
		s.rcptTo(cmd.Rest)
	case "DATA":
		s.dataText(cmd.Rest)
	case "BDAT":
		s.bdat(cmd.Rest)
	case "RSET":
		s.reset()
		s.reply(250, "2.0.0", "Ok")
	case "NOOP":
		s.reply(250, "2.0.0", "Ok")
	case "VRFY":
		s.reply(252, "2.5.2", "Send it some mail and see") // RFC 5321 3.5.3: neither confirmed nor denied
	case "EXPN":
		s.refuse(smtp.Errorf(502, "5.5.1", "EXPN is not offered"))
	case "HELP":
		s.reply(214, "2.0.0", "See RFC 5321")
	case "QUIT":
		s.reset()
		s.end(221, "2.0.0", "Bye")
	case "GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT":
		// A browser was made to talk to us; every further line would be its owner's.
		s.server.Observe.Refused(s.server.Name, "http")
		s.end(421, "4.7.0", "This is SMTP, not HTTP, goodbye")
	default:
		s.refuse(smtp.Errorf(500, "5.5.1", "There is no such command"))
	}
}

// reply writes one reply; newlines in text make it a multi-line one.
func (s *session) reply(code int, enhanced, text string) {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		b := append(s.buf.w.AvailableBuffer(), strconv.Itoa(code)...)
		if i < len(lines)-1 {
			b = append(b, '-')
		} else {
			b = append(b, ' ')
		}
		if enhanced != "" {
			b = append(append(b, enhanced...), ' ')
		}
		b = append(append(b, printable(line)...), '\r', '\n')
		_, _ = s.buf.w.Write(b) // a failed write shows at the next flush
	}
}

// printable keeps what clients sent from going back as anything but text.
func printable(s string) string {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 127 {
			return strings.Map(func(r rune) rune {
				if r < ' ' || r >= 127 {
					return '?'
				}
				return r
			}, s)
		}
	}
	return s
}

// refuse answers an error and counts it. Faults of our own are logged: the peer only sees their text.
func (s *session) refuse(err error) {
	e := smtp.AsError(err)
	if e.Err != nil && e.Code < 500 {
		s.server.Log.Warn("temporary refusal", "server", s.server.Name, "client", s.client, "reply", e.Code, "error", e.Err)
	}
	s.server.Observe.Refused(s.server.Name, e.Enhanced)
	if e.Code == 421 {
		s.end(e.Code, e.Enhanced, e.Text)
		return
	}
	s.reply(e.Code, e.Enhanced, e.Text)
	if s.errors++; s.errors >= maxErrors {
		s.end(421, "4.7.0", "Too many errors, goodbye")
	}
}

// end gives the last reply of the session.
func (s *session) end(code int, enhanced, text string) {
	s.reply(code, enhanced, text)
	s.ending = true
}

// reset ends the transaction (RFC 5321 4.1.1.5).
func (s *session) reset() {
	if s.chunks != nil {
		s.chunks.abort()
		s.chunks = nil
	}
	s.mail, s.envelope = false, submit.Envelope{Recipients: s.envelope.Recipients[:0]}
}
