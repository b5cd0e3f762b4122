package lab

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/mail"
	"net/netip"
	"strings"

	"github.com/emersion/go-smtp"
)

const maxHeader = 64 << 10 // octets of the header looked at

// errCut makes go-smtp leave a connection that was closed under it.
var errCut = errors.New("cut")

// session is one client's session with a receiver. It implements smtp.Session.
type session struct {
	*receiver
	conn *smtp.Conn

	from       string
	recipients []recipient // at most maxRecipients
}

type recipient struct {
	address   string
	behaviour Behaviour
	original  string // ORCPT, "rfc822;…"
}

func refuse(code int, enhanced smtp.EnhancedCode, format string, args ...any) *smtp.SMTPError {
	return &smtp.SMTPError{Code: code, EnhancedCode: enhanced, Message: fmt.Sprintf(format, args...)}
}

// Reset implements smtp.Session.
func (s *session) Reset() { s.from, s.recipients = "", nil }

// Logout implements smtp.Session.
func (s *session) Logout() error { return nil }

// Mail implements smtp.Session.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.linger()
	if !s.pace() {
		s.lab.tally.count(s.provider, func(c *Count) { c.Refused++ })
		// go-smtp goes on after an error; RFC 5321 3.8 closes after 421.
		_, _ = io.WriteString(s.conn.Conn(), "421 4.7.28 "+s.smtp.Domain+" Unusual rate of mail from your address, try again later\r\n")
		_ = s.conn.Conn().Close()
		return errCut
	}
	s.from = from
	return nil
}

// Rcpt implements smtp.Session.
func (s *session) Rcpt(to string, o *smtp.RcptOptions) error {
	s.linger()
	to = canonical(to)
	if s.lab.providers[domainOf(to)] != s.provider {
		s.lab.tally.stray(Delivery{Recipient: to, Why: "came to " + s.smtp.Domain})
		return s.rejected(refuse(550, smtp.EnhancedCode{5, 7, 1}, "<%s>: relaying denied", to))
	}
	r := recipient{address: to, behaviour: s.provider.behaviour(s.lab.config.Seed, to)}
	if o.OriginalRecipient != "" {
		r.original = strings.ToLower(string(o.OriginalRecipientType)) + ";" + o.OriginalRecipient
	}
	if len(s.recipients) > 0 && (r.behaviour.alone() || s.recipients[0].behaviour.alone()) {
		return refuse(452, smtp.EnhancedCode{4, 5, 3}, "<%s>: too many recipients for this message, send it again to this one", to)
	}
	switch r.behaviour {
	case Unknown:
		return s.rejected(refuse(550, smtp.EnhancedCode{5, 1, 1}, "<%s>: no such mailbox here", to))
	case Full:
		if s.lab.contacts.early(to) {
			return s.deferred(refuse(452, smtp.EnhancedCode{4, 2, 2}, "<%s>: mailbox full", to))
		}
		return s.rejected(refuse(552, smtp.EnhancedCode{5, 2, 2}, "<%s>: mailbox full", to))
	case Greylists:
		if s.lab.contacts.early(to) {
			return s.deferred(refuse(451, smtp.EnhancedCode{4, 7, 1}, "<%s>: greylisted, try again in a few seconds", to))
		}
	}
	s.recipients = append(s.recipients, r)
	return nil
}

func (s *session) rejected(err *smtp.SMTPError) error {
	s.lab.tally.count(s.provider, func(c *Count) { c.Rejected++ })
	return err
}

func (s *session) deferred(err *smtp.SMTPError) error {
	s.lab.tally.count(s.provider, func(c *Count) { c.Deferred++ })
	return err
}

// Data implements smtp.Session.
func (s *session) Data(r io.Reader) error {
	first := s.recipients[0] // go-smtp asks for one
	if first.behaviour == Drops && s.lab.contacts.first(first.address) {
		s.lab.tally.count(s.provider, func(c *Count) { c.Dropped++ })
		_, _ = io.ReadFull(r, make([]byte, 100)) // in the middle
		_ = s.conn.Conn().Close()
		return errCut
	}
	header := &head{}
	body := io.TeeReader(r, header)
	signatures, err := resolver{s.lab.names}.verify(body)
	if _, err := io.Copy(io.Discard, body); err != nil {
		return err
	}
	s.linger()
	switch first.behaviour {
	case Spam:
		return s.rejected(refuse(554, smtp.EnhancedCode{5, 7, 1}, "This message looks like spam and was not taken"))
	case Loses:
		return nil
	case Returns:
		if !s.schedule(first, header) {
			return s.deferred(refuse(452, smtp.EnhancedCode{4, 3, 1}, "Out of room, try again later"))
		}
	}
	s.take(header, signatures, err)
	return nil
}

// take judges a message and counts it.
func (s *session) take(header *head, signatures []Signature, unverified error) {
	fields := header.fields()
	m := taken{messageID: strings.Trim(fields.Get("Message-Id"), " \t<>"), dkim: unverified}
	if unverified == nil {
		m.dkim = flaw(signatures)
	}
	client, _ := netip.ParseAddrPort(s.conn.Conn().RemoteAddr().String())
	e := envelope{client: client.Addr().Unmap(), helo: s.conn.Hostname(), sender: s.from}
	m.verdict = resolver{s.lab.names}.judge(e, fields, signatures)
	kept := header.cut(maxArrivalHeader)
	for _, to := range s.recipients {
		m.recipients = append(m.recipients, to.address)
		s.lab.arrivals.add(Arrival{Verdict: m.verdict, MessageID: m.messageID, Sender: s.from, Recipient: to.address, Client: e.client, Header: kept})
	}
	_, m.encrypted = s.conn.TLSConnectionState()
	s.lab.tally.take(s.provider, &m)
}

// schedule queues a failure report. Nobody is told of mail with the null sender (RFC 5321 6.1).
func (s *session) schedule(to recipient, header *head) bool {
	if s.from == "" {
		return true
	}
	host, _, _ := net.SplitHostPort(s.conn.Conn().LocalAddr().String())
	return s.lab.returns.add(returning{
		provider: s.provider, host: s.smtp.Domain, source: host, to: s.from, recipient: to, header: header.cut(maxReturnedHeader),
		due: s.lab.config.Clock.Now().Add(s.lab.zone.ReturnAfter),
	})
}

// head keeps the first octets of a message.
type head struct{ bytes.Buffer }

// Write implements io.Writer.
func (h *head) Write(b []byte) (int, error) {
	if room := maxHeader - h.Len(); room > 0 {
		h.Buffer.Write(b[:min(room, len(b))])
	}
	return len(b), nil
}

// fields are those of the header; nil if it cannot be read.
func (h *head) fields() mail.Header {
	m, err := mail.ReadMessage(bytes.NewReader(h.Bytes()))
	if err != nil {
		return nil
	}
	return m.Header
}

// cut is the header itself, cut at a line's end below limit.
func (h *head) cut(limit int) []byte {
	text := h.Bytes()
	if end := bytes.Index(text, []byte("\r\n\r\n")); end >= 0 {
		text = text[:end+2]
	}
	if len(text) > limit {
		text = text[:bytes.LastIndexByte(text[:limit], '\n')+1]
	}
	return bytes.Clone(text)
}
