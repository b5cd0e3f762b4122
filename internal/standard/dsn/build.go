package dsn

import (
	"bytes"
	"fmt"
	"mime/quotedprintable"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/standard/message"
)

// Notification is a report on its way to a sender.
type Notification struct {
	Report
	Hostname  string    // the host that reports, as people read it
	From      string    // where the report comes from; its envelope sender is null all the same (RFC 3464 2)
	To        string    // the envelope sender of the message
	MessageID string    // of the report, without angle brackets
	Date      time.Time // of the report

	// About the message.
	Subject  string // decoded
	AboutID  string // its Message-ID without angle brackets; may be empty
	Original []byte // the message, or its header; nil: nothing is returned
	Full     bool   // return all of Original (RFC 3461 4.3: RET=FULL) and not just its header
}

// Build writes the message: a part for people in Swedish and English, the status part, and what is returned. Lines end in
// CRLF. It is 7-bit but for a returned message that is not and that RFC 6522 does not let us encode; the internationalised
// parts may be encoded (RFC 6533 4) and are.
func (n *Notification) Build() []byte {
	human := n.text()
	status := n.status()
	kind, returned := n.returned()
	boundary := "=_" + strings.NewReplacer("@", "_", "<", "", ">", "").Replace(n.MessageID)
	for bytes.Contains(returned, []byte(boundary)) || bytes.Contains(status, []byte(boundary)) {
		boundary += "_"
	}
	var b bytes.Buffer
	n.header(&b, boundary)
	open := func(mediaType, description, encoding string) {
		b.WriteString("\r\n--" + boundary + "\r\nContent-Type: " + mediaType + "\r\nContent-Description: " + description + "\r\n")
		if encoding != "" {
			b.WriteString("Content-Transfer-Encoding: " + encoding + "\r\n")
		}
		b.WriteString("\r\n")
	}
	open("text/plain; charset=utf-8", "Notification", "quoted-printable")
	quote(&b, human)
	if n.UTF8 {
		open("message/global-delivery-status", "Delivery report", "quoted-printable")
		quote(&b, status)
	} else {
		open("message/delivery-status", "Delivery report", "")
		b.Write(status)
	}
	if kind != "" {
		encoding := ""
		switch {
		case n.UTF8:
			encoding = "quoted-printable"
		case !ascii(returned):
			encoding = "8bit"
		}
		open(kind, "Returned message", encoding)
		if n.UTF8 {
			quote(&b, returned)
		} else {
			b.Write(returned)
		}
	}
	b.WriteString("\r\n--" + boundary + "--\r\n")
	return b.Bytes()
}

func (n *Notification) header(b *bytes.Buffer, boundary string) {
	b.WriteString("Date: " + n.Date.Format(time.RFC1123Z) + "\r\n")
	b.WriteString("From: Mail Delivery System <" + n.From + ">\r\n")
	b.WriteString("To: <" + n.To + ">\r\n")
	b.Write(message.Fold("Subject", n.Title()))
	b.WriteString("Message-ID: <" + n.MessageID + ">\r\n")
	if n.AboutID != "" {
		b.WriteString("In-Reply-To: <" + n.AboutID + ">\r\nReferences: <" + n.AboutID + ">\r\n")
	}
	b.WriteString("Auto-Submitted: auto-replied\r\n") // RFC 3834 5
	b.WriteString("MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"" + boundary + "\"\r\n")
}

// returned is what goes back of the message and its type.
func (n *Notification) returned() (kind string, octets []byte) {
	if len(n.Original) == 0 {
		return "", nil
	}
	header := n.Original
	if i := bytes.Index(header, []byte("\r\n\r\n")); i >= 0 {
		header = header[:i+2]
	}
	switch {
	case n.Full && n.UTF8:
		return "message/global", n.Original
	case n.Full:
		return "message/rfc822", n.Original
	case n.UTF8:
		return "message/global-headers", header
	}
	return "text/rfc822-headers", header
}

// status is the machine's part, RFC 3464 2.2 and 2.3.
func (n *Notification) status() []byte {
	var b bytes.Buffer
	line := func(name, value string) {
		if value != "" {
			b.WriteString(name + ": " + n.plain(value) + "\r\n")
		}
	}
	pair := func(name string, t Typed) {
		if t.Value != "" {
			line(name, t.Type+"; "+t.Value)
		}
	}
	when := func(name string, t time.Time) {
		if !t.IsZero() {
			line(name, t.Format(time.RFC1123Z))
		}
	}
	line("Original-Envelope-Id", n.EnvelopeID)
	pair("Reporting-MTA", n.ReportingMTA)
	pair("Received-From-MTA", n.ReceivedFrom)
	when("Arrival-Date", n.Arrival)
	for i := range n.Recipients {
		p := &n.Recipients[i]
		b.WriteString("\r\n")
		pair("Original-Recipient", n.escaped(p.Original))
		pair("Final-Recipient", n.escaped(p.Final))
		line("Action", string(p.Action))
		line("Status", p.Status)
		pair("Remote-MTA", p.RemoteMTA)
		pair("Diagnostic-Code", p.Diagnostic)
		when("Last-Attempt-Date", p.LastAttempt)
		line("Final-Log-ID", p.FinalLogID)
		when("Will-Retry-Until", p.WillRetryUntil)
	}
	return b.Bytes()
}

// escaped writes a utf-8 address as RFC 6533 3 has it: the escape character itself always, what is not US-ASCII where the
// part must be.
func (n *Notification) escaped(t Typed) Typed {
	if t.Type != "utf-8" {
		return t
	}
	var b strings.Builder
	for _, r := range t.Value {
		if r == '\\' || r == '+' || r == '=' || r >= 0x80 && !n.UTF8 {
			fmt.Fprintf(&b, `\x{%X}`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return Typed{t.Type, b.String()}
}

// maxLine keeps a field's line under the 998 octets of RFC 5322 2.1.1.
const maxLine = 900

// plain keeps a value on one line, and to US-ASCII where the part must be; people read the rest in their own part.
func (n *Notification) plain(s string) string {
	if len(s) > maxLine {
		s = strings.ToValidUTF8(s[:maxLine], "")
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r':
			return ' '
		case r < ' ' || r == 0x7f, r >= 0x80 && !n.UTF8:
			return '?'
		}
		return r
	}, s)
}

func quote(b *bytes.Buffer, octets []byte) {
	w := quotedprintable.NewWriter(b)
	_, _ = w.Write(octets) // a bytes.Buffer takes all
	_ = w.Close()
}

func ascii(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}
