package outbound

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// canned is a connection on which a peer says what it was given, whatever it hears, and then closes.
type canned struct {
	net.Conn
	says *strings.Reader
}

func (c *canned) Read(p []byte) (int, error)  { return c.says.Read(p) }
func (c *canned) Write(p []byte) (int, error) { return len(p), nil }
func (c *canned) Close() error                { return nil }
func (c *canned) SetDeadline(time.Time) error { return nil }
func (c *canned) LocalAddr() net.Addr         { return &net.TCPAddr{} }

// FuzzPeer lets a server say anything, after it went along up to a state. Nobody is delivered to whom it did not give
// a 2yz reply, and every recipient has a result.
func FuzzPeer(f *testing.F) {
	states := []string{
		"", "220 mx\r\n", "220 mx\r\n250-mx\r\n250-STARTTLS\r\n250-AUTH SCRAM-SHA-256\r\n250 PIPELINING\r\n",
		"220 mx\r\n250 mx\r\n", "220 mx\r\n250-mx\r\n250 PIPELINING\r\n250 ok\r\n",
		"220 mx\r\n250-mx\r\n250-DSN\r\n250 PIPELINING\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n",
	}
	for state := range states {
		for _, s := range []string{
			"250 ok\r\n", "421 bye\r\n", "250 ok\r\n452 4.5.3 full\r\n354 go\r\n250 ok\r\n", "354 go\r\n", "550-a\r\n550 5.1.1 b\r\n",
			"250 ok\r\n550 no\r\n550 no\r\n354 go\r\n250 ok\r\n", "334 \r\n235 ok\r\n", "220 go\r\n\x16\x03\x01\x00\x01\x01",
		} {
			f.Add(byte(state), s)
		}
	}
	f.Fuzz(func(t *testing.T, state byte, says string) {
		script := states[int(state)%len(states)] + says
		dial := func(context.Context, netip.Addr, netip.AddrPort) (net.Conn, error) {
			return &canned{says: strings.NewReader(script)}, nil
		}
		to := target()
		if state&0x80 != 0 {
			to.Auth, to.TLS = &Auth{Username: "u", Password: "secret"}, smtp.TLSNone
		}
		s, err := New(Config{Dial: dial}).Connect(t.Context(), to)
		if err != nil {
			checkFault(t, err)
			return
		}
		for range 3 {
			got := s.Send(t.Context(), mailTo("b@example.org", "c@example.org"))
			if len(got.Recipients) != 2 {
				t.Fatalf("%d results", len(got.Recipients))
			}
			for _, r := range got.Recipients {
				if r.Err != nil {
					checkFault(t, r.Err)
				} else if r.Reply.Code/100 != 2 {
					t.Errorf("delivered with %+v", r.Reply)
				}
			}
			if n := len(s.Transcript()); n > maxTranscript+maxTranscript/2 {
				t.Errorf("transcript of %d octets", n)
			}
		}
		s.Quit(t.Context())
	})
}

func checkFault(t *testing.T, err error) {
	e, ok := err.(*Error)
	if !ok || e.Err == nil || e.Err.Code < 400 || e.Err.Class == smtp.Permanent && e.Reply.Code == 0 && e.Lost {
		t.Errorf("fault %#v", err)
	}
	if ok && strings.Contains(e.Error()+e.Transcript, "secret") {
		t.Errorf("the password shows: %v\n%s", e, e.Transcript)
	}
}

func FuzzParseExtensions(f *testing.F) {
	f.Add("mx\nSIZE 100\nAUTH=PLAIN LOGIN\nPIPELINING")
	f.Fuzz(func(t *testing.T, text string) {
		e := parseExtensions(text)
		if e.size < -1 {
			t.Errorf("size %d", e.size)
		}
		for _, m := range e.auth {
			if m == "" || m != strings.ToUpper(m) {
				t.Errorf("mechanism %q", m)
			}
		}
	})
}
