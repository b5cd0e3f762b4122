package outbound

import (
	"strconv"
	"strings"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// mailCommand is MAIL with the parameters that the peer offers.
func (t *transaction) mailCommand() string {
	b := make([]byte, 0, 128)
	b = append(b, "MAIL FROM:<"...)
	b = append(b, t.mail.From...)
	b = append(b, '>')
	if t.ext.size >= 0 {
		b = append(b, " SIZE="...) // RFC 1870 5
		b = strconv.AppendInt(b, int64(len(t.mail.Raw)), 10)
	}
	if t.ext.eightBit && (t.mail.EightBit || t.mail.UTF8) {
		b = append(b, " BODY=8BITMIME"...) // RFC 6152 2
	}
	if t.ext.utf8 && t.needsUTF8() {
		b = append(b, " SMTPUTF8"...) // RFC 6531 3.4
	}
	if t.ext.dsn {
		if t.mail.Return != "" {
			b = append(b, " RET="...) // RFC 3461 4.3
			b = append(b, t.mail.Return...)
		}
		if t.mail.EnvelopeID != "" {
			b = append(b, " ENVID="...)
			b = smtp.AppendXtext(b, t.mail.EnvelopeID)
		}
	}
	return string(b)
}

// rcptCommand is RCPT with the parameters of RFC 3461 4.1 and 4.2 if the peer offers DSN.
func (t *transaction) rcptCommand(i int) string {
	r := &t.mail.Recipients[i]
	b := make([]byte, 0, 96)
	b = append(b, "RCPT TO:<"...)
	b = append(b, r.Address...)
	b = append(b, '>')
	if t.ext.dsn {
		if n := notifyWords(r.Notify); n != "" {
			b = append(b, " NOTIFY="...)
			b = append(b, n...)
		}
		if r.ORcpt != "" && ascii(r.ORcpt) && printable(r.ORcpt) && !strings.Contains(r.ORcpt, " ") {
			b = append(b, " ORCPT="...)
			b = append(b, r.ORcpt...)
		}
	}
	return string(b)
}

// unfit finds what is wrong with a recipient before the peer is asked.
func (t *transaction) unfit(i int) *Error {
	a := t.mail.Recipients[i].Address
	switch {
	case a == "" || !printable(a):
		return &Error{Stage: StageRcpt, Err: smtp.Errorf(501, "5.1.3", "The recipient's address is empty or has a control character")}
	case !t.ext.utf8 && !ascii(a): // RFC 6531 3.2
		return &Error{Stage: StageRcpt, Err: smtp.Errorf(550, "5.6.7",
			"The address needs SMTPUTF8, which %s does not offer", t.target.name())}
	}
	return nil
}

func (t *transaction) needsUTF8() bool {
	if t.mail.UTF8 || !ascii(t.mail.From) {
		return true
	}
	for i := range t.mail.Recipients {
		if !ascii(t.mail.Recipients[i].Address) {
			return true
		}
	}
	return false
}

func notifyWords(n model.Notify) string {
	if n&model.NotifyNever != 0 {
		return "NEVER" // RFC 3461 4.1: alone
	}
	words := make([]string, 0, 3)
	for _, w := range [...]struct {
		flag model.Notify
		word string
	}{{model.NotifySuccess, "SUCCESS"}, {model.NotifyFailure, "FAILURE"}, {model.NotifyDelay, "DELAY"}} {
		if n&w.flag != 0 {
			words = append(words, w.word)
		}
	}
	return strings.Join(words, ",")
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// printable reports whether s has no control characters, so that it cannot end its command.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return false
		}
	}
	return true
}
