package bounce

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		builtin(b)
	}
}

func BenchmarkReply(b *testing.B) {
	rules := builtin(b)
	for _, s := range []Said{
		{550, "5.1.1", "<anna.andersson@school.example>: Recipient address rejected: User unknown in virtual mailbox table", "mx.school.example", "rcpt"},
		{550, "5.7.26", "Unauthenticated email from school.example is not accepted due to domain's DMARC policy. Please contact the administrator of school.example domain if this was a legitimate mail. To learn about the DMARC initiative, go to https://support.google.com/mail/?p=DmarcRejection 98e67ed59e1d1-2c819db36a9si6099002a91.116 - gsmtp", "gmail-smtp-in.l.google.com", "end"},
		{550, "", "nothing that a rule knows, of some length, which all of them have to look at in vain", "mx.b.example", ""},
	} {
		b.Run(fmt.Sprintf("%d octets", len(s.Text)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				rules.Reply(s)
			}
		})
	}
}

// BenchmarkMail reads all labelled mails.
func BenchmarkMail(b *testing.B) {
	rules := builtin(b)
	var mails [][]byte
	size := 0
	for _, f := range sortedKeys(labels(b)) {
		raw, err := os.ReadFile(filepath.Join(collected, f))
		if err != nil {
			b.Fatal(err)
		}
		mails, size = append(mails, raw), size+len(raw)
	}
	b.SetBytes(int64(size / len(mails)))
	for i := 0; b.Loop(); i++ {
		rules.Mail(mails[i%len(mails)])
	}
}

const mebi = 1 << 20

// hostile are mails of 1 MiB that make readers work, by what they abuse.
func hostile() map[string][]byte {
	head := "From: MAILER-DAEMON@b.example\r\nSubject: failure notice\r\n"
	fill := func(head, s string) []byte {
		return []byte(head + strings.Repeat(s, (mebi-len(head))/len(s)))
	}
	var deep, nested, listed bytes.Buffer
	for i := 0; deep.Len() < mebi; i++ {
		fmt.Fprintf(&deep, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i)
	}
	listed.WriteString(head + "\n")
	for i := range 600 {
		fmt.Fprintf(&listed, "<a%d@b.example>\n", i)
	}
	listed.Write(fill("", "what was said of them\n"))
	for nested.Len() < mebi {
		nested.WriteString(head + "Content-Type: message/rfc822\n\n")
	}
	encoded := base64.StdEncoding.EncodeToString(fill("", "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n"))
	return map[string][]byte{
		"addresses":         fill(head+"\r\n", "<a@b.example>:\r\n"),
		"one line":          fill(head+"\r\n", "a@b.example "),
		"at signs":          fill(head+"\r\n", "@"),
		"dots":              fill(head+"\r\n", "a@b."),
		"recipients":        fill(head+"Content-Type: message/delivery-status\r\n\r\n", "Final-Recipient: rfc822; a@b.example\r\nAction: failed\r\nDiagnostic-Code: smtp; 550 no\r\n\r\n"),
		"recipients inline": fill(head+"\r\n\nReporting-MTA: dns; x\n", "\nFinal-Recipient: rfc822; a@b.example\nAction: failed\n"),
		"a list":            listed.Bytes(),
		"multiparts":        deep.Bytes(),
		"messages":          nested.Bytes(),
		"parts":             fill(head+"Content-Type: multipart/mixed; boundary=b\r\n\r\n", "--b\r\n\r\nx\r\n"),
		"half delimiters":   fill(head+"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n", "--b"),
		"tags":              fill(head+"Content-Type: text/html\r\n\r\n", "<style><p "),
		"files":             fill(head+strings.Repeat("X-Failed-Recipients: a@b.example, c@d.example\r\n", 5000)+"Content-Type: message/delivery-status\r\n\r\n", "Final-Recipient: /dev/null\r\nAction: failed\r\n\r\n"),
		"header":            fill(head, "X-Failed-Recipients: a@b.example, c@d.example\r\n"),
		"folded header":     fill(head+"X: y\r\n", " z\r\n"),
		"base64":            []byte(head + "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" + encoded),
		"feedback":          fill(head+"Content-Type: message/feedback-report\r\n\r\n", "Original-Rcpt-To: a@b.example\r\n"),
		"written messages":  fill("", "Received: x\n\nReceived: y\n"),
		"escapes":           fill(head+"Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n", "\x1b$B\x1b(B"),
		"quoted-printable":  fill(head+"Content-Transfer-Encoding: quoted-printable\r\n\r\n", "=\r\n"),
		"subject":           fill("Subject: ", "=?koi8-r?q?x?= "),
	}
}

// TestHostileMails wants no more than 64 MiB for a mail of 1 MiB. BenchmarkHostileMails measures the time.
func TestHostileMails(t *testing.T) {
	rules := builtin(t)
	for name, raw := range hostile() {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			rules.Mail(raw)
			runtime.ReadMemStats(&after)
			if used := after.TotalAlloc - before.TotalAlloc; used > 64*mebi {
				t.Errorf("%d MiB", used/mebi)
			}
		})
	}
}

func BenchmarkHostileMails(b *testing.B) {
	rules := builtin(b)
	mails := hostile()
	for _, name := range sortedKeys(mails) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				rules.Mail(mails[name])
			}
		})
	}
}
