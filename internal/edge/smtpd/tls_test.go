package smtpd

import (
	"bufio"
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"
)

func TestSTARTTLS(t *testing.T) {
	inBubble(t, func(w *world) {
		w.play(`
			S: 220 *
			C: STARTTLS now
			S: 501 5.5.4 STARTTLS takes no parameters
			C: EHLO client.example
			-- greeting
			C: STARTTLS
			S: 220 2.0.0 Go ahead
			-- tls
			C: EHLO client.example
			-- greeting
			C: MAIL FROM:<a@example.net>
			C: RCPT TO:<b@example.org>
			C: DATA
			S: 250 *
			S: 250 *
			S: 354 *
			C: x
			C: .
			S: 250 2.0.0 Queued as 1
			C: QUIT
			S: 221 *
			-- closed`)
		if got := w.box.messages[0].peer.TLS; !strings.HasPrefix(got, "TLS 1.3 TLS_") {
			t.Errorf("TLS %q", got)
		}
	})
}

func TestTLSIsNotOfferedWithoutCertificate(t *testing.T) {
	inBubble(t, func(w *world) {
		w.play("S: 220 *\nC: EHLO x\nS: 250-*\nS: 250-PIPELINING\nS: 250-SIZE *\nS: 250-8BITMIME\nS: 250-SMTPUTF8\nS: 250-CHUNKING\nS: 250-DSN\n" +
			"S: 250 ENHANCEDSTATUSCODES\nC: STARTTLS\nS: 502 5.5.1 TLS is not offered\nC: AUTH PLAIN\nS: 502 5.5.1 AUTH is not offered here")
	}, func(c *Config, _ *mailbox) { c.TLS = nil })
}

// What somebody on the way put behind STARTTLS must not be carried out within TLS (CVE-2011-0411).
func TestWhatWasPipelinedBehindSTARTTLSIsThrownAway(t *testing.T) {
	inBubble(t, func(w *world) {
		w.play(`
			S: 220 *
			C: EHLO x
			-- greeting
			C: STARTTLS
			C: EHLO mallory
			C: MAIL FROM:<mallory@example.net>
			S: 220 *
			-- quiet
			-- tls
			-- quiet
			C: MAIL FROM:<a@example.net>
			S: 503 5.5.1 Say EHLO first`)
	})
}

func TestOldTLSIsRefused(t *testing.T) {
	inBubble(t, func(w *world) {
		for _, version := range []uint16{tls.VersionTLS11, tls.VersionTLS12, tls.VersionTLS13} {
			c := w.dial("192.0.2.1")
			c.play("S: 220 *\nC: STARTTLS\nS: 220 *")
			conn := tls.Client(c.conn, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version})
			if err := conn.Handshake(); (err == nil) != (version >= tls.VersionTLS12) {
				t.Errorf("%s: %v", tls.VersionName(version), err)
			}
			c.close()
		}
	})
}

func TestNoTLSAfterSTARTTLS(t *testing.T) {
	inBubble(t, func(w *world) {
		w.play("S: 220 *\nC: STARTTLS\nS: 220 *\n-- wait 1s\nC: EHLO x\nC: MAIL FROM:<a@example.net>\n-- wait 1s")
		if n := w.sessions(); n > 0 {
			t.Errorf("%d sessions go on", n)
		}
	})
}

// implicit adds a listener with TLS from the first octet.
func (w *world) implicit() *world {
	other := *w
	other.ln = &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	w.server.Serve(other.ln, true)
	return &other
}

func TestImplicitTLS(t *testing.T) {
	inBubble(t, func(w *world) {
		w.implicit().play("-- tls\nS: 220 mx.example *\nC: EHLO x\n-- greeting\nC: STARTTLS\nS: 503 5.5.1 TLS is on already\nC: QUIT\nS: 221 *\n-- closed")
	})
}

func TestHandshakeHasALimit(t *testing.T) {
	inBubble(t, func(w *world) {
		c := w.implicit().dial("192.0.2.1")
		defer c.close()
		begun := time.Now()
		if n, err := c.conn.Read(make([]byte, 1)); err == nil {
			t.Errorf("heard %d octets", n)
		}
		if d := time.Since(begun); d != 5*time.Minute {
			t.Errorf("cut off after %v", d)
		}
	})
}

// tap keeps what the server says within TLS.
type tap struct {
	net.Conn
	heard []byte
}

func (t *tap) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	t.heard = append(t.heard, p[:n]...)
	return n, err
}

// Without close_notify a client cannot know that nobody cut the connection (RFC 8446 6.1); some tell their users so.
func TestTLSIsClosedProperly(t *testing.T) {
	inBubble(t, func(w *world) {
		c := w.implicit().dial("192.0.2.1")
		defer c.close()
		wire := &tap{Conn: c.conn}
		conn := tls.Client(wire, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}) // whose alerts can be told
		c.conn, c.r = conn, bufio.NewReader(conn)
		c.play("S: 220 *\nC: QUIT\nS: 221 *\n-- closed")
		if last := wire.heard[len(wire.heard)-31:]; last[0] != 21 { // an alert: 5 octets of header, 8 nonce, 2, 16 tag (RFC 5246 6.2.1)
			t.Errorf("the last record is % x", last)
		}
	})
}
