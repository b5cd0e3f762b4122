package outbound

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/textproto"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/budkavle/budkavle/internal/base/clock"
)

const oneMail = `
	C: MAIL FROM:<a@example.net> SIZE=22
	C: RCPT TO:<b@example.org>
	C: DATA
	S: 250 ok
	S: 250 ok
	S: 354 go
	M: Subject: hi
	M:
	M: hello
	S: 250 2.0.0 queued
`

func TestSessionIsUsedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := connect(t, greeting+oneMail+`
			C: MAIL FROM:<a@example.net> SIZE=22
			C: RCPT TO:<b@example.org>
			C: DATA
			S: 250 ok
			S: 550 5.1.1 no such user
			S: 554 no valid recipients
			C: RSET
			C: MAIL FROM:<a@example.net> SIZE=22
			C: RCPT TO:<b@example.org>
			C: DATA
			S: 250 reset
			S: 250 ok
			S: 250 ok
			S: 354 go
			M: Subject: hi
			M:
			M: hello
			S: 250 ok
			C: QUIT
			S: 221 bye`)
		for i, want := range []string{"delivered 250", "rcpt 550 5.1.1 permanent", "delivered 250"} {
			got := s.Send(t.Context(), mailTo("b@example.org"))
			if outcomes(got) != want || !s.Usable() || !got.DSN {
				t.Errorf("message %d: got %s, want %s", i, outcomes(got), want)
			}
		}
		s.Quit(t.Context())
		if got := outcomes(s.Send(t.Context(), mailTo("b@example.org"))); got != "mail 451 4.4.2 temporary +lost +stale" {
			t.Errorf("after QUIT: %s", got)
		}
		s.Close()
	})
}

func TestResetOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := connect(t, plainGreeting+`
			C: MAIL FROM:<a@example.net>
			S: 250 ok
			C: RCPT TO:<b@example.org>
			S: 550 no
			C: RSET
			S: 250 ok
			C: MAIL FROM:<a@example.net>
			S: 550 no`)
		defer s.Close()
		for _, want := range []string{"rcpt 550 5.0.0 permanent", "mail 550 5.0.0 permanent"} {
			if got := outcomes(s.Send(t.Context(), mailTo("b@example.org"))); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
	})
}

func TestSessionThatOnlyRefusedIsStaleToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := connect(t, plainGreeting+`
			C: MAIL FROM:<a@example.net>
			S: 550 no
			-- close`)
		defer s.Close()
		for _, want := range []string{"mail 550 5.0.0 permanent", "mail 451 4.4.2 temporary +lost +stale"} {
			if got := outcomes(s.Send(t.Context(), mailTo("b@example.org"))); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
	})
}

func TestSessionClosedWhileIdleIsStale(t *testing.T) {
	tests := map[string]struct{ end, want string }{
		"without a word": {"-- close", "mail 451 4.4.2 temporary +lost +stale"},
		"with 421":       {"S: 421 4.4.2 idle for too long\n-- close", "mail 421 4.4.2 temporary +closing +stale"},
		"in the middle":  {"C: MAIL *\nC: RCPT *\nC: DATA\nS: 250 ok\n-- close", "rcpt 451 4.4.2 temporary +lost"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := connect(t, greeting+oneMail+tt.end)
				defer s.Close()
				for _, want := range []string{"delivered 250", tt.want} {
					if got := outcomes(s.Send(t.Context(), mailTo("b@example.org"))); got != want {
						t.Errorf("got %s, want %s", got, want)
					}
				}
			})
		})
	}
}

func TestTranscript(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := connect(t, plainGreeting+`
			C: MAIL FROM:<a@example.net>
			S: 250 2.1.0 ok
			C: RCPT TO:<b@example.org>
			S: 550-5.1.1 no such
			S: 550 5.1.1 user`)
		defer s.Close()
		s.Send(t.Context(), mailTo("b@example.org"))
		want := `S: 220 mx.example.org
C: EHLO out.example.net
S: 250 mx.example.org
C: MAIL FROM:<a@example.net>
S: 250 2.1.0 ok
C: RCPT TO:<b@example.org>
S: 550-5.1.1 no such
S: 550 5.1.1 user
`
		if diff := cmp.Diff(want, s.Transcript()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestTranscriptIsBoundedAndKeepsItsEnds(t *testing.T) {
	var l transcript
	for i := range 100 {
		l.client(fmt.Sprintf("EHLO %d %s", i, strings.Repeat("h", 30)))
	}
	l.keep()
	if len(l.buf) > headSize || !strings.HasSuffix(l.String(), "\n") || !strings.HasPrefix(l.String(), "C: EHLO 0") {
		t.Fatalf("head:\n%s", l.String())
	}
	for i := range 1000 {
		l.client(fmt.Sprintf("RCPT %d %s", i, strings.Repeat("x", i*3)))
		l.server(Reply{Code: 550, Enhanced: "5.1.1", Text: "no\n" + strings.Repeat("y", i)})
		if len(l.buf) > maxTranscript {
			t.Fatalf("%d octets", len(l.buf))
		}
	}
	if got := l.String(); !strings.HasPrefix(got, "C: EHLO 0") || !strings.HasSuffix(got, "S: 550 5.1.1 "+strings.Repeat("y", 999)+"\n") || strings.Count(got, elided) == 0 {
		t.Errorf("%s", got)
	}
	l.restart()
	if len(l.buf) != l.kept || strings.Contains(l.String(), "RCPT") {
		t.Errorf("after restart:\n%s", l.String())
	}
}

// counting notes how much each write had.
type counting struct {
	canned
	writes []int
}

func (c *counting) Write(p []byte) (int, error) {
	c.writes = append(c.writes, len(p))
	return len(p), nil
}

// Replies are read between groups, so that neither side waits for the other with full buffers (RFC 2920 3.1).
func TestManyRecipientsGoInGroups(t *testing.T) {
	const recipients = 1000
	conn := &counting{canned: canned{says: strings.NewReader(strings.Repeat("250 ok\r\n", 1+recipients) + "354 go\r\n250 ok\r\n")}}
	s := &Session{target: target(), wire: newWire(conn, clock.System{}), timeouts: DefaultTimeouts(), ext: extensions{pipelining: true, size: -1}}
	m, commands := mailTo(), len("MAIL FROM:<a@example.net>\r\nDATA\r\n")
	for i := range recipients {
		m.Recipients = append(m.Recipients, Recipient{Address: fmt.Sprintf("recipient-%03d@example.org", i)})
		commands += len("RCPT TO:<recipient-000@example.org>\r\n")
	}
	for i, r := range s.Send(t.Context(), m).Recipients {
		if r.Err != nil {
			t.Fatalf("recipient %d: %v", i, r.Err)
		}
	}
	groups := conn.writes[:len(conn.writes)-1] // the last is the message
	if len(groups) != commands/groupSize+1 || slices.Max(groups) > groupSize+100 {
		t.Errorf("%d octets of commands went out as %v", commands, groups)
	}
}

// recorder is a connection that keeps what is written.
type recorder struct {
	net.Conn
	bytes.Buffer
	writes int
}

func (r *recorder) Write(p []byte) (int, error) { r.writes++; return r.Buffer.Write(p) }

func (r *recorder) Read([]byte) (int, error) { return 0, io.EOF }

func sent(t interface{ Fatal(...any) }, raw []byte) *recorder {
	ours, theirs := net.Pipe()
	defer func() { _, _ = ours.Close(), theirs.Close() }()
	r := &recorder{Conn: ours}
	w := newWire(ours, clock.System{})
	w.conn = r
	if err := w.message(raw, DefaultTimeouts().Block); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestMessageOnTheWire(t *testing.T) {
	tests := map[string]string{
		"":                    ".\r\n",
		"a\r\n":               "a\r\n.\r\n",
		"a":                   "a\r\n.\r\n",
		".":                   "..\r\n.\r\n",
		".\r\n":               "..\r\n.\r\n",
		"a\r\n.\r\nb\r\n":     "a\r\n..\r\nb\r\n.\r\n",
		"a\r\n..\r\n.b\r\n":   "a\r\n...\r\n..b\r\n.\r\n",
		"\r\n.\r\n.\r\n":      "\r\n..\r\n..\r\n.\r\n",
		"a.b\r\nc.\r\n":       "a.b\r\nc.\r\n.\r\n",
		"a\r\n\r\n.\r\n\r\n":  "a\r\n\r\n..\r\n\r\n.\r\n",
		"line\r\n.signature":  "line\r\n..signature\r\n.\r\n",
		"x\r\n.y\r\nz\r\n.\r": "x\r\n..y\r\nz\r\n..\r\r\n.\r\n",
	}
	for raw, want := range tests {
		if got := sent(t, []byte(raw)).String(); got != want {
			t.Errorf("%q: got %q, want %q", raw, got, want)
		}
	}
}

func TestLongMessagesGoOutInFewWrites(t *testing.T) {
	for size, writes := range map[int]int{4 << 10: 1, outSize - 3: 1, 100 << 10: 2, 1 << 20: 5} {
		raw := bytes.Repeat([]byte("0123456789abcd\r\n"), size/16)
		r := sent(t, raw)
		if r.writes != writes || !bytes.Equal(r.Bytes(), append(raw, ".\r\n"...)) {
			t.Errorf("%d octets: %d writes, want %d", size, r.writes, writes)
		}
	}
}

// What net/textproto, which undoes the dots by its own code, reads is what was sent.
func TestDotsSurvive(t *testing.T) {
	line := rapid.OneOf(rapid.SampledFrom([]string{"", ".", "..", ".a", "a."}), rapid.StringMatching(`[a.]{0,8}`),
		rapid.Map(rapid.IntRange(outSize-4, outSize+4), func(n int) string { return strings.Repeat("x", n) }))
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOfN(line, 1, 12).Draw(t, "lines")
		raw := strings.Join(lines, "\r\n") + "\r\n"
		r := textproto.NewReader(bufio.NewReader(&sent(t, []byte(raw)).Buffer))
		got, err := r.ReadDotBytes()
		if want := strings.ReplaceAll(raw, "\r\n", "\n"); err != nil || string(got) != want {
			t.Fatalf("got %.80q (%v), want %.80q", got, err, want)
		}
	})
}

func TestParseExtensions(t *testing.T) {
	tests := map[string]extensions{
		"mx":                            {size: -1},
		"PIPELINING":                    {size: -1},
		"mx\nPipelining\nsize 100\ndsn": {pipelining: true, size: 100, dsn: true},
		"mx\nSIZE":                      {size: 0},
		"mx\nSIZE x":                    {size: 0},
		"mx\nSIZE -5":                   {size: 0},
		"mx\nSIZE 99999999999999999999": {size: 0},
		"mx\n8bitmime\nSMTPUTF8\nSTARTTLS\nXCLIENT A B": {size: -1, eightBit: true, utf8: true, startTLS: true},
		"mx\nauth plain login\nAUTH=PLAIN CRAM-MD5":     {size: -1, auth: []string{"PLAIN", "LOGIN", "PLAIN", "CRAM-MD5"}},
	}
	for text, want := range tests {
		if diff := cmp.Diff(want, parseExtensions(text), cmp.AllowUnexported(extensions{})); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

// cutOff is a peer that closes while the message is on its way: the third write fails.
type cutOff struct {
	*canned
	writes int
}

func (c *cutOff) Write(p []byte) (int, error) {
	if c.writes++; c.writes == 3 {
		return 0, syscall.ECONNRESET
	}
	return len(p), nil
}

func TestLastWordsOfAPeerThatCutTheMessageOff(t *testing.T) {
	for says, want := range map[string]string{
		"":                                "body 451 4.4.2 temporary +lost",
		"552 5.3.4 too big for us\r\n":    "body 552 5.3.4 permanent",
		"421 4.3.2 shutting down\r\n":     "body 421 4.3.2 temporary +closing",
		"250 ok, before it was sent\r\n":  "body 451 4.4.2 temporary +lost",
		"this is no reply at all, sorry.": "body 451 4.4.2 temporary +lost",
	} {
		script := "220 mx\r\n250-mx\r\n250 PIPELINING\r\n250 ok\r\n250 ok\r\n354 go\r\n" + says
		dial := func(context.Context, netip.Addr, netip.AddrPort) (net.Conn, error) {
			return &cutOff{canned: &canned{says: strings.NewReader(script)}}, nil
		}
		s, err := New(Config{Dial: dial}).Connect(t.Context(), target())
		if err != nil {
			t.Fatal(err)
		}
		if got := outcomes(s.Send(t.Context(), mailTo("b@example.org"))); got != want || s.Usable() {
			t.Errorf("%q: got %s, want %s; usable %v", says, got, want, s.Usable())
		}
		s.Close()
	}
}
