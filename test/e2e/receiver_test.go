package e2e

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/mail"
	"net/textproto"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// receiver is a mail server that others wrote (emersion/go-smtp). It counts what it took, by message and recipient.
type receiver struct {
	addr   string
	server *smtp.Server
	// take, unless nil, is asked about each message before it is answered; it may block, and its error refuses.
	take func(m received) error
	// user and password, unless empty, must be given by AUTH, after STARTTLS.
	user, password string
	implicit       bool // TLS from the first octet

	mu     sync.Mutex
	copies map[delivered]int
	last   received
	bodies int64
}

// delivered names one message to one recipient.
type delivered struct{ id, recipient string }

// received is one transaction.
type received struct {
	id   string // its Message-ID, without brackets
	from string // the return path
	to   []string
	raw  []byte
	tls  bool
	user string
	// client is the address that it came from, helo what that called itself.
	client, helo string
	peer         string // the address it came from
}

// receive starts a receiver. set may change it before it takes its first connection.
func receive(t *testing.T, set func(*receiver)) *receiver {
	t.Helper()
	r := &receiver{copies: map[delivered]int{}}
	r.server = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &session{receiver: r, conn: c}, nil }))
	r.server.Domain = "receiver.example"
	r.server.EnableSMTPUTF8 = true
	r.server.ErrorLog = log.New(io.Discard, "", 0) // sessions of killed nodes end rudely
	if set != nil {
		set(r)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.addr = l.Addr().String()
	if r.implicit {
		l = tls.NewListener(l, r.server.TLSConfig)
	}
	served := make(chan error, 1)
	go func() { served <- r.server.Serve(l) }()
	t.Cleanup(func() {
		r.server.Close()
		if err := <-served; err != nil && !errors.Is(err, smtp.ErrServerClosed) {
			t.Errorf("receiver: %v", err)
		}
	})
	return r
}

// counts is how many different deliveries there were, and how many came more than once.
func (r *receiver) counts() (different, again int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range r.copies {
		again += n - 1
	}
	return len(r.copies), again
}

// total is how many deliveries there were, copies counted.
func (r *receiver) total() int {
	different, again := r.counts()
	return different + again
}

func (r *receiver) has(id, recipient string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.copies[delivered{id, recipient}] > 0
}

// latest is the last message taken.
func (r *receiver) latest() received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

// await waits for n deliveries.
func (r *receiver) await(t *testing.T, n int) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(patience)
	for r.total() < n {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("%d of %d deliveries came in %s", r.total(), n, patience)
		}
	}
}

// session is one connection, as go-smtp wants it.
type session struct {
	receiver *receiver
	conn     *smtp.Conn
	msg      received
}

func (s *session) Reset()        { s.msg = received{user: s.msg.user} }
func (s *session) Logout() error { return nil }

func (s *session) AuthMechanisms() []string {
	if s.receiver.user == "" {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != s.receiver.user || password != s.receiver.password {
			return smtp.ErrAuthFailed
		}
		s.msg.user = user
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.receiver.user != "" && s.msg.user == "" {
		return smtp.ErrAuthRequired
	}
	s.msg.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.msg.to = append(s.msg.to, to)
	return nil
}

func (s *session) Data(in io.Reader) error {
	raw, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	s.msg.raw = raw
	s.msg.peer, _, _ = net.SplitHostPort(s.conn.Conn().RemoteAddr().String())
	_, s.msg.tls = s.conn.TLSConnectionState()
	s.msg.client, _, _ = net.SplitHostPort(s.conn.Conn().RemoteAddr().String())
	s.msg.helo = s.conn.Hostname()
	header, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(raw))).ReadMIMEHeader()
	if err != nil {
		return err
	}
	s.msg.id = bare(mail.Header(header).Get("Message-Id"))
	r := s.receiver
	if r.take != nil {
		if err := r.take(s.msg); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bodies++
	r.last = s.msg
	for _, to := range s.msg.to {
		r.copies[delivered{s.msg.id, to}]++
	}
	return nil
}

func bare(id string) string {
	if len(id) > 2 && id[0] == '<' {
		return id[1 : len(id)-1]
	}
	return id
}
