package smtpd

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/budkavle/budkavle/internal/standard/smtp"
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
	net.Conn // plain or TLS
	times    Timeouts
	now      func() time.Time

	mu       sync.Mutex
	waiting  bool // between commands, with no transaction open
	draining bool

	data   bool      // reading a message: the rate counts, not the line
	until  time.Time // end of the line's time, or of the rate's window
	octets int64     // in this window
}

var (
	errTooSlow  = errors.New("the message comes too slowly")
	errDraining = errors.New("the server is shutting down")
)

// Read implements io.Reader for the session's buffer.
func (w *wire) Read(p []byte) (int, error) {
	if w.data {
		now := w.now()
		if !now.Before(w.until) {
			if w.octets < w.times.Rate {
				return 0, errTooSlow
			}
			w.until, w.octets = now.Add(w.times.Window), 0
			_ = w.SetReadDeadline(w.until)
		}
	}
	n, err := w.Conn.Read(p)
	w.octets += int64(n)
	if n == 0 && errors.Is(err, os.ErrDeadlineExceeded) {
		w.mu.Lock()
		draining := w.draining && w.waiting
		w.mu.Unlock()
		switch {
		case draining:
			return 0, errDraining
		case w.data && w.octets >= w.times.Rate:
			return w.Read(p) // the window ended with enough in it: a new one begins
		case w.data:
			return 0, errTooSlow
		}
	}
	return n, err
}

// beginLine gives the client its time for one command line. idle says that no transaction is open, so that a
// server which is shutting down need not wait for the line.
func (w *wire) beginLine(idle bool) {
	w.data = false
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting = idle
	if w.draining && idle {
		_ = w.SetReadDeadline(w.now())
		return
	}
	_ = w.SetReadDeadline(w.now().Add(w.times.Command))
}

// beginData starts to watch the rate instead.
func (w *wire) beginData() {
	w.data, w.octets = true, 0
	w.until = w.now().Add(w.times.Window)
	w.mu.Lock()
	w.waiting = false
	w.mu.Unlock()
	_ = w.SetReadDeadline(w.until)
}

// wake tells a session that waits for its client that the server is shutting down.
func (w *wire) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.draining = true
	if w.waiting {
		_ = w.SetReadDeadline(w.now())
	}
}

// isPassing reports faults of accept that pass: the client went away, or there are too many open files.
func isPassing(err error) bool {
	return errors.Is(err, syscall.ECONNABORTED) || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

func addressOf(c net.Conn) netip.Addr {
	if t, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		a, _ := netip.AddrFromSlice(t.IP)
		return a.Unmap()
	}
	return netip.Addr{}
}

// readLine reads one command line without its CRLF.
func (s *session) readLine(limit int) (string, error) {
	line, err := s.buf.r.ReadSlice('\n')
	if err == bufio.ErrBufferFull || err == nil && len(line) > limit {
		for err == bufio.ErrBufferFull {
			_, err = s.buf.r.ReadSlice('\n')
		}
		if err != nil {
			return "", err
		}
		return "", smtp.Errorf(500, "5.5.6", "The line is longer than %d octets", limit)
	}
	if err != nil {
		if err == io.EOF && len(line) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return "", err
	}
	if len(line) < 2 || line[len(line)-2] != '\r' {
		return "", smtp.Errorf(500, "5.5.2", "The line ends with a bare LF; end every line with CRLF (RFC 5321 2.3.8)")
	}
	return string(line[:len(line)-2]), nil
}

// describeTLS is version and cipher for Received and the record.
func describeTLS(c *tls.ConnectionState) string {
	return tls.VersionName(c.Version) + " " + tls.CipherSuiteName(c.CipherSuite)
}
