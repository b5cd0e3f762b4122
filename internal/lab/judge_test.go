package lab

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/mail"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"
	"github.com/emersion/go-smtp"
)

func TestDKIMIsVerifiedByTheLabsOwnDNS(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(domain, message string) string {
		var b bytes.Buffer
		if err := dkim.Sign(&b, strings.NewReader(message), &dkim.SignOptions{Domain: domain, Selector: "bk", Signer: private}); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	const plain = "From: a@school.example\r\nMessage-ID: <1@school.example>\r\n\r\nhej\r\n"
	good := sign("school.example", plain)
	l := start(t, one("", ""), newClock())
	if err := l.Publish("bk._domainkey.school.example. TXT \"v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(public) + `"`); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, message    string
		pass, fail, none int
	}{
		{"good", good, 1, 0, 0},
		{"changed", strings.Replace(good, "hej", "nej", 1), 0, 1, 0},
		{"no key", sign("other.example", plain), 0, 1, 0},
		{"good and bad", sign("other.example", good), 0, 1, 0},
		{"none", plain, 0, 0, 1},
		{"no header", "hej\r\n", 0, 1, 0},
	} {
		before := l.Report().Total()
		send(t, l, "a@school.example", "anna@one.example", tt.message)
		got := l.Report().Total()
		if got.DKIMPass-before.DKIMPass != tt.pass || got.DKIMFail-before.DKIMFail != tt.fail || got.DKIMNone-before.DKIMNone != tt.none {
			t.Errorf("%s: %+v, before %+v", tt.name, got, before)
		}
	}
	if bad := l.Report().Unsigned; len(bad) != 5 || !strings.Contains(bad[0].Why, "school.example") {
		t.Errorf("bad signatures: %v", bad)
	}
}

// send hands the lab's only server one message, by net/smtp's rules of old.
func send(t *testing.T, l *Lab, from, to, message string) {
	t.Helper()
	c := smtp.NewClient(dial(t, l))
	if err := c.SendMail(from, []string{to}, strings.NewReader(message)); err != nil {
		t.Fatal(err)
	}
	if err := c.Quit(); err != nil {
		t.Fatal(err)
	}
}

// postOffice takes failure reports.
type postOffice struct{ mail chan returned }

type returned struct{ from, to, text string }

func (p *postOffice) NewSession(*smtp.Conn) (smtp.Session, error) { return &counter{office: p}, nil }

type counter struct {
	office *postOffice
	mail   returned
}

func (c *counter) Reset()                                      { c.mail = returned{} }
func (c *counter) Logout() error                               { return nil }
func (c *counter) Mail(from string, _ *smtp.MailOptions) error { c.mail.from = from; return nil }
func (c *counter) Rcpt(to string, _ *smtp.RcptOptions) error   { c.mail.to = to; return nil }
func (c *counter) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	c.mail.text = string(text)
	c.office.mail <- c.mail
	return err
}

func openPostOffice(t *testing.T) (*postOffice, string) {
	t.Helper()
	p := &postOffice{mail: make(chan returned, 10)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := smtp.NewServer(p)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		_ = s.Close()
		<-served
	})
	return p, l.Addr().String()
}

func TestReportsComeBackToTheReturnPath(t *testing.T) {
	office, addr := openPostOffice(t)
	l := start(t, one("mix = { returns = 1 }", ""), newClock())
	if err := l.ReturnTo(addr); err != nil {
		t.Fatal(err)
	}
	send(t, l, "", "anna@one.example", "Subject: a report itself\r\n\r\n")
	conn := dial(t, l)
	talk(t, conn, hello+`
		C: MAIL FROM:<b1@bounce.example>
		S: 250
		C: RCPT TO:<anna@one.example> ORCPT=rfc822;Anna@one.example
		S: 250
		C: DATA
		S: 354
		C: Message-ID: <1@school.example>
		C: Subject: =?utf-8?q?L=C3=A4xor?=
		C:
		C: secret text
		C: .
		S: 250
	`)
	got := <-office.mail
	if got.from != "" || got.to != "b1@bounce.example" {
		t.Errorf("from <%s> to <%s>", got.from, got.to)
	}
	parts := readReport(t, got.text)
	for i, want := range []string{
		"could not be delivered",
		"Reporting-MTA: dns; mx.one.example\r\n",
		"Subject: =?utf-8?q?L=C3=A4xor?=",
	} {
		if !strings.Contains(parts[i], want) {
			t.Errorf("part %d is without %q:\n%s", i, want, parts[i])
		}
	}
	for _, want := range []string{"Original-Recipient: rfc822;Anna@one.example\r\n", "Final-Recipient: rfc822; anna@one.example\r\n", "Action: failed\r\n", "Status: 5.1.1\r\n"} {
		if !strings.Contains(parts[1], want) {
			t.Errorf("the status is without %q:\n%s", want, parts[1])
		}
	}
	if strings.Contains(got.text, "secret text") {
		t.Error("the report returns the text")
	}
	for l.Report().Total().Returned == 0 {
		runtime.Gosched() // the post office has it; the lab is yet to hear so
	}
	stop(t, l)
	select {
	case more := <-office.mail:
		t.Errorf("a report was answered: %v", more)
	default:
	}
	if total := l.Report().Total(); total.Returned != 1 || total.Received != 2 {
		t.Errorf("report %+v", total)
	}
}

// readReport takes a multipart/report apart by the standard library.
func readReport(t *testing.T, text string) []string {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/report" || params["report-type"] != "delivery-status" {
		t.Fatalf("%s %v, %v", kind, params, err)
	}
	var parts []string
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		p, err := r.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(p)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, string(b))
	}
	if len(parts) != 3 {
		t.Fatalf("%d parts:\n%s", len(parts), text)
	}
	return parts
}

func TestMemoryIsBounded(t *testing.T) {
	z := BuiltinZone()
	c := newTally(z, 2)
	p := &z.Providers[0]
	for _, to := range []string{"a", "b", "c", "a"} {
		c.take(p, &taken{messageID: "1", recipients: []string{to}})
	}
	if r := c.snapshot(); r.Untracked != 1 || r.Total().Received != 2 || r.Total().Doubled != 1 || len(c.marks) != 2 {
		t.Errorf("%+v", r)
	}
	met := &contacts{clock: newClock(), wait: time.Second, limit: 1, seen: map[string]time.Time{}}
	if !met.early("a") || met.early("b") || met.first("c") || !met.early("a") {
		t.Error("contacts beyond the limit are not taken for known")
	}
	full := &returns{queue: make(chan returning, 1)}
	if !full.add(returning{}) || full.add(returning{}) {
		t.Error("reports beyond the limit are queued")
	}
}
