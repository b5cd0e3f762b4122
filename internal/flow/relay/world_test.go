package relay_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/base/keyring"
	"github.com/budkavle/budkavle/internal/engine/outbound"
	"github.com/budkavle/budkavle/internal/engine/route"
	"github.com/budkavle/budkavle/internal/flow/relay"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dns/dnstest"
	"github.com/budkavle/budkavle/internal/store"
	"github.com/budkavle/budkavle/internal/store/sqlite"
	"github.com/budkavle/budkavle/internal/store/sqlite/sqlitetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "s3cret-of-the-school"

// shifted is a clock that a test can set forward.
type shifted struct {
	clock.System
	by time.Duration
}

func (c *shifted) Now() time.Time { return time.Now().Add(c.by) }

// world is a service over a store on disk, and the customer's server as it is played.
type world struct {
	*relay.Service
	t       *testing.T
	store   store.Store
	clock   *shifted
	log     *bytes.Buffer
	school  model.Account
	staff   model.Account
	letters []string
	server  server
	roots   *x509.CertPool
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, clock: &shifted{}, log: &bytes.Buffer{}, roots: x509.NewCertPool()}
	st, err := sqlite.Open(context.Background(), sqlitetest.File(t), clock.System{})
	w.ok(err)
	t.Cleanup(func() { w.ok(st.Close()) })
	w.store = st
	ring, err := keyring.New(bytes.Repeat([]byte{7}, 32))
	w.ok(err)
	add := func(name string, operator bool) model.Account {
		a, err := st.AddAccount(t.Context(), model.Account{Name: name, State: model.AccountActive, Weight: 1, Operator: operator, Contact: "it@" + name + ".example", CreatedAt: time.Now()})
		w.ok(err)
		return a
	}
	w.school, w.staff = add("school", false), add("staff", true)
	router, err := route.New(route.Config{Clock: clock.System{}, Inside: true, Resolver: &dnstest.Fake{
		A: map[string][]netip.Addr{"smtp.school.example": {netip.MustParseAddr("127.0.0.1")}},
	}})
	w.ok(err)
	w.server.t = t
	w.Service = relay.New(relay.Config{
		Store: st, Ring: ring, Router: router, Clock: w.clock, IDs: ident.NewSource(clock.System{}, 1), Log: slog.New(slog.NewTextHandler(w.log, nil)), Helo: "mx.example",
		Connector: outbound.New(outbound.Config{Dial: w.server.dial, TLS: &tls.Config{RootCAs: w.roots, MinVersion: tls.VersionTLS12}}),
		Write: func(_ context.Context, operator model.Account, to, subject, text string) error {
			w.letters = append(w.letters, fmt.Sprintf("%s to %s: %s\n%s", operator.Name, to, subject, text))
			return nil
		},
	})
	return w
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// set sets the school's server.
func (w *world) set(change func(*relay.Settings)) model.Route {
	w.t.Helper()
	s := relay.Settings{Host: "smtp.school.example", Username: "info@school.example", Password: secret}
	if change != nil {
		change(&s)
	}
	r, err := w.Set(w.t.Context(), w.school, s)
	w.ok(err)
	return r
}

// certify gives the server a certificate that the world trusts, unless it is of strangers.
func (w *world) certify(name string, until time.Time, trusted bool) {
	w.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	w.ok(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotBefore: until.Add(-100 * 24 * time.Hour), NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	w.ok(err)
	cert, err := x509.ParseCertificate(der)
	w.ok(err)
	if trusted {
		w.roots.AddCert(cert)
	}
	w.server.config = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// server is the customer's: it answers a command by the reply whose key begins it.
type server struct {
	t        *testing.T
	config   *tls.Config
	implicit bool
	closed   error // what a dial gets
	replies  map[string]string

	mu   sync.Mutex
	told []string
}

// fresh makes it one that nobody has spoken to, for another test.
func (s *server) fresh(t *testing.T) {
	s.t, s.implicit, s.closed, s.replies, s.told = t, false, nil, nil, nil
}

func (s *server) dial(_ context.Context, _ netip.Addr, _ netip.AddrPort) (net.Conn, error) {
	if s.closed != nil {
		return nil, s.closed
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0") // net.Pipe would have two that write at the same time wait for each other
	if err != nil {
		return nil, err
	}
	defer ln.Close()
	ours, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		return nil, err
	}
	theirs, err := ln.Accept()
	if err != nil {
		return nil, err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer theirs.Close()
		s.serve(theirs)
	}()
	s.t.Cleanup(func() {
		_ = ours.Close()
		<-done
	})
	return ours, nil
}

func (s *server) serve(conn net.Conn) {
	if s.implicit {
		conn = tls.Server(conn, s.config)
	}
	lines := bufio.NewScanner(conn)
	write := func(text string) bool {
		_, err := fmt.Fprintf(conn, "%s\r\n", strings.ReplaceAll(text, "\n", "\r\n"))
		return err == nil
	}
	if !write(s.reply("greeting", "220 smtp.school.example")) {
		return
	}
	data := false
	for lines.Scan() {
		line := lines.Text()
		s.mu.Lock()
		s.told = append(s.told, line)
		s.mu.Unlock()
		switch {
		case data && line != ".":
			continue
		case data:
			data = false
			line = "end"
		case line == "DATA":
			data = s.reply("DATA", "354 go on")[0] == '3'
			if !write(s.reply("DATA", "354 go on")) {
				return
			}
			continue
		}
		if !write(s.answer(line)) || line == "QUIT" {
			return
		}
		if line == "STARTTLS" && strings.HasPrefix(s.answer(line), "220") {
			conn = tls.Server(conn, s.config)
			lines = bufio.NewScanner(conn)
		}
	}
}

func (s *server) answer(line string) string {
	command, _, _ := strings.Cut(line, " ")
	switch command {
	case "EHLO":
		return s.reply("EHLO", "250-smtp.school.example\n250-STARTTLS\n250 AUTH PLAIN")
	case "STARTTLS", "QUIT":
		return s.reply(command, "220 ok")
	case "AUTH":
		return s.reply("AUTH", "235 2.7.0 ok")
	}
	return s.reply(command, "250 2.0.0 ok")
}

func (s *server) reply(to, usual string) string {
	if r, ok := s.replies[to]; ok {
		return r
	}
	return usual
}

// heard is everything the server was told.
func (s *server) heard() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.told, "\n")
}
