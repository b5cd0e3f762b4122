package lab

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// movable is a clock that a test moves; its timers are real.
type movable struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *movable { return &movable{now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)} }

func (c *movable) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *movable) NewTimer(d time.Duration) *time.Timer { return time.NewTimer(d) }

func (c *movable) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// start runs a lab of a zone text.
func start(t *testing.T, zone string, c *movable) *Lab {
	t.Helper()
	z, err := ParseZone(zone)
	if err != nil {
		t.Fatal(err)
	}
	l, err := Start(t.Context(), Config{Zone: z, Clock: c})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Stop(context.Background()); err != nil {
			t.Errorf("Stop: %v", err)
		}
	})
	return l
}

// one is a zone of one provider with one server; what is given goes into its tables.
func one(provider, server string) string {
	return "greylist = \"3s\"\nreturn_after = \"0s\"\n[[provider]]\nname = \"One\"\ndomains = [\"one.example\"]\n" + provider +
		"\n[[provider.server]]\nhost = \"mx.one.example\"\naddresses = [\"127.0.9.1\"]\n" + server
}

// dial connects to the only server of a lab.
func dial(t *testing.T, l *Lab) net.Conn {
	t.Helper()
	for addr := range l.Servers() {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	t.Fatal("the lab has no server")
	return nil
}

// talk plays a dialogue: "C: " lines are sent, "S: " lines are the beginnings of replies, whose continuation lines are
// passed over; "S: -" is the end of the connection.
func talk(t *testing.T, conn net.Conn, dialogue string) {
	t.Helper()
	r := bufio.NewReader(conn)
	for _, line := range strings.Split(strings.TrimSpace(dialogue), "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if text, ok := strings.CutPrefix(line, "C:"); ok {
			if _, err := io.WriteString(conn, strings.TrimPrefix(text, " ")+"\r\n"); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			continue
		}
		want := strings.TrimPrefix(line, "S: ")
		got, err := reply(r)
		switch {
		case want == "-":
			if err != io.EOF && !errors.Is(err, syscall.ECONNRESET) {
				t.Fatalf("the connection is still there: %q, %v", got, err)
			}
		case err != nil || !strings.HasPrefix(got, want):
			t.Fatalf("the server said %q, %v; want %q", got, err, want)
		}
	}
}

func reply(r *bufio.Reader) (string, error) {
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return line, err
		}
		if len(line) > 3 && line[3] == '-' {
			continue
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
}

const hello = `
	S: 220 mx.one.example
	C: EHLO node.example
	S: 250
`

func TestMailboxesBehaveAsTheirMixSays(t *testing.T) {
	message := `
		C: DATA
		S: 354
		C: Message-ID: <1@school.example>
		C: Subject: hej
		C:
		C: hej
		C: .
	`
	envelope := `
		C: MAIL FROM:<b1@bounce.example>
		S: 250
		C: RCPT TO:<anna@one.example>
	`
	tests := []struct {
		mix      string
		dialogue string // then 4 seconds pass
		later    string
		received int
		final    Final
		deferred bool
	}{
		{"accepts = 1", envelope + "S: 250" + message + "S: 250", "", 1, Delivered, false},
		{"unknown = 1", envelope + "S: 550 5.1.1", "", 0, Bounced, false},
		{"full = 1", envelope + "S: 452 4.2.2", envelope + "S: 552 5.2.2", 0, Bounced, true},
		{"greylists = 1", envelope + "S: 451 4.7.1\nC: RSET\nS: 250\n" + envelope + "S: 451 4.7.1", envelope + "S: 250" + message + "S: 250", 1, Delivered, true},
		{"spam = 1", envelope + "S: 250" + message + "S: 554 5.7.1", "", 0, Bounced, false},
		{"drops = 1", envelope + "S: 250" + message + "S: -", envelope + "S: 250" + message + "S: 250", 1, Delivered, true},
		{"returns = 1", envelope + "S: 250" + message + "S: 250", "", 1, Returned, false},
		{"loses = 1", envelope + "S: 250" + message + "S: 250", "", 0, Delivered, false},
	}
	for _, tt := range tests {
		t.Run(tt.mix, func(t *testing.T) {
			c := newClock()
			l := start(t, one("mix = { "+tt.mix+" }", ""), c)
			talk(t, dial(t, l), hello+tt.dialogue)
			c.move(4 * time.Second)
			if tt.later != "" {
				talk(t, dial(t, l), hello+tt.later)
			}
			if n := l.Received("1@school.example", "anna@ONE.example"); n != tt.received {
				t.Errorf("received %d times, want %d", n, tt.received)
			}
			o, ok := l.Expect("anna@one.example")
			if !ok || o.Final != tt.final || o.Deferred != tt.deferred || string(o.Behaviour)+" = 1" != tt.mix {
				t.Errorf("Expect = %+v, %v", o, ok)
			}
			if total := l.Report().Total(); total.Received != tt.received || total.Doubled != 0 {
				t.Errorf("report %+v", total)
			}
		})
	}
}

func TestWhatHangsOnTheMessageGetsATransactionOfItsOwn(t *testing.T) {
	l := start(t, one("mix = { spam = 1 }", ""), newClock())
	talk(t, dial(t, l), hello+`
		C: MAIL FROM:<b1@bounce.example>
		S: 250
		C: RCPT TO:<anna@one.example>
		S: 250
		C: RCPT TO:<erik@one.example>
		S: 452 4.5.3
	`)
}

func TestDoubledMailIsCounted(t *testing.T) {
	l := start(t, one("", ""), newClock())
	again := `
		C: MAIL FROM:<b1@bounce.example>
		S: 250
		C: RCPT TO:<anna@one.example>
		S: 250
		C: RCPT TO:<erik@one.example>
		S: 250
		C: DATA
		S: 354
		C: Message-ID: <1@school.example>
		C:
		C: .
		S: 250
	`
	talk(t, dial(t, l), hello+again+again)
	r := l.Report()
	if total := r.Total(); total.Received != 2 || total.Doubled != 2 || total.Messages != 2 || total.DKIMNone != 2 {
		t.Errorf("report %+v", total)
	}
	if len(r.Doubled) != 2 || r.Doubled[0] != (Delivery{MessageID: "1@school.example", Recipient: "anna@one.example"}) {
		t.Errorf("doubled: %v", r.Doubled)
	}
	if n := l.Received("1@school.example", "erik@one.example"); n != 2 {
		t.Errorf("received %d times", n)
	}
}

func TestMailForOthersIsAStray(t *testing.T) {
	l := start(t, one("", ""), newClock())
	talk(t, dial(t, l), hello+`
		C: MAIL FROM:<b1@bounce.example>
		S: 250
		C: RCPT TO:<anna@two.example>
		S: 550 5.7.1
	`)
	if s := l.Report().Strays; len(s) != 1 || s[0].Recipient != "anna@two.example" {
		t.Errorf("strays: %v", s)
	}
	if _, ok := l.Expect("anna@two.example"); ok {
		t.Error("Expect knows a domain that is not there")
	}
}

func TestServersHaveLimits(t *testing.T) {
	t.Run("connections", func(t *testing.T) {
		l := start(t, one("", "max_connections = 1"), newClock())
		first := dial(t, l)
		talk(t, first, hello)
		talk(t, dial(t, l), "S: 421 4.7.0\nS: -")
		talk(t, first, "C: QUIT\nS: 221\nS: -")
		talk(t, dial(t, l), hello)
		if total := l.Report().Total(); total.Connections != 2 || total.Refused != 1 {
			t.Errorf("report %+v", total)
		}
	})
	t.Run("rate", func(t *testing.T) {
		c := newClock()
		l := start(t, one("", "rate = 1"), c)
		mail := "C: MAIL FROM:<a@school.example>\n"
		talk(t, dial(t, l), hello+mail+"S: 250\nC: RSET\nS: 250\n"+mail+"S: 421 4.7.28\nS: -")
		c.move(time.Second)
		talk(t, dial(t, l), hello+mail+"S: 250")
	})
	t.Run("refuses", func(t *testing.T) {
		l := start(t, one("", "refuses = true"), newClock())
		if s := l.Servers(); len(s) != 0 {
			t.Errorf("listens on %v", s)
		}
		if o, _ := l.Expect("anna@one.example"); o.Final != Waiting {
			t.Errorf("Expect = %+v", o)
		}
	})
	t.Run("slow until stopped", func(t *testing.T) {
		l := start(t, one("", "delay = \"1m\""), newClock())
		talk(t, dial(t, l), hello+"C: MAIL FROM:<a@school.example>")
		if err := l.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestTLSWorksOrIsAbsentOrBroken(t *testing.T) {
	upgrade := func(t *testing.T, l *Lab) error {
		conn := dial(t, l)
		talk(t, conn, hello+"C: STARTTLS\nS: 220")
		secure := tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
		if err := secure.Handshake(); err != nil {
			return err
		}
		talk(t, secure, `
			C: EHLO node.example
			S: 250
			C: MAIL FROM:<a@school.example>
			S: 250
			C: RCPT TO:<anna@one.example>
			S: 250
			C: DATA
			S: 354
			C: Message-ID: <1@school.example>
			C:
			C: .
			S: 250
		`)
		return nil
	}
	works := start(t, one("", ""), newClock())
	if err := upgrade(t, works); err != nil || works.Report().Total().Encrypted != 1 {
		t.Errorf("%v, report %+v", err, works.Report().Total())
	}
	stop(t, works)
	broken := start(t, one("", `tls = "broken"`), newClock())
	if err := upgrade(t, broken); err == nil {
		t.Error("the broken handshake went through")
	}
	stop(t, broken)
	talk(t, dial(t, start(t, one("", `tls = "none"`), newClock())), hello+"C: STARTTLS\nS: 502")
}

// stop frees the addresses for another lab in the same test.
func stop(t *testing.T, l *Lab) {
	t.Helper()
	if err := l.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestStartRefusesWhatIsNotLoopback(t *testing.T) {
	z := BuiltinZone()
	for _, addr := range []string{"192.0.2.1:53", "0.0.0.0:5353", "[::]:53", "lab.example:53", "127.0.0.1"} {
		if l, err := Start(t.Context(), Config{Zone: z, DNS: addr}); err == nil {
			stop(t, l)
			t.Errorf("DNS on %s was started", addr)
		}
	}
	l := start(t, one("", ""), newClock())
	if err := l.ReturnTo("192.0.2.1:25"); err == nil {
		t.Error("reports would go to the world")
	}
	if err := l.Publish("a.example. A 192.0.2.1"); err == nil {
		t.Error("an address of the world was published")
	}
}

func TestStartUndoesWhatItBegan(t *testing.T) {
	l := start(t, one("", ""), newClock())
	z, err := ParseZone(one("", ""))
	if err != nil {
		t.Fatal(err)
	}
	second, err := Start(t.Context(), Config{Zone: z, DNS: l.DNSAddr()})
	if err == nil {
		stop(t, second)
		t.Fatal("two labs have one DNS address")
	}
	if !strings.Contains(err.Error(), "DNS server") || !strings.Contains(err.Error(), l.DNSAddr()) {
		t.Errorf("error %v", err)
	}
}
