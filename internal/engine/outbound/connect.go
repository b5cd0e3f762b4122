package outbound

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
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
