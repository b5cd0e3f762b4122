package smtpd

import (
	"strconv"
	"strings"
	"testing"
)

const envelope = "C: MAIL FROM:<a@example.net>\nC: RCPT TO:<b@example.org>\nS: 250 *\nS: 250 *\n"

func chunk(text string, last ...string) string {
	return "R: " + strconv.Quote(strings.Join(append([]string{"BDAT", strconv.Itoa(len(text))}, last...), " ")+"\r\n"+text) + "\n"
}

func TestBDAT(t *testing.T) {
	long := strings.Repeat("å", 30_000) + "\r\n"
	tests := map[string]struct {
		script string
		want   string // the messages kept
	}{
		"one chunk": {envelope + chunk("Subject: x\r\n\r\n.\r\n.\r\n", "LAST") + "S: 250 2.0.0 Queued as 1\n", "Subject: x\r\n\r\n.\r\n.\r\n"},
		"many chunks, pipelined": {
			envelope + chunk("Subject: x\r") + chunk("\n\r\n") + chunk(long) + chunk("", "last") + "C: NOOP\n" +
				"S: 250 2.0.0 11 octets received\nS: 250 2.0.0 3 octets received\nS: 250 2.0.0 60002 octets received\nS: 250 2.0.0 Queued as 1\nS: 250 2.0.0 Ok\n",
			"Subject: x\r\n\r\n" + long,
		},
		"what looks like commands and ends": {envelope + chunk("QUIT\r\n.\r\nRSET\r\n") + "S: 250 *\n" + chunk("x", "LAST") + "S: 250 *\n", "QUIT\r\n.\r\nRSET\r\nx"},
		"after MAIL alone": {
			"C: MAIL FROM:<a@example.net>\nS: 250 *\n" + chunk("NOOP\r\n", "LAST") + "S: 503 5.5.1 No recipient was accepted\n-- quiet\n" +
				"C: MAIL FROM:<a@example.net>\nS: 250 *\n", "",
		},
		"after a recipient that is refused": {
			"R: " + strconv.Quote("MAIL FROM:<a@example.net>\r\nRCPT TO:<no-one@example.org>\r\nBDAT 6\r\nNOOP\r\nBDAT 6 LAST\r\nRSET\r\n") +
				"\nS: 250 *\nS: 550 5.1.1 *\nS: 503 5.5.1 No recipient was accepted\nS: 503 5.5.1 Say MAIL first\n-- quiet\n", "",
		},
		"DATA and others between": {
			envelope + chunk("x\r\n") + "S: 250 *\nC: DATA\nS: 503 5.5.1 A BDAT message is under way*\nC: RCPT TO:<c@example.org>\nS: 503 5.5.1 A BDAT *\n" +
				"C: MAIL FROM:<c@example.net>\nS: 503 5.5.1 A transaction is open*\nC: NOOP\nS: 250 *\n" + chunk("y\r\n", "LAST") + "S: 250 2.0.0 Queued as 1\n", "x\r\ny\r\n",
		},
		"given up by RSET": {envelope + chunk("x") + "S: 250 *\nC: RSET\nS: 250 *\n" + envelope + chunk("y", "LAST") + "S: 250 *\n", "y"},
		"given up by EHLO": {envelope + chunk("x") + "S: 250 *\nC: EHLO x\n-- greeting\n" + envelope + chunk("y", "LAST") + "S: 250 *\n", "y"},
		"given up by QUIT": {envelope + chunk("x") + "S: 250 *\nC: QUIT\nS: 221 *\n-- closed\n", ""},
		"put off":          {"C: MAIL FROM:<full@example.net>\nC: RCPT TO:<b@example.org>\nS: 250 *\nS: 250 *\n" + chunk("x", "LAST") + "S: 452 4.3.1 *\n", ""},
		"too large": {
			envelope + chunk(strings.Repeat("x", 1<<20)) + chunk("y") + chunk("z", "LAST") + "S: 250 *\nS: 552 5.3.4 *\nS: 503 5.5.1 Say MAIL first\n-- quiet\nC: NOOP\nS: 250 *\n", "",
		},
		"far too large":   {envelope + "C: BDAT 3145729 LAST\nS: 552 5.3.4 *\n-- closed\n", ""},
		"without an end":  {envelope + "R: \"BDAT 281474976710655\\r\\nxxx\"\nS: 552 5.3.4 *\n-- closed\n", ""},
		"no number":       {envelope + "R: \"BDAT all LAST\\r\\nQUIT\\r\\n\"\nS: 501 5.5.4 BDAT takes *\n-- closed\n", ""},
		"negative":        {envelope + "C: BDAT -1\nS: 501 *\n-- closed\n", ""},
		"another word":    {envelope + "C: BDAT 1 FIRST\nS: 501 *\n-- closed\n", ""},
		"nothing":         {envelope + "C: BDAT\nS: 501 *\n-- closed\n", ""},
		"a CR at the end": {envelope + chunk("x\r", "LAST") + "S: 550 5.6.11 *\n", ""},
		"client closes":   {envelope + chunk("x") + "S: 250 *\nR: \"BDAT 10 LAST\\r\\n12345\"\n", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				w.play("S: 220 *\nC: EHLO x\n-- greeting\n" + tt.script)
				w.stop()
				if got := strings.Join(w.box.texts(), "|"); got != tt.want {
					t.Errorf("kept %q, want %q", got, tt.want)
				}
			})
		})
	}
}

// A client that sends a large message in chunks of the usual size is no idler; one that sends it octet by octet is.
func TestChunksAreProgressIfTheyAreLarge(t *testing.T) {
	inBubble(t, func(w *world) {
		w.play("S: 220 *\nC: EHLO x\n-- greeting\n" + envelope + strings.Repeat(chunk(strings.Repeat("x", goodChunk))+"S: 250 *\n", 2*maxFruitless) + chunk("", "LAST") + "S: 250 *\n")
		w.play("S: 220 *\nC: EHLO x\n-- greeting\n" + envelope + strings.Repeat(chunk("x")+"S: 250 *\n", maxFruitless-2) + chunk("x") + "S: 421 4.7.0 *\n-- closed\n")
	})
}
