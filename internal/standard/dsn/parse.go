package dsn

import (
	"bytes"
	"errors"
	"net/mail"
	"strconv"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/standard/parts"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// Bounds of Parse.
const (
	maxStatus     = 4 << 20 // octets of the status part: 5,000 recipients with 800 each
	maxRecipients = 5000
)

// ErrNoReport is a message without a status part that names a recipient.
var ErrNoReport = errors.New("not a delivery status notification")

// Parse reads a report from a whole message.
func Parse(raw []byte) (*Report, error) {
	r := &Report{}
	found := parts.Walk(raw, func(p *parts.Part) bool { return r.ReadPart(p) })
	if !found || len(r.Recipients) == 0 {
		return nil, ErrNoReport
	}
	return r, nil
}

// ReadPart reads a status part into the report, and reports whether the part is one.
func (r *Report) ReadPart(p *parts.Part) bool {
	switch p.MediaType {
	case "message/global-delivery-status": // RFC 6533 4
		r.UTF8 = true
	case "message/delivery-status":
	default:
		return false
	}
	r.Read(p.Octets(maxStatus))
	return true
}

// Read takes the groups of parts.Fields between empty lines (RFC 3464 2.1). The first is about the message; servers that put a
// recipient's fields into it, or forget the empty line between two recipients, are understood.
func (r *Report) Read(status []byte) {
	for len(status) > 0 && len(r.Recipients) < maxRecipients {
		var group []byte
		group, status = parts.Cut(status)
		if len(group) == 0 && len(status) == 0 {
			return
		}
		var now Recipient
		for _, f := range parts.Fields(group) {
			if f.Name == "original-recipient" && now.Original != (Typed{}) || f.Name == "final-recipient" && now.Final != (Typed{}) {
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

func (r *Report) set(f parts.Field) {
	switch f.Name {
	case "original-envelope-id":
		r.EnvelopeID = f.Value
	case "reporting-mta":
		r.ReportingMTA = typed(f.Value)
	case "received-from-mta":
		r.ReceivedFrom = typed(f.Value)
	case "arrival-date":
		r.Arrival = date(f.Value)
	}
}

// set reports whether the field is one of a recipient.
func (p *Recipient) set(f parts.Field) bool {
	switch f.Name {
	case "original-recipient":
		p.Original = mailbox(f.Value)
	case "final-recipient":
		p.Final = mailbox(f.Value)
	case "action":
		p.Action = Action(strings.ToLower(parts.FirstWord(f.Value)))
	case "status":
		if s := parts.FirstWord(f.Value); smtp.ValidEnhanced(s) { // often with a comment behind it
			p.Status = s
		}
	case "remote-mta":
		p.RemoteMTA = typed(f.Value)
	case "diagnostic-code":
		p.Diagnostic = typed(f.Value)
	case "last-attempt-date":
		p.LastAttempt = date(f.Value)
	case "final-log-id":
		p.FinalLogID = f.Value
	case "will-retry-until":
		p.WillRetryUntil = date(f.Value)
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
		t.Value = parts.Clean(unescape(t.Value))
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
