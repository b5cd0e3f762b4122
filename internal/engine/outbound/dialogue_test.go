package outbound

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// A dialogue is what a server does, line by line:
//
//	S: 220 hello        it says this
//	C: QUIT             it waits for exactly this
//	C: AUTH *           it waits for a line that begins so
//	M: text             it waits for a message: these lines, joined by CRLF, and the final dot
//	-- close            it closes the connection
//	-- wait 4m          it does nothing for a while
//	-- tls              it does its part of a TLS handshake, with a certificate for mx.example.org
//	-- eat              it reads whatever comes until the client closes
//
// A client that writes before its turn, or waits when it could go on, hangs, which synctest tells.
type server struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
}

func (s *server) play(script string) {
	defer func() { _ = s.conn.Close() }()
	var message []string
	for line := range strings.Lines(script) {
		line = strings.TrimSpace(line)
		verb, rest, _ := strings.Cut(line, " ")
		if verb != "M:" && message != nil {
			s.want(strings.Join(append(message, "."), "\r\n"))
			message = nil
		}
		switch verb {
		case "":
		case "S:":
			if _, err := fmt.Fprintf(s.conn, "%s\r\n", rest); err != nil {
				s.t.Errorf("server says %q: %v", rest, err)
				return
			}
		case "C:":
			s.want(rest)
		case "M:":
			message = append(message, rest)
		case "--":
			if s.directive(rest) {
				return
			}
		default:
			s.t.Errorf("dialogue has %q", line)
		}
	}
	if rest, err := s.r.ReadString('\n'); err == nil {
		s.t.Errorf("client says %q after the end of the dialogue", rest)
	}
}

func (s *server) want(lines string) {
	for want := range strings.SplitSeq(lines, "\r\n") {
		got, err := s.r.ReadString('\n')
		got = strings.TrimSuffix(got, "\r\n")
		prefix, open := strings.CutSuffix(want, "*")
		if err != nil || got != want && !(open && strings.HasPrefix(got, prefix)) {
			s.t.Errorf("client says %q (%v), want %q", got, err, want)
		}
	}
}

func (s *server) directive(d string) (over bool) {
	word, arg, _ := strings.Cut(d, " ")
	switch word {
	case "close":
		return true
	case "wait":
		d, err := time.ParseDuration(arg)
		if err != nil {
			s.t.Error(err)
		}
		time.Sleep(d) // in a synctest bubble
	case "tls":
		// Tickets come at a moment when a pipe, which has no buffer, makes both sides wait for the other.
		conn := tls.Server(s.conn, &tls.Config{Certificates: []tls.Certificate{certificate(s.t)}, SessionTicketsDisabled: true})
		if err := conn.Handshake(); err != nil {
			return true // the client says what it thinks of it
		}
		s.conn, s.r = conn, bufio.NewReader(conn)
	case "eat":
		for {
			if _, err := s.r.ReadByte(); err != nil {
				return true
			}
		}
	}
	return false
}

// certificate is self-signed, and valid in the year 2000 of synctest's bubbles.
func certificate(t *testing.T) tls.Certificate {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"mx.example.org"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		t.Error(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// trusting is a base that trusts the certificate.
func trusting(t *testing.T) *tls.Config {
	cert, err := x509.ParseCertificate(certificate(t).Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
}

var testAddr = netip.MustParseAddrPort("192.0.2.1:25")

// serving is a Dial that plays one script for each connection, in order.
func serving(t *testing.T, scripts ...string) Dial {
	var playing sync.WaitGroup
	t.Cleanup(playing.Wait)
	return func(context.Context, netip.Addr, netip.AddrPort) (net.Conn, error) {
		if len(scripts) == 0 {
			return nil, fmt.Errorf("nobody listens")
		}
		script := scripts[0]
		scripts = scripts[1:]
		ours, theirs := net.Pipe()
		playing.Go(func() { (&server{t, theirs, bufio.NewReader(theirs)}).play(script) })
		return ours, nil
	}
}

const greeting = `
	S: 220 mx.example.org ESMTP
	C: EHLO out.example.net
	S: 250-mx.example.org
	S: 250-PIPELINING
	S: 250-SIZE 1000
	S: 250-DSN
	S: 250-8bitmime
	S: 250 SMTPUTF8
`

const plainGreeting = `
	S: 220 mx.example.org
	C: EHLO out.example.net
	S: 250 mx.example.org
`

func target() Target {
	return Target{Host: "mx.example.org", Addr: testAddr, Helo: "out.example.net", TLS: smtp.TLSOpportunistic}
}

func connect(t *testing.T, scripts ...string) *Session {
	t.Helper()
	s, err := New(Config{Dial: serving(t, scripts...)}).Connect(t.Context(), target())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mailTo(addresses ...string) *Mail {
	m := &Mail{From: "a@example.net", Raw: []byte("Subject: hi\r\n\r\nhello\r\n")}
	for _, a := range addresses {
		m.Recipients = append(m.Recipients, Recipient{Address: a})
	}
	return m
}

// outcome writes a result in one line: "delivered 250", "rcpt 550 5.1.1 permanent", "+lost", "+again" and so on.
func outcome(r Result) string {
	if r.Err == nil {
		return fmt.Sprintf("delivered %d", r.Reply.Code)
	}
	s := fmt.Sprintf("%s %d %s %s", r.Err.Stage, r.Err.Err.Code, r.Err.Err.Enhanced, r.Err.Err.Class)
	for _, f := range []struct {
		on   bool
		word string
	}{{r.Again, " +again"}, {r.Err.Lost, " +lost"}, {r.Err.Closing, " +closing"}, {r.Err.Stale, " +stale"}} {
		if f.on {
			s += f.word
		}
	}
	return s
}

func outcomes(r Results) string {
	var all []string
	for _, x := range r.Recipients {
		all = append(all, outcome(x))
	}
	return strings.Join(all, "; ")
}
