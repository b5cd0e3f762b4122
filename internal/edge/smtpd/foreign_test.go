package smtpd

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/base/keyring"
	"github.com/budkavle/budkavle/internal/engine/policy"
	"github.com/budkavle/budkavle/internal/flow/onboard"
	"github.com/budkavle/budkavle/internal/flow/submit"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dkim"
	"github.com/budkavle/budkavle/internal/store"
	"github.com/budkavle/budkavle/internal/store/sqlite"
)

// letter is what every foreign client sends: Swedish in the header and in the body, and lines that SMTP must stuff.
const letter = "From: =?utf-8?q?=C3=85sa?= <asa@skolan.example>\r\n" +
	"To: Bo <bo@example.org>\r\n" +
	"Subject: =?utf-8?q?R=C3=A4ksm=C3=B6rg=C3=A5s?=\r\n" +
	"Date: Tue, 24 Nov 2026 09:00:00 +0100\r\n" +
	"Message-ID: <1@skolan.example>\r\n" +
	"MIME-Version: 1.0\r\n" +
	"Content-Type: text/plain; charset=utf-8\r\n" +
	"Content-Transfer-Encoding: 8bit\r\n" +
	"\r\n" +
	"Hej Bo,\r\n\r\nräksmörgåsen på Öland var över förväntan.\r\n.\r\n..två punkter\r\n.en\r\n\r\nHälsningar\r\nÅsa\r\n"

// school is a server with a real store behind it, and an account that may send from skolan.example.
type school struct {
	t              *testing.T
	store          store.Store
	port, portTLS  string // of 127.0.0.1: with STARTTLS, with implicit TLS
	trusted        string // where nobody needs to log in, in the clear
	user, password string
	dir, ca, file  string // a folder; in it the certificate, and the letter with the line ends of Unix

	mu       sync.Mutex
	arrived  []ident.ID
	arriving chan struct{} // holds an element when more has arrived
}

// Reserve implements submit.Queue: everything waits in the store.
func (*school) Reserve(model.Lane) (int64, time.Time, bool) { return 0, time.Time{}, false }
func (*school) Forget([]model.Recipient)                    {}
func (s *school) Accepted(m *model.Message, _ []byte, _ []model.Recipient) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.arrived = append(s.arrived, m.ID)
	select {
	case s.arriving <- struct{}{}:
	default:
	}
}

func newSchool(t *testing.T) *school {
	t.Helper()
	s := &school{t: t, dir: t.TempDir(), arriving: make(chan struct{}, 1)}
	p := newProps(t)
	s.ca, s.file = filepath.Join(s.dir, "ca.pem"), filepath.Join(s.dir, "letter")
	write(t, s.ca, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.certificate.Certificate[0]})))
	write(t, s.file, strings.ReplaceAll(letter, "\r\n", "\n"))
	ring, err := keyring.New(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	if s.store, err = sqlite.Open(t.Context(), filepath.Join(s.dir, "budkavle.db"), clock.System{}); err != nil {
		t.Fatal(err)
	}
	ids := ident.NewSource(clock.System{}, 1)
	account := s.enrol(onboard.New(s.store, ring, clock.System{}, rand.Reader, ids))
	engine, _ := dkim.LoadEngine() // the signatures are not what is tested here
	directory := submit.NewDirectory(s.store, ring, engine)
	handler := Submission{Directory: directory, RequireTLS: true, Secret: []byte("decoy"), Submitter: submit.New(submit.Config{
		Store: s.store, Directory: directory, Queue: s, Clock: clock.System{}, Random: rand.Reader, IDs: ids, Log: slog.New(slog.DiscardHandler),
		Hostname: "mx.example", MaxSize: 1 << 20, MaxMemory: 64 << 20, Expire: time.Hour, ExpireBulk: time.Hour, DiskCheck: func() error { return nil },
	})}
	trusting := handler
	trusting.Networks = []Network{{Prefix: netip.MustParsePrefix("127.0.0.0/8"), Account: account}}
	ports := s.listen(p, &handler, false, true)
	s.port, s.portTLS, s.trusted = ports[0], ports[1], s.listen(p, &trusting, false)[0]
	return s
}

// enrol adds the account, its domain and its user.
func (s *school) enrol(o *onboard.Service) model.AccountID {
	s.t.Helper()
	a, err := o.AddAccount(s.t.Context(), model.Account{Name: "skolan"})
	if err == nil {
		_, err = o.AddDomain(s.t.Context(), a.Name, "skolan.example", "test")
	}
	if err == nil {
		var c model.Credential
		c, s.password, err = o.AddCredential(s.t.Context(), a.Name, "", "")
		s.user = c.Username
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return a.ID
}

// listen serves on one port for each kind of listener.
func (s *school) listen(p *props, h Handler, implicit ...bool) []string {
	s.t.Helper()
	server := New(Config{
		Name: "submission", Hostname: "mx.example", TLS: &tls.Config{Certificates: []tls.Certificate{p.certificate}}, Handler: h,
		Clock: clock.System{}, Random: rand.Reader, Log: slog.New(slog.NewTextHandler(s.t.Output(), nil)), Observe: silent{}, MaxSize: 1 << 20,
		MaxRecipients: policy.MaxRecipients, MaxConnections: 50, MaxPerAddress: 50, DiskCheck: func() error { return nil }, Timeouts: DefaultTimeouts(),
	})
	s.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := server.Stop(ctx); err != nil {
			s.t.Error(err)
		}
	})
	var ports []string
	for _, tls := range implicit {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			s.t.Fatal(err)
		}
		server.Serve(l, tls)
		_, port, _ := net.SplitHostPort(l.Addr().String())
		ports = append(ports, port)
	}
	return ports
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// run runs a program that others wrote, in its own folder, with the letter as its input.
func (s *school) run(name string, args ...string) {
	s.t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		s.t.Fatalf("%s is not installed; install it with: make deps", name)
	}
	cmd := exec.CommandContext(s.t.Context(), path, args...)
	cmd.Dir = s.dir
	cmd.Stdin = strings.NewReader(strings.ReplaceAll(letter, "\r\n", "\n"))
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// unended is the letter for those who end its last line themselves.
func (s *school) unended() string {
	path := filepath.Join(s.dir, "unended")
	write(s.t, path, strings.TrimSuffix(strings.ReplaceAll(letter, "\r\n", "\n"), "\n"))
	return path
}

// got waits for as many messages, and returns each with its bytes.
func (s *school) got(n int) (list []model.Message, raws [][]byte) {
	s.t.Helper()
	late := time.After(time.Minute) // no measurement: nothing comes any more
	for {
		s.mu.Lock()
		ids := s.arrived
		s.mu.Unlock()
		if len(ids) >= n {
			return s.read(ids)
		}
		select {
		case <-s.arriving:
		case <-late:
			s.t.Fatalf("%d messages have come, want %d", len(ids), n)
		}
	}
}

func (s *school) read(ids []ident.ID) (list []model.Message, raws [][]byte) {
	s.t.Helper()
	for _, id := range ids {
		m, err := s.store.Message(s.t.Context(), id)
		if err != nil {
			s.t.Fatal(err)
		}
		raw, err := s.store.Body(s.t.Context(), id)
		if err != nil {
			s.t.Fatal(err)
		}
		list, raws = append(list, m), append(raws, raw)
	}
	return list, raws
}

// wantLetter wants the letter to be in the store, byte for byte behind what was put in front of it, and received so.
func (s *school) wantLetter(protocol string) model.Message {
	s.t.Helper()
	list, raws := s.got(1)
	if len(raws) != 1 || !bytes.HasSuffix(raws[0], []byte(letter)) || bytes.Count(raws[0], []byte("\r\nReceived: by ")) > 1 {
		s.t.Fatalf("%d messages in the store:\n%s", len(raws), bytes.Join(raws, []byte("--\n")))
	}
	if head := string(raws[0][:len(raws[0])-len(letter)]); !strings.Contains(head, "DKIM-Signature: ") || !strings.Contains(head, "with "+protocol+" id ") {
		s.t.Errorf("in front of the letter stands\n%s", head)
	}
	if m := list[0]; m.Sender != "asa@skolan.example" || m.Meta.Subject != "Räksmörgås" || !m.EightBit {
		s.t.Errorf("message %+v", m)
	}
	return list[0]
}

func TestSwaks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, mechanism string }{{"STARTTLS", "PLAIN"}, {"STARTTLS", "LOGIN"}, {"implicit", "PLAIN"}} {
		t.Run(tt.name+" "+tt.mechanism, func(t *testing.T) {
			s := newSchool(t)
			port, how := s.port, "--tls"
			if tt.name == "implicit" {
				port, how = s.portTLS, "--tls-on-connect"
			}
			s.run("swaks", "--server", "127.0.0.1", "--port", port, how, "--tls-verify", "--tls-ca-path", s.ca, "--auth", tt.mechanism, "--auth-user", s.user,
				"--auth-password", s.password, "--from", "asa@skolan.example", "--to", "bo@example.org", "--ehlo", "client.example", "--data", "@"+s.unended())
			s.wantLetter("ESMTPSA")
		})
	}
}

func TestMsmtp(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ tls, auth string }{{"on", "plain"}, {"on", "scram-sha-256"}, {"off", "on"}} {
		t.Run("starttls "+tt.tls+", auth "+tt.auth, func(t *testing.T) {
			s := newSchool(t)
			port := map[string]string{"on": s.port, "off": s.portTLS}[tt.tls]
			write(t, filepath.Join(s.dir, "password"), s.password+"\n")
			s.run("msmtp", "--file=/dev/null", "--host=127.0.0.1", "--port="+port, "--tls=on", "--tls-starttls="+tt.tls, "--tls-trust-file="+s.ca,
				"--auth="+tt.auth, "--user="+s.user, "--passwordeval=cat password", "--from=asa@skolan.example", "--dsn-notify=failure", "bo@example.org")
			m := s.wantLetter("ESMTPSA")
			if r, err := s.store.Recipients(t.Context(), m.ID, 0, 10); err != nil || len(r) != 1 || r[0].Notify != model.NotifyFailure {
				t.Errorf("recipients %+v, %v", r, err)
			}
		})
	}
}

func TestPythonSmtplib(t *testing.T) {
	t.Parallel()
	script, err := filepath.Abs("testdata/send.py")
	if err != nil {
		t.Fatal(err)
	}
	for _, how := range []string{"starttls", "implicit"} {
		t.Run(how, func(t *testing.T) {
			s := newSchool(t)
			port := map[string]string{"starttls": s.port, "implicit": s.portTLS}[how]
			s.run("python3", script, "127.0.0.1", port, how, s.ca, s.user, s.password, "asa@skolan.example", "åke@räksmörgås.example,bo@example.org", s.file,
				"RET=HDRS ENVID=1+2B2", "NOTIFY=NEVER")
			m := s.wantLetter("UTF8SMTPSA")
			r, err := s.store.Recipients(t.Context(), m.ID, 0, 10)
			if err != nil || len(r) != 2 || r[0].Address != "åke@xn--rksmrgs-5wao1o.example" || r[1].Notify != model.NotifyNever {
				t.Errorf("recipients %+v, %v", r, err)
			}
			if m.Meta.EnvelopeID != "1+2" || m.Meta.Return != model.ReturnHeaders {
				t.Errorf("message %+v", m)
			}
		})
	}
}

func TestNodemailer(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	for _, name := range []string{"package.json", "package-lock.json", "send.js"} {
		text, err := os.ReadFile(filepath.Join("testdata/nodemailer", name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(s.dir, name), string(text))
	}
	s.run("npm", "ci", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts")
	s.run("node", "send.js", "127.0.0.1", s.port, "starttls", s.ca, s.user, s.password, "asa@skolan.example", "bo@example.org", s.file)
	s.wantLetter("ESMTPSA")
	s.run("node", "send.js", "127.0.0.1", s.portTLS, "implicit", s.ca, s.user, s.password, "asa@skolan.example", "bo@example.org", s.file)
	if _, raws := s.got(2); !bytes.HasSuffix(raws[1], []byte(letter)) {
		t.Errorf("by implicit TLS came\n%s", raws[1])
	}
}

// smtp-source speaks in the clear and without AUTH, so it comes from a trusted network.
func TestSmtpSource(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	s.run("smtp-source", "-s", "5", "-m", "50", "-d", "-f", "asa@skolan.example", "-t", "bo@example.org", "-F", s.file, "127.0.0.1:"+s.trusted)
	s.run("smtp-source", "-s", "2", "-m", "10", "-r", "100", "-l", "4096", "-f", "asa@skolan.example", "-t", "bo@example.org", "127.0.0.1:"+s.trusted)
	list, raws := s.got(60)
	for i, raw := range raws {
		if i < 50 && !bytes.HasSuffix(raw, []byte(letter+"\r\n")) { // it adds a line
			t.Fatalf("message %d is\n%q", i, raw)
		}
		r, err := s.store.Recipients(t.Context(), list[i].ID, 0, 1000)
		if want := map[bool]int{true: 1, false: 100}[i < 50]; err != nil || len(r) != want {
			t.Errorf("message %d has %d recipients, want %d (%v)", i, len(r), want, err)
		}
	}
}

// A system whose sender is not the account's is told so by whatever client it uses.
func TestForeignSenderIsRefused(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	out, err := exec.CommandContext(t.Context(), "swaks", "--server", "127.0.0.1", "--port", s.trusted, "--from", "x@other.example", "--to", "bo@example.org", "--data", "@"+s.file).CombinedOutput()
	if want := `550 5.7.1 The envelope sender x@other.example is not of a domain of account "skolan"`; err == nil || !strings.Contains(string(out), want) {
		t.Errorf("swaks: %v\n%s", err, out)
	}
	out, err = exec.CommandContext(t.Context(), "swaks", "--server", "127.0.0.1", "--port", s.trusted, "--from", "x@skolan.example", "--to", "bo@example.org",
		"--data", "From: y@other.example\\n\\nx\\n").CombinedOutput()
	if want := "550 5.7.1 The From address y@other.example"; err == nil || !strings.Contains(string(out), want) {
		t.Errorf("swaks: %v\n%s", err, out)
	}
}

// The largest message of all is stored whole, and the recipients over the limit are told to come again.
func TestFiveThousandRecipientsAreStored(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	conn, err := net.Dial("tcp", "127.0.0.1:"+s.trusted)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := &client{t: t, conn: conn, r: bufio.NewReader(conn)}
	var script strings.Builder
	script.WriteString("S: 220 *\nC: EHLO client.example\n-- greeting\nC: MAIL FROM:<asa@skolan.example>\n")
	for i := range policy.MaxRecipients + 50 {
		fmt.Fprintf(&script, "C: RCPT TO:<u%d@example.org>\n", i)
	}
	script.WriteString("C: DATA\nS: 250 *\n" + strings.Repeat("S: 250 *\n", policy.MaxRecipients) + strings.Repeat("S: 452 4.5.3 *\n", 50) + "S: 354 *\n")
	c.play(script.String() + "R: " + strconv.Quote(strings.ReplaceAll(letter, "\r\n.", "\r\n..")+".\r\n") + "\nS: 250 2.0.0 Queued as *\nC: QUIT\nS: 221 *")
	list, raws := s.got(1)
	if !bytes.HasSuffix(raws[0], []byte(letter)) {
		t.Errorf("stored is\n%s", raws[0])
	}
	if r, err := s.store.Recipients(t.Context(), list[0].ID, policy.MaxRecipients-1, 10); err != nil || len(r) != 1 || r[0].Address != "u4999@example.org" {
		t.Errorf("the last recipients are %+v, %v", r, err)
	}
}
