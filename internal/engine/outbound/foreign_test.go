package outbound

import (
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	gosmtp "github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// mailbox is behind a server that others wrote; its recipients exist unless they begin with "no-".
type mailbox struct {
	from, envid string
	recipients  []string
	messages    []string
}

func (m *mailbox) NewSession(*gosmtp.Conn) (gosmtp.Session, error) { return m, nil }

func (m *mailbox) Mail(from string, o *gosmtp.MailOptions) error {
	m.from, m.envid = from, o.EnvelopeID
	return nil
}

func (m *mailbox) Rcpt(to string, o *gosmtp.RcptOptions) error {
	if strings.HasPrefix(to, "no-") {
		return &gosmtp.SMTPError{Code: 550, EnhancedCode: gosmtp.EnhancedCode{5, 1, 1}, Message: "No such user"}
	}
	notify := ""
	for _, n := range o.Notify {
		notify += " " + string(n)
	}
	m.recipients = append(m.recipients, to+notify)
	return nil
}

func (m *mailbox) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	m.messages = append(m.messages, string(b))
	return err
}

func (m *mailbox) Reset()        {}
func (m *mailbox) Logout() error { return nil }

func TestForeignServer(t *testing.T) {
	box := &mailbox{}
	server := gosmtp.NewServer(box)
	server.Domain, server.EnableDSN, server.EnableSMTPUTF8 = "mx.example.org", true, true
	server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate(t)}}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	defer func() { _ = server.Close(); <-served }()

	s, err := New(Config{TLS: trusting(t)}).Connect(t.Context(), Target{
		Host: "mx.example.org", Addr: netip.MustParseAddrPort(ln.Addr().String()), Helo: "out.example.net",
		TLS: smtp.TLSRequired,
	})
	if err != nil {
		t.Fatal(err)
	}
	raw := "Subject: Hej\r\n\r\n.dots\r\n..\r\nlikaså å\r\n"
	for range 2 {
		m := mailTo("b@example.org", "no-one@example.org", "c@example.org")
		m.Raw, m.EightBit, m.EnvelopeID, m.Recipients[0].Notify = []byte(raw), true, "id+1", model.NotifyFailure|model.NotifyDelay
		got := s.Send(t.Context(), m)
		if diff := cmp.Diff("delivered 250; rcpt 550 5.1.1 permanent; delivered 250", outcomes(got)); diff != "" || !got.DSN {
			t.Errorf("%s\n%s", diff, s.Transcript())
		}
	}
	s.Quit(t.Context())
	want := &mailbox{
		from: "a@example.net", envid: "id+1", messages: []string{raw, raw},
		recipients: []string{"b@example.org FAILURE DELAY", "c@example.org", "b@example.org FAILURE DELAY", "c@example.org"},
	}
	if diff := cmp.Diff(want, box, cmp.AllowUnexported(mailbox{})); diff != "" {
		t.Error(diff)
	}
	if !strings.HasPrefix(s.TLS(), "TLS 1.3 ") {
		t.Errorf("TLS %q", s.TLS())
	}
}
