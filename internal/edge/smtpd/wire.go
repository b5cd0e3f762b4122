package smtpd

import (
	"bufio"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

const (
	readBuffer  = 16 << 10 // holds the longest AUTH line, RFC 4954 4: 12,288 octets
	writeBuffer = 1 << 10
)

// buffers are what a session borrows from its server: 17 KiB, so 1,000 sessions hold 17 MiB.
type buffers struct {
	r *bufio.Reader
	w *bufio.Writer
}

func newBuffers() *buffers {
	return &buffers{bufio.NewReaderSize(nil, readBuffer), bufio.NewWriterSize(nil, writeBuffer)}
}

// wire is a session's connection with its time limits. Its own goroutine reads and writes; wake may come from another.
type wire struct {
	net.Conn // plain or TLS; changed under mu
	buf      *buffers
	times    Timeouts
	now      func() time.Time

	data   bool      // reading a message: the rate counts, not the line
	until  time.Time // end of the line's time, or of the rate's window; zero: not begun
	octets int64     // in this window

	mu       sync.Mutex
	idle     bool // no transaction is open
	draining bool
}

var (
	errTooSlow  = errors.New("the client takes too long")
	errDraining = errors.New("the server is shutting down")
)

// expect says what is read next: a line, or a message, which must keep up a rate. An idle session is not waited for when
// the server is shutting down.
func (w *wire) expect(data, idle bool) {
	w.data, w.until = data, time.Time{}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.idle = idle
}

// Read implements io.Reader for the session's buffer. What was said so far goes out first, so that client and server
// never wait for each other (RFC 2920 3.2).
func (w *wire) Read(p []byte) (int, error) {
	if err := w.buf.w.Flush(); err != nil {
		return 0, err
	}
	for {
		if err := w.arm(); err != nil {
			return 0, err
		}
		n, err := w.Conn.Read(p)
		w.octets += int64(n)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
	}
}

// arm gives the connection its deadline when a line or a window begins, and judges when it has passed.
func (w *wire) arm() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.draining && w.idle {
		return errDraining
	}
	now, span := w.now(), w.times.Command
	if w.data {
		span = w.times.Window
	}
	if !w.until.IsZero() {
		if now.Before(w.until) {
			return nil
		}
		if !w.data || w.octets < w.times.Rate {
			return errTooSlow
		}
	}
	w.until, w.octets = now.Add(span), 0
	return w.SetReadDeadline(w.until)
}

// Write implements io.Writer for the session's buffer.
func (w *wire) Write(p []byte) (int, error) {
	if err := w.SetWriteDeadline(w.now().Add(w.times.Write)); err != nil {
		return 0, err
	}
	return w.Conn.Write(p)
}

// secure does the server's side of a TLS handshake. What was read ahead in the clear is thrown away: it came from
// whomever (RFC 3207 4.2).
func (w *wire) secure(c *tls.Config) (*tls.ConnectionState, error) {
	conn := tls.Server(w.Conn, c)
	w.expect(false, true)
	if err := w.arm(); err != nil {
		return nil, err
	}
	if err := w.SetWriteDeadline(w.until); err != nil {
		return nil, err
	}
	if err := conn.Handshake(); err != nil {
		return nil, err
	}
	w.mu.Lock()
	w.Conn = conn
	w.mu.Unlock()
	w.buf.r.Reset(w)
	state := conn.ConnectionState()
	return &state, nil
}

// wake tells a session that the server is shutting down: at once if it is idle, else after its transaction.
func (w *wire) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.draining = true
	if w.idle {
		_ = w.SetReadDeadline(w.now())
	}
}

// addressOf is a client's address; the invalid one if it has none.
func addressOf(c net.Conn) netip.Addr {
	if t, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return t.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

// originOf is what limits by address count: an IPv6 client has a whole /64 to itself (RFC 6177).
func originOf(a netip.Addr) netip.Addr {
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}
