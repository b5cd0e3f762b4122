package compose

import (
	"errors"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dkim"
	"github.com/budkavle/budkavle/internal/standard/message"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// maxReceived is how many relays a message may have passed. RFC 5321 6.3 wants at least 100 for a relay; this is
// submission, where a message comes from its author's system, so 50 is a loop.
const maxReceived = 50

// Inspected is what the rest of submission needs to know of a complete draft.
type Inspected struct {
	Header    message.Header
	From      []string // addresses of the From field, at least one
	EightBit  bool     // octets above 127 anywhere
	UTF8      bool     // octets above 127 in the header (RFC 6532)
	BulkSigns bool     // Precedence, List-Id or List-Unsubscribe say it is bulk
	Meta      model.Meta
}

// Inspect ends the writing and checks the whole.
func (d *Draft) Inspect() (*Inspected, error) {
	if d.bare || d.cr {
		return nil, BareLineEnd()
	}
	h, err := message.Parse(d.header())
	if errors.Is(err, message.ErrTooLong) {
		return nil, headerTooLong()
	}
	if err != nil {
		return nil, smtp.Wrap(err, 550, "5.6.0", "The message is not as RFC 5322 wants it: "+err.Error())
	}
	if n := len(h.All("Received")); n > maxReceived {
		return nil, smtp.Errorf(554, "5.4.6", "The message has passed %d relays, more than %d: it goes in a loop", n, maxReceived)
	}
	i := &Inspected{Header: h, EightBit: d.eightBit}
	if i.From, err = fromAddresses(h); err != nil {
		return nil, err
	}
	for _, f := range h {
		if !ascii(f.Raw) {
			i.UTF8 = true
			break
		}
	}
	precedence := strings.ToLower(h.Get("Precedence"))
	i.BulkSigns = precedence == "bulk" || precedence == "list" || h.Has("List-Id") || h.Has("List-Unsubscribe")
	i.Meta = model.Meta{
		MessageID: clip(bareID(h.Get("Message-ID"))),
		Subject:   clip(message.Decode(h.Get("Subject"))),
		From:      clip(message.Decode(h.Get("From"))),
		To:        clip(message.Decode(h.Get("To"))),
	}
	return i, nil
}

// BareLineEnd is the refusal of a CR or LF that stands alone (RFC 5321 2.3.8): what one server takes for the end of a
// line another may not, and mail could be smuggled between the two.
func BareLineEnd() *smtp.Error {
	return smtp.Errorf(550, "5.6.11", "The message has a CR or LF that stands alone; end every line with CRLF (RFC 5321 2.3.8)")
}

// fromAddresses wants one From field (RFC 5322 3.6) with addresses in it.
func fromAddresses(h message.Header) ([]string, error) {
	fields := h.All("From")
	switch len(fields) {
	case 0:
		return nil, smtp.Errorf(550, "5.6.0", "The message has no From field; add one with the sender's address (RFC 5322 3.6)")
	case 1:
	default:
		return nil, smtp.Errorf(550, "5.6.0", "The message has %d From fields; leave one (RFC 5322 3.6)", len(fields))
	}
	addrs, err := message.Addresses(fields[0].Value())
	if err != nil {
		return nil, smtp.Wrap(err, 550, "5.6.0", "The From field "+err.Error())
	}
	return addrs, nil
}

// bareID is what stands between the angle brackets of a msg-id (RFC 5322 3.6.4), which some writers leave out.
func bareID(value string) string {
	if _, rest, ok := strings.Cut(value, "<"); ok {
		value, _, _ = strings.Cut(rest, ">")
	}
	return strings.TrimSpace(value)
}

const maxMeta = 500 // octets of a header field kept for events

func clip(s string) string {
	if len(s) <= maxMeta {
		return s
	}
	return strings.ToValidUTF8(s[:maxMeta], "") + "…"
}

func ascii(p []byte) bool {
	for _, c := range p {
		if c >= 128 {
			return false
		}
	}
	return true
}

// Stamp is what this node adds.
type Stamp struct {
	Trace     Trace
	MessageID string // with angle brackets; used if the message has none
	// Add holds fields that are put in unless the message has one of the name.
	Add    message.Header
	Signer *dkim.Signer
	// Again says that the draft is finished another time, for another recipient: the message is made beside it.
	Again bool
}

// removed fields never leave: Bcc would show what it hides (RFC 5322 3.6.3), Return-Path is the last server's to
// write (RFC 5321 4.4), and ours are for us.
func removed(f message.Field) bool {
	return f.Is("Bcc") || f.Is("Resent-Bcc") || f.Is("Return-Path") ||
		len(f.Name) > 11 && strings.EqualFold(f.Name[:11], "X-Budkavle-")
}

// Finish returns the whole message: signatures, Received, then the submitter's fields and what was missing. The
// draft is used up unless the stamp says Again.
func (d *Draft) Finish(i *Inspected, s Stamp) ([]byte, error) {
	addDate, addID := i.Header.Get("Date") == "", bareID(i.Header.Get("Message-ID")) == ""
	kept := make(message.Header, 0, len(i.Header)+len(s.Add)+2)
	for _, f := range i.Header {
		// Date and Message-ID may stand once (RFC 5322 3.6), so an empty one gives way to ours.
		if !removed(f) && !(addDate && f.Is("Date")) && !(addID && f.Is("Message-ID")) {
			kept = append(kept, f)
		}
	}
	if n := len(kept); n > 0 && !strings.HasSuffix(string(kept[n-1].Raw), "\r\n") {
		kept[n-1].Raw = append(append([]byte(nil), kept[n-1].Raw...), '\r', '\n') // a header without a body ends where it ends
	}
	if addDate {
		kept = append(kept, field("Date", s.Trace.At.Format(time.RFC1123Z)))
	}
	if addID {
		kept = append(kept, field("Message-ID", s.MessageID))
		i.Meta.MessageID = bareID(s.MessageID)
	}
	for _, f := range s.Add {
		if !i.Header.Has(f.Name) {
			kept = append(kept, f)
		}
	}
	top := s.Trace.Received()
	if s.Signer != nil {
		signatures, err := s.Signer.Sign(kept, d.bodyHash(), s.Trace.At)
		if err != nil {
			return nil, smtp.Wrap(err, 451, "4.7.5", "The message cannot be signed now, try again later")
		}
		top = append(signatures, top...)
	}
	return d.assemble(top, kept, s.Again), nil
}

func field(name, value string) message.Field {
	return message.Field{Name: name, Raw: []byte(name + ": " + value + "\r\n")}
}

// assemble puts the new header in front of the body, in place where it fits and the draft is not wanted any more.
func (d *Draft) assemble(top []byte, kept message.Header, again bool) []byte {
	size := len(top) + 2
	for _, f := range kept {
		size += len(f.Raw)
	}
	bodyAt := d.bodyAt
	if bodyAt == 0 {
		bodyAt = len(d.buf)
	}
	beside := again || size > bodyAt
	room := size
	if beside {
		room += len(d.buf) - bodyAt
	}
	header := make([]byte, 0, room)
	header = append(header, top...)
	for _, f := range kept {
		header = append(header, f.Raw...)
	}
	header = append(header, '\r', '\n')
	if beside {
		return append(header, d.buf[bodyAt:]...)
	}
	copy(d.buf[bodyAt-size:], header)
	return d.buf[bodyAt-size:]
}
