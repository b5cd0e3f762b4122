package smtpd

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/budkavle/budkavle/internal/standard/smtp"
)

const (
	// maxErrors is how many commands may fail without a message between before the session ends: nobody needs as many
	// by accident. Each recipient that was accepted makes room for one more that is not.
	maxErrors = 20
	// maxFruitless is how many commands may come without a message or a login, not counting errors, recipients and chunks,
	// which have limits of their own.
	maxFruitless = 100
	// maxReplyLine is the octets of a reply line without its code, within the 512 of RFC 5321 4.5.3.1.5.
	maxReplyLine = 490
)

// session is one connection. Everything but wake runs in its own goroutine.
type session struct {
	server *Server
	wire
	conn   net.Conn // the TCP connection, closed by the server
	client netip.Addr
	origin netip.Addr // what limits by address count
	peer   Peer
	tls    *tls.ConnectionState // nil: clear text
	esmtp  bool                 // EHLO was said, not HELO

	errors    int // since the last message
	fruitless int // commands since something came of one, those apart that are errors
	ending    bool

	transaction
}

func newSession(s *Server, conn net.Conn) *session {
	client := addressOf(conn)
	return &session{
		server: s, conn: conn, client: client, origin: originOf(client), peer: Peer{Client: client},
		wire: wire{Conn: conn, times: s.Timeouts, now: s.Clock.Now, idle: true},
	}
}

// run speaks until either side ends.
func (s *session) run(implicit bool) {
	s.buf = s.server.buffers.Get().(*buffers)
	s.buf.r.Reset(&s.wire)
	s.buf.w.Reset(&s.wire)
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
		s.command()
	}
	_ = s.buf.w.Flush() // the client may be gone
	_ = s.Close()       // with TLS, says so to the client
}

// command reads and carries out one command.
func (s *session) command() {
	s.fruitless++
	line, ok := s.readLine(smtp.MaxCommandLine, "5.5.2")
	if !ok {
		return
	}
	cmd, err := smtp.ParseCommand(line)
	if err != nil {
		s.refuse(err)
		return
	}
	if s.fruitless > maxFruitless {
		s.refuse(smtp.Errorf(421, "4.7.0", "Too many commands without a message, goodbye"))
		return
	}
	s.dispatch(cmd)
}

// readLine reads a line without its CRLF. It reports false when there is none to go on with; the client has been told then.
// tooLong is the enhanced status code of a line over the limit.
func (s *session) readLine(limit int, tooLong string) (string, bool) {
	s.expect(false, !s.open)
	line, err := s.buf.r.ReadSlice('\n')
	long, before := len(line) > limit, byte(0) // before: the octet before the LF
	for err == bufio.ErrBufferFull {
		before = line[len(line)-1]
		line, err = s.buf.r.ReadSlice('\n')
	}
	if n := len(line); n >= 2 {
		before = line[n-2]
	}
	switch {
	case err != nil:
		s.lost(err)
	case before != '\r':
		// What follows may be meant as part of this line, so none of it is looked at.
		s.refuse(smtp.Errorf(500, "5.5.2", "The line ends with a bare LF; end every line with CRLF (RFC 5321 2.3.8), goodbye"))
		s.ending = true
	case long:
		s.refuse(smtp.Errorf(500, tooLong, "The line is longer than %d octets", limit))
	default:
		return string(line[:len(line)-2]), true
	}
	return "", false
}

// lost ends the session after a fault of its connection, with a word where that makes sense.
func (s *session) lost(err error) {
	s.ending = true
	switch {
	case errors.Is(err, errDraining):
		s.reply(421, "4.3.2", shuttingDown)
	case errors.Is(err, errTooSlow):
		s.server.Observe.Refused(s.server.Name, "timeout")
		s.reply(421, "4.4.2", "You took too long, goodbye")
	default:
		s.server.Log.Debug("connection lost", "server", s.server.Name, "client", s.client, "error", err)
	}
}

const shuttingDown = "This server is shutting down, try again later"

func (s *session) dispatch(cmd smtp.Command) {
	switch cmd.Verb {
	case "EHLO", "HELO":
		s.hello(cmd)
	case "STARTTLS":
		s.startTLS(cmd.Rest)
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
		s.reply(221, "2.0.0", "Bye")
		s.ending = true
	case "GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT":
		// A browser was made to talk to us; every further line would be its owner's.
		s.refuse(smtp.Errorf(421, "4.7.0", "This is SMTP, not HTTP, goodbye"))
	default:
		s.refuse(smtp.Errorf(500, "5.5.1", "There is no such command"))
	}
}

// reply writes one reply; newlines in text make it a multi-line one.
func (s *session) reply(code int, enhanced, text string) {
	for more := true; more; {
		var line string
		line, text, more = strings.Cut(text, "\n")
		b := append(s.buf.w.AvailableBuffer(), strconv.Itoa(code)...)
		if more {
			b = append(b, '-')
		} else {
			b = append(b, ' ')
		}
		if enhanced != "" {
			b = append(append(b, enhanced...), ' ')
		}
		b = append(append(b, printable(line)...), '\r', '\n')
		_, _ = s.buf.w.Write(b) // a failed write shows at the next read
	}
}

// printable keeps what clients sent from going back as anything but a line of text.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 127 {
			return '?'
		}
		return r
	}, s)
	return s[:min(len(s), maxReplyLine)]
}

// refuse answers an error, counts it and logs it, once for all that is refused. 421 ends the session.
func (s *session) refuse(err error) {
	e := smtp.AsError(err)
	level, cause := slog.LevelInfo, []any(nil)
	if e.Err != nil {
		cause = []any{"error", e.Err}
		if e.Class == smtp.Temporary {
			level = slog.LevelWarn // a fault of our own
		}
	}
	s.server.Log.Log(context.Background(), level, "rejected", append([]any{
		"server", s.server.Name, "client", s.client, "sender", s.envelope.Sender, "reply", e.Code, "enhanced", e.Enhanced, "text", e.Text,
	}, cause...)...)
	s.server.Observe.Refused(s.server.Name, e.Enhanced)
	s.reply(e.Code, e.Enhanced, e.Text)
	if e.Class == smtp.Permanent { // else it is not the client's mistake
		s.errors++
		s.fruitless-- // counted once is enough
	}
	switch {
	case e.Code == 421:
		s.ending = true
	case s.errors >= maxErrors+len(s.envelope.Recipients):
		s.reply(421, "4.7.0", "Too many errors, goodbye")
		s.ending = true
	}
}
