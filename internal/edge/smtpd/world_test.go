package smtpd

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/flow/submit"
	"github.com/budkavle/budkavle/internal/standard/sasl"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// mailbox is a Handler that keeps what is committed. Recipients exist unless they begin with "no-"; of "later" it cannot say. The user
// "anna" has the password "hemlig" and may not log in in the clear unless open.
type mailbox struct {
	open     bool           // AUTH is offered in the clear
	trusted  netip.Prefix   // clients that need not log in
	broken   error          // of every look-up
	room     func() error   // asked at each Write
	slow     time.Duration  // taken by each Commit
	secret   sasl.Verifier  // of anna
	mu       sync.Mutex     // guards what follows
	messages []mail         // committed
	begun    map[*mail]bool // begun, neither committed nor aborted
}

type mail struct {
	box      *mailbox
	peer     Peer
	envelope submit.Envelope
	text     []byte
}

func (b *mailbox) Authentication(p *Peer) *Authentication {
	if !b.open && p.TLS == "" {
		return nil
	}
	return &Authentication{
		LookUp: func(_ context.Context, user string) (sasl.Verifier, error) {
			switch {
			case b.broken != nil:
				return sasl.Verifier{}, b.broken
			case user != "anna":
				return sasl.Decoy([]byte("secret"), user), nil
			}
			return b.secret, nil
		},
		User: func(_ context.Context, user string) (*User, error) { return &User{Name: user, Account: 1}, nil },
	}
}

func (b *mailbox) Trusted(client netip.Addr) *User {
	if b.trusted.IsValid() && b.trusted.Contains(client) {
		return &User{Account: 2}
	}
	return nil
}

func (b *mailbox) Mail(_ context.Context, _ *Peer, sender string) error {
	if strings.HasPrefix(sender, "no-") {
		return smtp.Errorf(550, "5.7.1", "The envelope sender %s is not yours", sender)
	}
	return nil
}

func (b *mailbox) Rcpt(_ context.Context, _ *Peer, recipient string) error {
	if strings.HasPrefix(recipient, "later") {
		return errors.New("the store is away")
	}
	if strings.HasPrefix(recipient, "no-") {
		return smtp.Errorf(550, "5.1.1", "There is no %s here", recipient)
	}
	return nil
}

func (b *mailbox) Begin(_ context.Context, p *Peer, e submit.Envelope, _ time.Time) (Message, error) {
	if e.Sender == "full@example.net" {
		return nil, smtp.Errorf(452, "4.3.1", "Too much mail is on its way in")
	}
	m := &mail{box: b, peer: *p, envelope: e}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.begun[m] = true
	return m, nil
}

func (m *mail) Write(p []byte) (int, error) {
	if m.box.room != nil {
		if err := m.box.room(); err != nil {
			return 0, err
		}
	}
	m.text = append(m.text, p...)
	return len(p), nil
}

func (m *mail) Commit(context.Context) (string, error) {
	time.Sleep(m.box.slow)
	m.box.mu.Lock()
	defer m.box.mu.Unlock()
	m.box.messages = append(m.box.messages, *m)
	return "Queued as " + strconv.Itoa(len(m.box.messages)), nil
}

func (m *mail) Abort() {
	m.box.mu.Lock()
	defer m.box.mu.Unlock()
	delete(m.box.begun, m)
}

// texts are the messages kept.
func (b *mailbox) texts() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []string
	for _, m := range b.messages {
		list = append(list, string(m.text))
	}
	return list
}

// world is a server on pipes, in a synctest bubble.
type world struct {
	t      testing.TB
	server *Server
	box    *mailbox
	ln     *pipes
	log    *bytes.Buffer // to be read when the server has stopped
}

// inBubble plays in a world; when the play is over, the server stops and must have given everything back.
func inBubble(t *testing.T, play func(w *world), change ...func(*Config, *mailbox)) {
	t.Helper()
	p := newProps(t)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, p, change...)
		defer w.stop()
		play(w)
	})
}

func newWorld(t testing.TB, p *props, change ...func(*Config, *mailbox)) *world {
	w := &world{t: t, box: &mailbox{secret: p.anna, begun: map[*mail]bool{}}, log: &bytes.Buffer{}, ln: &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}}
	c := Config{
		Name: "submission", Hostname: "mx.example", Handler: w.box, Clock: clock.System{}, Random: rand.Reader,
		TLS: &tls.Config{Certificates: []tls.Certificate{p.certificate}},
		Log: slog.New(slog.NewTextHandler(w.log, nil)), Observe: silent{}, MaxSize: 1 << 20, MaxRecipients: 5000, MaxConnections: 10,
		MaxPerAddress: 5, DiskCheck: func() error { return nil }, Timeouts: DefaultTimeouts(),
	}
	for _, f := range change {
		f(&c, w.box)
	}
	w.server = New(c)
	w.server.Serve(w.ln, false)
	return w
}

func (w *world) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := w.server.Stop(ctx); err != nil {
		w.t.Error(err)
	}
	if n := len(w.box.begun); n > 0 {
		w.t.Errorf("%d messages were begun and never given back", n)
	}
	if len(w.server.sessions) > 0 || len(w.server.from) > 0 {
		w.t.Errorf("left: sessions %v, addresses %v", w.server.sessions, w.server.from)
	}
}

// sessions is how many go on.
func (w *world) sessions() int {
	w.server.mu.Lock()
	defer w.server.mu.Unlock()
	return len(w.server.sessions)
}

// play is a dialogue of a new client.
func (w *world) play(script string) {
	w.t.Helper()
	c := w.dial("192.0.2.1")
	defer c.close()
	c.play(script)
}

// ehlo is a new client that has said EHLO.
func (w *world) ehlo() *client {
	c := w.dial("192.0.2.1")
	c.play("S: 220 *\nC: EHLO client.example\n-- greeting")
	return c
}

type silent struct{}

func (silent) SessionOpened(string)   {}
func (silent) SessionClosed(string)   {}
func (silent) Refused(string, string) {}

// pipes is a listener whose connections are dialled in memory.
type pipes struct {
	faults int // Accept fails so often before it accepts
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	if p.faults > 0 {
		p.faults--
		return nil, syscall.EMFILE
	}
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// ended is one end of a pipe with an address.
type ended struct {
	net.Conn
	remote net.Addr
}

func (e ended) RemoteAddr() net.Addr { return e.remote }

// pumped is a client's end that takes whatever the server says at once, as a socket's buffer does.
type pumped struct {
	net.Conn
	came chan []byte
	rest []byte
}

func (p *pumped) pump() {
	defer close(p.came)
	for {
		b := make([]byte, 4096)
		n, err := p.Conn.Read(b)
		if n > 0 {
			p.came <- b[:n]
		}
		if err != nil {
			return
		}
	}
}

func (p *pumped) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		more, ok := <-p.came
		if !ok {
			return 0, io.EOF
		}
		p.rest = more
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// client plays dialogues, line by line:
//
//	C: EHLO me         it says this; lines that follow one another are sent as one piece
//	R: "a\r\n.\n"      it says exactly these octets
//	S: 250 *           it waits for a line that begins so, or is this
//	-- greeting        it reads the rest of a reply of several lines
//	-- tls             it does its part of a TLS handshake
//	-- wait 4m         it does nothing for a while
//	-- quiet           it hears nothing, though the server has done all it can
//	-- spoken          the server has said something by now
//	-- closed          the server closes
//
// A server that waits when it should speak hangs, which synctest tells.
type client struct {
	t    testing.TB
	conn net.Conn
	pump *pumped
	r    *bufio.Reader
}

func (w *world) dial(from string) *client {
	near, far := net.Pipe()
	p := &pumped{Conn: near, came: make(chan []byte, 4096)}
	go p.pump()
	w.ln.conns <- ended{far, &net.TCPAddr{IP: net.ParseIP(from), Port: 40000}}
	return &client{t: w.t, conn: p, pump: p, r: bufio.NewReader(p)}
}

func (c *client) close() { _ = c.pump.Close() }

func (c *client) play(script string) {
	c.t.Helper()
	var say strings.Builder
	for line := range strings.Lines(script) {
		verb, rest, _ := strings.Cut(strings.TrimSuffix(strings.TrimLeft(line, "\t"), "\n"), " ")
		if verb == "C:" {
			say.WriteString(rest + "\r\n")
			continue
		}
		c.say(say.String())
		say.Reset()
		switch verb {
		case "":
		case "R:":
			raw, err := strconv.Unquote(rest)
			if err != nil {
				c.t.Fatalf("dialogue has %s: %v", line, err)
			}
			c.say(raw)
		case "S:":
			c.want(rest)
		case "--":
			c.directive(rest)
		default:
			c.t.Fatalf("dialogue has %q", line)
		}
	}
	c.say(say.String())
}

func (c *client) say(s string) {
	if s == "" {
		return
	}
	_, _ = io.WriteString(c.conn, s) // a server that is gone shows in what it says
}

func (c *client) want(want string) {
	c.t.Helper()
	got, err := c.r.ReadString('\n')
	got = strings.TrimSuffix(got, "\r\n")
	prefix, open := strings.CutSuffix(want, "*")
	if err != nil || got != want && !(open && strings.HasPrefix(got, prefix)) {
		c.t.Fatalf("server says %q (%v), want %q", got, err, want)
	}
}

func (c *client) directive(d string) {
	c.t.Helper()
	word, arg, _ := strings.Cut(d, " ")
	switch word {
	case "greeting":
		for line := ""; !strings.HasPrefix(line, "250 "); {
			var err error
			if line, err = c.r.ReadString('\n'); err != nil {
				c.t.Fatal(err)
			}
		}
	case "tls":
		conn := tls.Client(c.conn, &tls.Config{InsecureSkipVerify: true})
		if err := conn.Handshake(); err != nil {
			c.t.Fatalf("handshake: %v", err)
		}
		c.conn, c.r = conn, bufio.NewReader(conn)
	case "wait":
		d, err := time.ParseDuration(arg)
		if err != nil {
			c.t.Fatal(err)
		}
		time.Sleep(d)
	case "quiet", "spoken":
		synctest.Wait()
		spoken := c.r.Buffered()+len(c.pump.rest)+len(c.pump.came) > 0
		if spoken && word == "quiet" {
			line, _ := c.r.ReadString('\n')
			c.t.Fatalf("server says %q though it should be quiet", line)
		}
		if !spoken && word == "spoken" {
			c.t.Fatal("server is quiet though it should speak")
		}
	case "closed":
		if line, err := c.r.ReadString('\n'); !errors.Is(err, io.EOF) {
			c.t.Fatalf("server says %q (%v) though it should close", line, err)
		}
	default:
		c.t.Fatalf("dialogue has -- %s", d)
	}
}

// props are costly to make and need none of a bubble's time.
type props struct {
	certificate tls.Certificate // of mx.example
	anna        sasl.Verifier
}

func newProps(t testing.TB) *props {
	t.Helper()
	anna, err := sasl.NewVerifier(rand.Reader, "hemlig")
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"mx.example"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &props{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, anna}
}
