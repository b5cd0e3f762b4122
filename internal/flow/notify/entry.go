package notify

import (
	"strconv"
	"strings"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dsn"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// entry is what the report says of one recipient.
func entry(m *model.Message, r *model.Recipient, kind model.NoticeKind, reply model.Reply) dsn.Recipient {
	p := dsn.Recipient{
		Final: mailbox(r.Address), Action: dsn.Action(kind), // the kinds are the words of RFC 3464 2.3.3
		Status: status(kind, r.State, reply.Enhanced), Diagnostic: diagnostic(reply), LastAttempt: reply.At,
	}
	// RFC 3464 2.3.1: there if and only if the sender gave ORCPT.
	if t, original, err := smtp.ParseORcpt(r.ORcpt); err == nil {
		p.Original = dsn.Typed{Type: strings.ToLower(t), Value: original}
	}
	if reply.Host != "" {
		p.RemoteMTA = dsn.Typed{Type: "dns", Value: reply.Host}
	}
	if kind == model.NoticeDelayed && r.State != model.StateDelivered { // else another server tries, nobody here knows how long
		p.WillRetryUntil = m.ExpiresAt
	}
	return p
}

// mailbox names the type of an address (RFC 6533 3).
func mailbox(addr string) dsn.Typed {
	if ascii([]byte(addr)) {
		return dsn.Typed{Type: "rfc822", Value: addr}
	}
	return dsn.Typed{Type: "utf-8", Value: addr}
}

// status is the receiver's own if it fits the action: what was given up after days may have failed with a 4.
func status(kind model.NoticeKind, state model.RecipientState, enhanced string) string {
	fits, otherwise := "2", "2.0.0"
	switch {
	case kind == model.NoticeFailed && state == model.StateExpired:
		fits, otherwise = "45", "5.4.7" // RFC 3463 3.5: delivery time expired
	case kind == model.NoticeFailed:
		fits, otherwise = "45", "5.0.0"
	case kind == model.NoticeDelayed:
		fits, otherwise = "4", "4.0.0"
	}
	if smtp.ValidEnhanced(enhanced) && strings.Contains(fits, enhanced[:1]) {
		return enhanced
	}
	return otherwise
}

// diagnostic is the reply; what no server said is in our own words and type.
func diagnostic(r model.Reply) dsn.Typed {
	if r.Code == 0 {
		return dsn.Typed{Type: "x-budkavle", Value: r.Text}
	}
	words := []string{strconv.Itoa(r.Code)}
	if r.Enhanced != "" {
		words = append(words, r.Enhanced)
	}
	return dsn.Typed{Type: "smtp", Value: strings.TrimSpace(strings.Join(words, " ") + " " + r.Text)}
}
