package outbound

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// Dial opens a TCP connection from the source address (zero: the system chooses) to addr.
type Dial func(ctx context.Context, source netip.Addr, addr netip.AddrPort) (net.Conn, error)

// Config is what a Connector needs. Zero fields take the defaults named.
type Config struct {
	Dial     Dial        // NetDial
	Clock    clock.Clock // clock.System
	TLS      *tls.Config // base for every handshake: roots and limits; TLS 1.2 and the system's roots
	Timeouts Timeouts    // DefaultTimeouts
}

// Timeouts are the limits of RFC 5321 4.5.3.2, and of what comes before.
type Timeouts struct {
	Connect   time.Duration
	Handshake time.Duration // of TLS
	Greeting  time.Duration // 4.5.3.2.1
	Command   time.Duration // EHLO, AUTH, MAIL (4.5.3.2.2), RCPT (4.5.3.2.3)
	Data      time.Duration // reply to DATA, 4.5.3.2.4
	Block     time.Duration // each write of the message, 4.5.3.2.5
	End       time.Duration // reply to the final dot, 4.5.3.2.6
	Quit      time.Duration // we do not wait long for a farewell
}

// Target is one server to speak to, and how.
type Target struct {
	Host   string // its name, for the certificate and for messages
	Addr   netip.AddrPort
	Source netip.Addr // local address; zero: the system chooses
	Helo   string     // what we call ourselves: a domain name or an address literal
	TLS    smtp.TLSMode
	Auth   *Auth // nil: none
}

// Auth is how to log in.
type Auth struct {
	Username string
	Password string
}

// LogValue keeps the password out of logs.
func (a *Auth) LogValue() slog.Value { return slog.StringValue(a.Username + ":***") }

// DefaultTimeouts are those of RFC 5321 4.5.3.2.
func DefaultTimeouts() Timeouts {
	return Timeouts{
		Connect: 30 * time.Second, Handshake: time.Minute, Greeting: 5 * time.Minute, Command: 5 * time.Minute,
		Data: 2 * time.Minute, Block: 3 * time.Minute, End: 10 * time.Minute, Quit: 5 * time.Second,
	}
}

// NetDial dials by the system.
func NetDial(ctx context.Context, source netip.Addr, addr netip.AddrPort) (net.Conn, error) {
	d := net.Dialer{KeepAlive: -1} // our own time limits are shorter
	if source.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(source, 0))
	}
	return d.DialContext(ctx, "tcp", addr.String())
}

// Connector opens sessions. It is safe for concurrent use.
type Connector struct {
	config Config
	broken *brokenTLS
}

// New makes a Connector.
func New(c Config) *Connector {
	if c.Dial == nil {
		c.Dial = NetDial
	}
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	if c.Timeouts == (Timeouts{}) {
		c.Timeouts = DefaultTimeouts()
	}
	base := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.TLS != nil {
		base = c.TLS.Clone()
	}
	if base.ClientSessionCache == nil {
		base.ClientSessionCache = tls.NewLRUClientSessionCache(1024)
	}
	c.TLS = base
	return &Connector{config: c, broken: newBrokenTLS(c.Clock)}
}

// Connect dials the target and comes as far as mail can be sent. The error is an *Error. Where TLS is opportunistic
// and the target fails at it, Connect dials again and stays in the clear, and so it does for a time after.
func (c *Connector) Connect(ctx context.Context, t Target) (*Session, error) {
	if t.TLS == smtp.TLSOpportunistic && c.broken.has(t.Addr) {
		t.TLS = smtp.TLSNone
	}
	s, err := c.open(ctx, t)
	var failed *handshakeError
	if t.TLS == smtp.TLSOpportunistic && errors.As(err, &failed) && ctx.Err() == nil {
		c.broken.add(t.Addr)
		t.TLS = smtp.TLSNone
		s, err = c.open(ctx, t)
	}
	return s, err
}

// open dials and greets once. Its error is an *Error.
func (c *Connector) open(ctx context.Context, t Target) (*Session, error) {
	dialing, cancel := context.WithTimeout(ctx, c.config.Timeouts.Connect)
	conn, err := c.config.Dial(dialing, t.Source, t.Addr)
	cancel()
	if err != nil {
		return nil, &Error{
			Stage: StageConnect, Lost: true,
			Err: smtp.Wrap(err, 451, "4.4.1", "No connection to "+t.name()+": "+reason(err)),
		}
	}
	s := &Session{target: t, wire: newWire(conn, c.config.Clock), timeouts: c.config.Timeouts}
	release := s.wire.begin(ctx)
	fault := s.greet(c.config.TLS)
	if !release() && fault == nil {
		fault = s.lost(StageGreeting, context.Cause(ctx))
	}
	if fault != nil {
		fault.Transcript = s.Transcript()
		s.Close()
		return nil, fault
	}
	s.wire.log.keep()
	return s, nil
}

// name is how messages call the target: "mx.example.org[192.0.2.1]:25".
func (t *Target) name() string {
	host := t.Host
	if strings.HasPrefix(host, "[") { // an address literal says all there is
		host = ""
	}
	return host + "[" + t.Addr.Addr().String() + "]:" + strconv.Itoa(int(t.Addr.Port()))
}

// reason says in few words why the network failed.
func reason(err error) string {
	var timeout net.Error
	var call syscall.Errno
	switch {
	case errors.Is(err, context.Canceled):
		return "given up by this node"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "timed out"
	case errors.As(err, &call):
		return call.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.ErrClosedPipe):
		return "closed by the other side"
	}
	return err.Error()
}
