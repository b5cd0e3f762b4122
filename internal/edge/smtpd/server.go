// Package smtpd is the SMTP server: one session engine (RFC 5321 with STARTTLS, AUTH, PIPELINING, SIZE, 8BITMIME,
// SMTPUTF8, CHUNKING, DSN, ENHANCEDSTATUSCODES) for two kinds of listener, submission and MX, which differ in their Handler.
//
// A session that breaks a limit is told why and, where it must, cut off with 421; it never harms another. Nothing is
// acknowledged that the handler has not made durable. Only CRLF.CRLF ends DATA, and what was pipelined before
// STARTTLS is thrown away. The package keeps no mail and decides nothing about it.
package smtpd

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/lifecycle"
)

// Config is what a Server is made of.
type Config struct {
	Name           string // "submission" or "mx", for log and metrics
	Hostname       string
	TLS            *tls.Config // nil: no STARTTLS
	Handler        Handler
	Clock          clock.Clock
	Random         io.Reader
	Log            *slog.Logger
	Observe        Observer
	MaxSize        int64 // octets of a message
	MaxRecipients  int
	MaxConnections int
	MaxPerAddress  int          // from one IPv4 address or IPv6 /64
	DiskCheck      func() error // asked at MAIL; an error is 421
	Timeouts       Timeouts
}

// Timeouts bound what a client may take its time with.
type Timeouts struct {
	Command time.Duration // for one whole command line or TLS handshake; RFC 5321 4.5.3.2.7 asks for 5 minutes
	Window  time.Duration // of the DATA rate
	Rate    int64         // octets that must come in a Window of DATA
	Write   time.Duration // for one flush of replies
}

// DefaultTimeouts follows RFC 5321 4.5.3.2. 64 octets a second are below any modem and far above a slow-loris.
func DefaultTimeouts() Timeouts {
	return Timeouts{Command: 5 * time.Minute, Window: time.Minute, Rate: 60 * 64, Write: time.Minute}
}

// Observer counts; it must be quick and safe for concurrent use. Refused is told the enhanced status code of each refusal,
// or "connections", "timeout" or "tls".
type Observer interface {
	SessionOpened(server string)
	SessionClosed(server string)
	Refused(server, why string)
}

// Server runs sessions for its listeners.
type Server struct {
	Config
	guard   *guard
	group   *lifecycle.Group
	buffers sync.Pool

	mu        sync.Mutex
	listeners []net.Listener
	sessions  map[*session]struct{} // bounded by MaxConnections
	from      map[netip.Addr]int    // sessions by originOf their clients, bounded likewise
	open      sync.WaitGroup        // of sessions
}

// New returns a Server that does not listen yet.
func New(c Config) *Server {
	return &Server{
		Config: c, guard: newGuard(c.Clock), group: lifecycle.New(context.Background()), sessions: map[*session]struct{}{}, from: map[netip.Addr]int{},
		buffers: sync.Pool{New: func() any { return newBuffers() }},
	}
}

// Serve accepts connections of l until Stop; implicit begins each with a TLS handshake (RFC 8314 3.3). It returns at once.
func (s *Server) Serve(l net.Listener, implicit bool) {
	s.mu.Lock()
	s.listeners = append(s.listeners, l)
	s.mu.Unlock()
	s.group.Go(func(ctx context.Context) error {
		for {
			conn, err := l.Accept()
			if err != nil {
				if s.group.IsDraining() || errors.Is(err, net.ErrClosed) {
					return nil
				}
				// What accept fails with is a client that went away or a want of files or memory: it passes.
				s.Log.Warn("accept failed, going on", "server", s.Name, "error", err)
				if !s.pause(ctx, 100*time.Millisecond) {
					return nil
				}
				continue
			}
			s.admit(conn, implicit)
		}
	})
}

// pause waits; it reports false when the server ends meanwhile.
func (s *Server) pause(ctx context.Context, d time.Duration) bool {
	t := s.Clock.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.group.Draining():
	case <-ctx.Done():
	}
	return false
}

// admit starts a session, or refuses when there are too many.
func (s *Server) admit(conn net.Conn, implicit bool) {
	ss := newSession(s, conn)
	s.mu.Lock()
	why := ""
	switch {
	case s.group.IsDraining():
		why = "421 4.3.2 " + shuttingDown
	case len(s.sessions) >= s.MaxConnections:
		why = "421 4.3.2 Too many connections, try again later"
	case s.from[ss.origin] >= s.MaxPerAddress:
		why = "421 4.7.0 Too many connections from your address, try again later"
	}
	if why == "" {
		s.sessions[ss] = struct{}{}
		s.from[ss.origin]++
		s.open.Add(1)
	}
	s.mu.Unlock()
	if why != "" {
		s.Observe.Refused(s.Name, "connections")
		s.Log.Warn("connect refused", "server", s.Name, "client", ss.client, "reason", why)
		if !implicit { // who waits for TLS could not read it
			_ = conn.SetDeadline(s.Clock.Now().Add(time.Second)) // a small write into an empty socket buffer
			_, _ = io.WriteString(conn, why+"\r\n")
		}
		conn.Close()
		return
	}
	s.Observe.SessionOpened(s.Name)
	s.group.Go(func(context.Context) error {
		defer s.dismiss(ss)
		ss.run(implicit)
		return nil
	})
}

func (s *Server) dismiss(ss *session) {
	ss.conn.Close()
	s.mu.Lock()
	delete(s.sessions, ss)
	if s.from[ss.origin]--; s.from[ss.origin] == 0 {
		delete(s.from, ss.origin)
	}
	s.mu.Unlock()
	s.open.Done()
	s.Observe.SessionClosed(s.Name)
}

// Stop tells idle sessions and new ones 421, lets those within a transaction finish it until ctx ends, then cuts the
// rest. The listeners close last: whoever connects meanwhile is told why there is no service.
func (s *Server) Stop(ctx context.Context) error {
	s.group.Drain()
	s.mu.Lock()
	for ss := range s.sessions {
		ss.wake()
	}
	s.mu.Unlock()
	cut := context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for ss := range s.sessions {
			ss.conn.Close()
		}
	})
	defer cut()
	ended := make(chan struct{})
	go func() { s.open.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done():
	}
	s.mu.Lock()
	for _, l := range s.listeners {
		l.Close()
	}
	s.mu.Unlock()
	err := s.group.Stop(ctx)
	<-ended
	return err
}
