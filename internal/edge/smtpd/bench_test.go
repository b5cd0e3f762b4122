package smtpd

import (
	"bytes"
	"strings"
	"testing"
)

// BenchmarkSession is what a message of 4 KiB costs on the way through a session that carries many, the handler apart.
func BenchmarkSession(b *testing.B) {
	text := "Subject: x\r\n\r\n" + strings.Repeat(strings.Repeat("x", 70)+"\r\n", 4096/72) + ".\r\n"
	message := []byte("MAIL FROM:<a@example.net> SIZE=4096\r\nRCPT TO:<b@example.org>\r\nDATA\r\n" + text)
	const messages = 100
	says := append([]byte("EHLO x\r\n"), bytes.Repeat(message, messages)...)
	w := newWorld(b, newProps(b))
	defer w.stop()
	b.ReportAllocs()
	b.SetBytes(int64(len(message)))
	for n := 0; n < b.N; n += messages {
		speak(w.server, says, 4096)
		w.box.messages = w.box.messages[:0]
	}
}
