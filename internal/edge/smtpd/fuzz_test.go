package smtpd

import (
	"bytes"
	"crypto/tls"
	"regexp"
	"strings"
	"testing"
)

// states are what a client has said before it says anything. In "tls" it is within TLS, which this client plays without.
var states = []struct {
	said string
	tls  bool
}{
	{"", false},                                                     // connected
	{"EHLO x\r\n", false},                                           // greeted
	{"EHLO x\r\nAUTH PLAIN\r\n", false},                             // in an exchange
	{"EHLO x\r\nAUTH LOGIN YW5uYQ==\r\n", false},                    // in the middle of one
	{"EHLO x\r\nAUTH SCRAM-SHA-256\r\n", false},                     // in one that has more of them
	{"EHLO x\r\nAUTH PLAIN AGFubmEAaGVtbGln\r\n", false},            // logged in
	{"EHLO x\r\nMAIL FROM:<a@example.net>\r\n", false},              // after MAIL
	{"HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\n", true}, // after RCPT
	{"EHLO x\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n", false},
	{"EHLO x\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<b@example.org>\r\nBDAT 5\r\nFrom:", false},
	// In a chunk that what comes may fill.
	{"EHLO x\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<b@example.org>\r\nBDAT 10 LAST\r\n", false},
	{"EHLO x\r\nSTARTTLS\r\n", false}, // what comes is taken for a handshake
	{"EHLO x\r\n", true},              // after STARTTLS
	{"EHLO x\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<b@example.org>\r\nDATA\r\nx\r\n.\r\n", true},
}

// FuzzSession lets a client say anything in any state. The session ends, all it says is well formed, and what it keeps is
// exactly what it has answered with 250, clean text.
func FuzzSession(f *testing.F) {
	for state := range states {
		for _, s := range []string{
			"", "QUIT\r\n", "MAIL FROM:<a@example.net> SIZE=9 BODY=8BITMIME\r\nRCPT TO:<b@example.org> NOTIFY=NEVER ORCPT=rfc822;b+2B\r\nDATA\r\nFrom: a\r\n.\r\n",
			"BDAT 3 LAST\r\nabcQUIT\r\n", "x\r\n.\r\nNOOP\r\nEHLO x\r\n", "AGFubmEAaGVtbGln\r\n", "biwsbj1hbm5hLHI9ZnlrbytkMmxiYkZnT05Sdg==\r\nYz1iaXdzLHI9eCxwPXg=\r\n*\r\n",
			"\r\n\r.\r\n\n.\n\r\n.\r\n", "RSET\r\nVRFY a\r\nHELP\r\nSTARTTLS\r\n\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", "RCPT TO:<\xff>\r\n", "HELO \x00\r\n",
		} {
			f.Add(byte(state), uint16(7), []byte(s))
		}
	}
	p := newProps(f)
	line := regexp.MustCompile(`^[2345][0-9]{2}[ -][ -~]*\r\n$`)
	f.Fuzz(func(t *testing.T, state byte, piece uint16, says []byte) {
		w := newWorld(t, p, inTheClear)
		begin := states[int(state)%len(states)]
		c := &canned{says: append([]byte(begin.said), says...), piece: int(piece) + 1}
		s := newSession(w.server, c)
		if begin.tls {
			s.tls, s.peer.TLS = &tls.ConnectionState{Version: tls.VersionTLS12}, "TLS 1.2"
		}
		s.run(false)
		w.stop()
		heard, handshake, _ := bytes.Cut(c.heard.Bytes(), []byte("220 2.0.0 Go ahead\r\n"))
		if len(handshake) > 0 && !bytes.HasPrefix(handshake, []byte{0x15}) && !bytes.HasPrefix(handshake, []byte{0x16}) {
			t.Errorf("in the clear after STARTTLS: %q", handshake)
		}
		kept := 0
		for reply := range strings.Lines(string(heard)) {
			if !line.MatchString(reply) || len(reply) > 512 {
				t.Fatalf("reply %q", reply)
			}
			if strings.HasPrefix(reply, "250 2.0.0 Queued") {
				kept++
			}
		}
		for _, text := range w.box.texts() {
			kept--
			if n := strings.Count(text, "\r\n"); n != strings.Count(text, "\r") || n != strings.Count(text, "\n") || strings.Contains(text, "\x00") {
				t.Errorf("kept %q", text)
			}
		}
		if kept != 0 {
			t.Errorf("%d messages were promised and not kept: %q", kept, heard)
		}
	})
}
