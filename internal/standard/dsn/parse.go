package dsn

import (
	"bytes"
	"errors"
	"net/mail"
	"strconv"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// Bounds of Parse.
const (
	maxStatus     = 4 << 20 // octets of the status part: 5,000 recipients with 800 each
	maxRecipients = 5000
	maxText       = 4 << 10 // octets of one value
)

// ErrNoReport is a message without a status part that names a recipient.
var ErrNoReport = errors.New("not a delivery status notification")

// Parse reads a report from a whole message.
func Parse(raw []byte) (*Report, error) {
	r := &Report{}
	w := walker{left: maxParts, want: func(p *part) bool {
		switch p.mediaType {
		case "message/global-delivery-status": // RFC 6533 4
			r.UTF8 = true
		case "message/delivery-status":
		default:
			return false
		}
		r.read(p.decoded(maxStatus))
		return true
	}}
	if !w.walk(raw, 0) || len(r.Recipients) == 0 {
		return nil, ErrNoReport
	}
	return r, nil
}

// read takes the groups of fields between empty lines (RFC 3464 2.1). The first is about the message; servers that put a
// recipient's fields into it, or forget the empty line between two recipients, are understood.
func (r *Report) read(status []byte) {
	for len(status) > 0 && len(r.Recipients) < maxRecipients {
		var group []byte
		group, status = cutHeader(status)
		if len(group) == 0 && len(status) == 0 {
			return
		}
		var now Recipient
		for _, f := range fields(group) {
			if f.name == "original-recipient" && now.Original != (Typed{}) || f.name == "final-recipient" && now.Final != (Typed{}) {
				r.add(now)
				now = Recipient{}
			}
			if !now.set(f) {
				r.set(f)
			}
		}
		r.add(now)
	}
}

// add keeps a recipient that has an address or an action.
func (r *Report) add(p Recipient) {
	if (p.Original != Typed{} || p.Final != Typed{} || p.Action != "") && len(r.Recipients) < maxRecipients {
		r.Recipients = append(r.Recipients, p)
	}
}

func (r *Report) set(f field) {
	switch f.name {
	case "original-envelope-id":
		r.EnvelopeID = f.value
	case "reporting-mta":
		r.ReportingMTA = typed(f.value)
	case "received-from-mta":
		r.ReceivedFrom = typed(f.value)
	case "arrival-date":
		r.Arrival = date(f.value)
	}
}

// set reports whether the field is one of a recipient.
func (p *Recipient) set(f field) bool {
	switch f.name {
	case "original-recipient":
		p.Original = mailbox(f.value)
	case "final-recipient":
		p.Final = mailbox(f.value)
	case "action":
		p.Action = Action(strings.ToLower(firstWord(f.value)))
	case "status":
		if s := firstWord(f.value); smtp.ValidEnhanced(s) { // often with a comment behind it
			p.Status = s
		}
	case "remote-mta":
		p.RemoteMTA = typed(f.value)
	case "diagnostic-code":
		p.Diagnostic = typed(f.value)
	case "last-attempt-date":
		p.LastAttempt = date(f.value)
	case "final-log-id":
		p.FinalLogID = f.value
	case "will-retry-until":
		p.WillRetryUntil = date(f.value)
	default:
		return false
	}
	return true
}

// typed reads "type; value". What has no type is all value.
func typed(s string) Typed {
	kind, value, ok := strings.Cut(s, ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	if !ok || kind == "" || strings.ContainsAny(kind, " \t:@<") {
		return Typed{Value: s}
	}
	return Typed{Type: kind, Value: strings.TrimSpace(value)}
}

// mailbox reads an address, which some servers put in angle brackets.
func mailbox(s string) Typed {
	t := typed(s)
	if n := len(t.Value); n > 2 && t.Value[0] == '<' && t.Value[n-1] == '>' {
		t.Value = t.Value[1 : n-1]
	}
	if t.Type == "utf-8" {
		t.Value = clean(unescape(t.Value))
	}
	return t
}

// unescape decodes the \x{HEX} of RFC 6533 3. What is no such code stays.
func unescape(s string) []byte {
	var b bytes.Buffer
	for {
		before, code, ok := strings.Cut(s, `\x{`)
		b.WriteString(before)
		if !ok {
			return b.Bytes()
		}
		hex, rest, closed := strings.Cut(code, "}")
		v, err := strconv.ParseUint(hex, 16, 21)
		if !closed || err != nil {
			b.WriteString(`\x{`)
			s = code
			continue
		}
		b.WriteRune(rune(v))
		s = rest
	}
}

// date is zero when it cannot be read.
func date(s string) time.Time {
	t, err := mail.ParseDate(s)
	if err != nil {
		return time.Time{}
	}
	return t
}
