package compose

import (
	"net/netip"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
)

// Trace is what the Received field tells (RFC 5321 4.4).
type Trace struct {
	Origin   model.Origin
	Helo     string     // what the client called itself; empty but for SMTP
	Plain    bool       // it said HELO, not EHLO
	Client   netip.Addr // left out but for SMTP: elsewhere it is a person's or a system's own address, and no relay's
	Hostname string     // ours
	UTF8     bool       // SMTPUTF8 was asked for
	TLS      string     // version and cipher; empty: clear text
	Auth     bool       // the client authenticated
	ID       ident.ID
	For      string // the recipient, if there is only one
	At       time.Time
}

// with is the clause that names the protocol, by RFC 3848 and RFC 6531 4.3. What began on this machine came by none.
func (t Trace) with() string {
	switch t.Origin {
	case model.OriginSMTP:
	case model.OriginHTTP:
		return "with HTTP "
	default:
		return ""
	}
	if t.Plain {
		return "with SMTP "
	}
	p := "with ESMTP"
	if t.UTF8 {
		p = "with UTF8SMTP"
	}
	if t.TLS != "" {
		p += "S"
	}
	if t.Auth {
		p += "A"
	}
	return p + " "
}

// Received is the field.
func (t Trace) Received() []byte {
	var b strings.Builder
	if t.Client.IsValid() && t.Origin == model.OriginSMTP {
		b.WriteString("from " + safeName(t.Helo) + " (" + literal(t.Client) + ")\r\n\t")
	}
	b.WriteString("by " + t.Hostname)
	if t.TLS != "" {
		b.WriteString(" (" + t.TLS + ")")
	}
	b.WriteString("\r\n\t" + t.with() + "id " + t.ID.String())
	if t.For != "" && len(t.For) < 200 {
		b.WriteString("\r\n\tfor <" + t.For + ">")
	}
	b.WriteString("; " + t.At.Format(time.RFC1123Z))
	return []byte("Received: " + b.String() + "\r\n")
}

// literal is an address literal of RFC 5321 4.1.3.
func literal(a netip.Addr) string {
	if a = a.Unmap(); a.Is6() {
		return "[IPv6:" + a.WithZone("").String() + "]"
	}
	return "[" + a.String() + "]"
}

// safeName keeps what a client calls itself from breaking the field.
func safeName(helo string) string {
	name := strings.Map(func(r rune) rune {
		if r > ' ' && r < 127 && !strings.ContainsRune("();<>\\\"", r) {
			return r
		}
		return -1
	}, helo)
	if name == "" {
		return "unknown"
	}
	return name[:min(len(name), 255)]
}
