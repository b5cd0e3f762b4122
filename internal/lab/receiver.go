package lab

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

const (
	maxMessage    = 40 << 20 // octets; they stream by and are not kept
	maxRecipients = 100      // in one transaction, the least that RFC 5321 4.5.3.1.8 allows a server
	idleTime      = 5 * time.Minute
	writeTime     = time.Minute
)

// receiver is one receiving server: what it limits, and who is connected.
type receiver struct {
	lab      *Lab
	provider *Provider
	Server
	smtp      *smtp.Server
	listeners []net.Listener
	accepting sync.WaitGroup

	mu       sync.Mutex
	visitors map[*visitor]bool // at most MaxConnections, or what the clients have
	second   int64             // Unix time of the second that messages are counted in
	messages int
}

func newReceiver(l *Lab, p *Provider, s Server) *receiver {
	r := &receiver{lab: l, provider: p, Server: s, visitors: map[*visitor]bool{}}
	r.smtp = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &session{receiver: r, conn: c}, nil }))
	r.smtp.Domain = s.hostFor(p.Domains[:1])
	r.smtp.ErrorLog = silent{}
	r.smtp.MaxMessageBytes, r.smtp.MaxRecipients = maxMessage, maxRecipients
	r.smtp.ReadTimeout, r.smtp.WriteTimeout = idleTime, writeTime
	r.smtp.EnableSMTPUTF8, r.smtp.EnableDSN = true, true
	switch s.TLS {
	case TLSWorks:
		r.smtp.TLSConfig = l.tls
	case TLSBroken:
		r.smtp.TLSConfig = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return nil, errors.New("broken on purpose")
		}}
	}
	return r
}

// silent drops what go-smtp says of connections that clients cut.
type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}

// serve accepts on one of the server's addresses until it is closed.
func (r *receiver) serve(l net.Listener) func(context.Context) error {
	r.listeners = append(r.listeners, l)
	r.accepting.Add(1)
	return func(context.Context) error {
		defer r.accepting.Done()
		if err := r.smtp.Serve(&door{Listener: l, receiver: r}); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	}
}

// stop closes listeners and connections and waits for the sessions. Only when nothing is accepted any more does go-smtp
// know of them all.
func (r *receiver) stop(ctx context.Context) error {
	for _, l := range r.listeners {
		_ = l.Close()
	}
	r.accepting.Wait()
	r.mu.Lock()
	for v := range r.visitors {
		_ = v.Conn.Close() // its session ends by that
	}
	r.mu.Unlock()
	err := r.smtp.Shutdown(ctx)
	if errors.Is(err, net.ErrClosed) { // the listeners are, by us
		return nil
	}
	return err
}

// door lets in whom the server has room for.
type door struct {
	net.Listener
	*receiver
}

// Accept implements net.Listener.
func (d *door) Accept() (net.Conn, error) {
	for {
		conn, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		v := &visitor{Conn: conn, receiver: d.receiver}
		if d.enter(v) {
			return v, nil
		}
		d.lab.tally.count(d.provider, func(c *Count) { c.Refused++ })
		// A line always fits into the buffers of a new connection.
		_, _ = io.WriteString(conn, "421 4.7.0 "+d.smtp.Domain+" Too many connections from your address, try again later\r\n")
		_ = conn.Close()
	}
}

func (r *receiver) enter(v *visitor) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.MaxConnections > 0 && len(r.visitors) >= r.MaxConnections {
		return false
	}
	r.visitors[v] = true
	r.lab.tally.count(r.provider, func(c *Count) { c.Connections++ })
	return true
}

// visitor is a connection that counts as long as it is open.
type visitor struct {
	net.Conn
	receiver *receiver
	once     sync.Once
}

// Close implements net.Conn.
func (v *visitor) Close() error {
	v.once.Do(func() {
		v.receiver.mu.Lock()
		defer v.receiver.mu.Unlock()
		delete(v.receiver.visitors, v)
	})
	return v.Conn.Close()
}

// pace counts a message and reports whether it is within the server's rate.
func (r *receiver) pace() bool {
	if r.Rate == 0 {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := r.lab.config.Clock.Now().Unix(); now != r.second {
		r.second, r.messages = now, 0
	}
	r.messages++
	return r.messages <= r.Rate
}

// linger is the server's slowness. It ends early when the lab stops.
func (r *receiver) linger() {
	if r.Delay == 0 {
		return
	}
	t := r.lab.config.Clock.NewTimer(r.Delay)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.lab.group.Draining():
	}
}

// addrs are the addresses the server listens on; it listens on none if it refuses connections.
func (s *Server) addrs() []netip.Addr {
	var list []netip.Addr
	if s.Refuses {
		return nil
	}
	for _, text := range s.Addresses {
		if a, err := netip.ParseAddr(text); err == nil { // validated with the zone
			list = append(list, a)
		}
	}
	return list
}
