package smtp

import "fmt"

// TLSMode says how a client secures a connection to a server.
type TLSMode string

// Modes of TLS.
const (
	TLSNone          TLSMode = "none"          // clear text, whatever is offered
	TLSOpportunistic TLSMode = "opportunistic" // STARTTLS when offered, unauthenticated (RFC 7435), else clear text
	TLSRequired      TLSMode = "required"      // STARTTLS with a valid certificate, or nothing is sent
	TLSImplicit      TLSMode = "implicit"      // TLS from the first octet (RFC 8314 3.3), with a valid certificate
)

// ParseTLSMode reads the word of a configuration; empty is opportunistic.
func ParseTLSMode(s string) (TLSMode, error) {
	switch m := TLSMode(s); m {
	case "":
		return TLSOpportunistic, nil
	case TLSNone, TLSOpportunistic, TLSRequired, TLSImplicit:
		return m, nil
	}
	return "", fmt.Errorf("tls %q is not none, opportunistic, required or implicit", s)
}

// MustBeTrusted reports whether the server's certificate is checked.
func (m TLSMode) MustBeTrusted() bool { return m == TLSRequired || m == TLSImplicit }
