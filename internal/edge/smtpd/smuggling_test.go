package smtpd

import (
	"bytes"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// smuggled is a second message that the first one carries behind an end that is none.
const smuggled = "MAIL FROM:<mallory@example.net>\r\nRCPT TO:<victim@example.org>\r\nDATA\r\nFrom: mallory\r\n\r\nsmuggled\r\n.\r\nQUIT\r\n"

// ends are taken for the end of a message by one server or another (SMTP smuggling, 2023; CVE-2023-51764 and its kin).
var ends = []string{
	"\n.\n", "\n.\r\n", "\r\n.\n", "\n.\r", "\r\n.\r", "\r.\r", "\r.\n", "\r.\r\n", "\r\r\n.\r\r\n", "\r\n.\r\r\n", "\r\n.\r \r\n", "\r\n.\r\r.\r\n",
	"\r\n\x00.\r\n", "\r\n.\x00\r\n", "\r\x00\n.\r\n", "\r\n.\r\x00\n", "\n\n.\r\n", "\r\n\n.\n\r\n", "\r\n\r.\r\n", "\n\r.\n\r", "\x00.\n",
}

func TestOnlyOneEndEndsAMessage(t *testing.T) {
	const refusal = "S: 550 5.6.11 The message has a *\n"
	begin := "C: MAIL FROM:<a@example.net>\nC: RCPT TO:<b@example.org>\n"
	for _, end := range ends {
		t.Run(strconv.Quote(end), func(t *testing.T) {
			text := "From: a@example.net\r\n\r\nhello" + end + smuggled[:strings.Index(smuggled, "\r\n.\r\n")+2]
			inBubble(t, func(w *world) {
				c := w.ehlo()
				defer c.close()
				c.play(begin + "C: DATA\nS: 250 *\nS: 250 *\nS: 354 *\nR: " + strconv.Quote(text+".\r\n") + "\n" + refusal +
					"-- quiet\nC: NOOP\nS: 250 2.0.0 Ok\n")
				// The same by BDAT, in one chunk and in chunks of one octet.
				c.play(begin + "S: 250 *\nS: 250 *\nR: " + strconv.Quote("BDAT "+strconv.Itoa(len(text))+" LAST\r\n"+text) + "\n" + refusal)
				c.play(begin + "S: 250 *\nS: 250 *\n")
				for _, octet := range []byte(end) {
					c.play("R: " + strconv.Quote("BDAT 1\r\n"+string(rune(octet))) + "\nS: 250 2.0.0 1 octets received\n")
				}
				c.play("C: BDAT 0 LAST\n" + refusal + "-- quiet\nC: NOOP\nS: 250 2.0.0 Ok\n")
				if got := w.box.texts(); got != nil {
					t.Errorf("kept %q", got)
				}
			})
		})
	}
}

func TestTheTrueEndEndsAMessage(t *testing.T) {
	inBubble(t, func(w *world) {
		w.play("S: 220 *\nC: EHLO x\n-- greeting\nC: MAIL FROM:<a@example.net>\nC: RCPT TO:<b@example.org>\nC: DATA\nS: 250 *\nS: 250 *\nS: 354 *\nR: " +
			strconv.Quote("From: a\r\n\r\n..\r\n.\r\n"+smuggled) + "\nS: 250 2.0.0 Queued as 1\nS: 250 *\nS: 250 *\nS: 354 *\nS: 250 2.0.0 Queued as 2\nS: 221 *\n-- closed")
		if got := w.box.texts(); len(got) != 2 || got[0] != "From: a\r\n\r\n.\r\n" || got[1] != "From: mallory\r\n\r\nsmuggled\r\n" {
			t.Errorf("kept %q", got)
		}
	})
}

// canned is a client that says what it was given, in pieces, whatever it hears, and then closes.
type canned struct {
	net.Conn
	says  []byte
	piece int
	heard bytes.Buffer
}

func (c *canned) Read(p []byte) (int, error) {
	n := copy(p, c.says[:min(c.piece, len(c.says))])
	c.says = c.says[n:]
	if n == 0 {
		return 0, net.ErrClosed
	}
	return n, nil
}
func (c *canned) Write(p []byte) (int, error)      { return c.heard.Write(p) }
func (c *canned) Close() error                     { return nil }
func (c *canned) SetReadDeadline(time.Time) error  { return nil }
func (c *canned) SetWriteDeadline(time.Time) error { return nil }
func (c *canned) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)} }

// speak runs a session with a client that says all this, and returns its replies.
func speak(s *Server, says []byte, piece int) []string {
	c := &canned{says: says, piece: piece}
	newSession(s, c).run(false)
	return strings.SplitAfter(c.heard.String(), "\r\n")
}

// For any octets after DATA, what follows the first CRLF.CRLF, and nothing before it, is read as commands; and the
// message is kept exactly if it is clean.
func TestWhatEndsAMessageIsAPropertyOfItsOctets(t *testing.T) {
	p := newProps(t)
	pieces := append(slices.Clone(ends), "\r\n.\r\n", "\r\n", ".", "..", "\r", "\n", "\x00", "x", "NOOP\r\n", "RSET\r\n", strings.Repeat("y", 20_000))
	rapid.Check(t, func(rt *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 12).Draw(rt, "text"), "")
		w := newWorld(t, p)
		defer w.stop()
		const head = "EHLO x\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"
		replies := speak(w.server, []byte(head+text+"\r\n.\r\nHELP\r\n"), rapid.IntRange(1, 40_000).Draw(rt, "piece"))
		replies = replies[12:] // greeting, EHLO (nine lines), MAIL, RCPT; then 354

		whole := "\r\n" + text + "\r\n.\r\n"
		at := strings.Index(whole, "\r\n.\r\n")
		message := strings.ReplaceAll(whole[:at+2], "\r\n.", "\r\n")[2:]
		clean := strings.Count(message, "\r\n") == strings.Count(message, "\r") && strings.Count(message, "\r\n") == strings.Count(message, "\n") && !strings.Contains(message, "\x00")
		want := "550 5.6.11 "
		if clean {
			want = "250 2.0.0 Queued"
		}
		if !strings.HasPrefix(replies[0], "354 ") || !strings.HasPrefix(replies[1], want) {
			rt.Fatalf("after %q: %q, want %q", text, replies, want)
		}
		if got := w.box.texts(); clean && (len(got) != 1 || got[0] != message) || !clean && got != nil {
			rt.Fatalf("kept %q, want %q", got, message)
		}
		// The commands that follow are the octets that follow: one that began in the message would give a reply more.
		after := (whole[at+5:] + "HELP\r\n")
		if !strings.Contains(after, "\n") {
			return
		}
		n := 0
		for line := range strings.Lines(after) {
			n++
			if !strings.HasSuffix(line, "\r\n") {
				break // a bare LF ends the session
			}
		}
		if got := len(replies) - 3; got != n {
			rt.Fatalf("%d replies to %q: %q", got, after, replies[2:])
		}
	})
}
