// Package address reads mailboxes as SMTP uses them (RFC 5321 4.1.2), with SMTPUTF8 (RFC 6531) and
// internationalised domains (RFC 5891).
//
// A parsed address is ready to be sent: its domain is in A-labels and lower case, its local part untouched but for
// quoting that says nothing. What cannot be used is an *Error that says what is wrong and at which character. The
// package looks nothing up: that a mailbox or its domain exists is not known here.
package address

import (
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"github.com/budkavle/budkavle/internal/base/wording"
)

// Lengths of RFC 5321 4.5.3.1 in octets.
const (
	MaxLocal   = 64
	MaxDomain  = 255
	MaxAddress = 254 // a path of 256 with its angle brackets
)

// Address is a mailbox.
type Address struct {
	Local  string // without needless quotes
	Domain string // A-labels in lower case, or an address literal with its brackets
	UTF8   bool   // the local part needs SMTPUTF8
}

func (a Address) String() string { return quoteLocal(a.Local) + "@" + a.Domain }

// Literal reports whether the domain is an address literal such as [127.0.0.1].
func (a Address) Literal() bool { return strings.HasPrefix(a.Domain, "[") }

// Error says why a text is no mailbox.
type Error struct {
	Address string
	Reason  error // made by wording
}

func (e *Error) Error() string {
	return fmt.Sprintf("%.320q is not an e-mail address: %v", e.Address, e.Reason)
}

func (e *Error) Unwrap() error { return e.Reason }

// Parse reads a mailbox without angle brackets.
func Parse(s string) (Address, error) {
	fail := func(reason error) (Address, error) { return Address{}, &Error{s, reason} }
	if !utf8.ValidString(s) {
		return fail(wording.Errorf("it is not valid UTF-8"))
	}
	at := splitAt(s)
	if at < 0 {
		return fail(wording.Errorf("there is no @"))
	}
	local, err := parseLocal(s[:at])
	if err != nil {
		return fail(err)
	}
	domain, err := ParseDomain(s[at+1:])
	if err != nil {
		return fail(err)
	}
	a := Address{Local: local, Domain: domain, UTF8: !isASCII(local)}
	if n := len(a.String()); n > MaxAddress {
		return fail(wording.Errorf("it has %d octets, more than %d", n, MaxAddress))
	}
	return a, nil
}

// splitAt finds the @ that ends the local part, which may be quoted and hold others.
func splitAt(s string) int {
	if !strings.HasPrefix(s, `"`) {
		return strings.IndexByte(s, '@')
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			if i+1 < len(s) && s[i+1] == '@' {
				return i + 1
			}
			return -1
		}
	}
	return -1
}

func parseLocal(s string) (string, error) {
	if s == "" {
		return "", wording.Errorf("there is nothing before the @")
	}
	if len(s) > MaxLocal {
		return "", wording.Errorf("the part before the @ has %d octets, more than %d", len(s), MaxLocal)
	}
	if s[0] == '"' {
		return unquote(s)
	}
	for i, atom := range strings.Split(s, ".") {
		if atom == "" {
			return "", wording.Errorf("a dot stands at the edge of the part before the @ or beside another (part %d is empty)", i+1)
		}
		for _, r := range atom {
			if !isAtext(r) {
				return "", wording.Errorf("the character %q may stand before the @ only in quotes", r)
			}
		}
	}
	return s, nil
}

// isAtext is RFC 5322 3.2.3 with the UTF-8 of RFC 6531 3.3.
func isAtext(r rune) bool {
	return r >= 128 && r != utf8.RuneError && r >= 0xa0 || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' ||
		r < 128 && strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
}

// unquote reads a Quoted-string of RFC 5321 4.1.2: printable characters and space, with backslash pairs.
func unquote(s string) (string, error) {
	if len(s) < 2 || s[len(s)-1] != '"' {
		return "", wording.Errorf("the quotes before the @ are not closed")
	}
	var b strings.Builder
	escaped := false
	for _, r := range s[1 : len(s)-1] {
		switch {
		case r < ' ' || r == 127 || r >= 128 && r < 0xa0:
			return "", wording.Errorf("there is a control character before the @")
		case !escaped && r == '\\':
			escaped = true
			continue
		case escaped && r >= 128: // quoted-pairSMTP is US-ASCII
			return "", wording.Errorf("the character %q may not follow a backslash", r)
		case !escaped && r == '"':
			return "", wording.Errorf("there is a quote within the quotes")
		}
		escaped = false
		b.WriteRune(r)
	}
	if escaped {
		return "", wording.Errorf("the quotes before the @ are not closed")
	}
	return b.String(), nil
}

// quoteLocal writes the local part, in quotes only where it needs them (RFC 5321 4.1.2: SHOULD avoid).
func quoteLocal(local string) string {
	if _, err := parseLocal(local); err == nil && local[0] != '"' {
		return local
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(local) + `"`
}

// profile maps to A-labels as look-ups do, with the lengths of DNS checked.
func profile() *idna.Profile {
	return idna.New(idna.MapForLookup(), idna.BidiRule(), idna.VerifyDNSLength(true), idna.StrictDomainName(true))
}

// ParseDomain reads the part after the @: a host name of any script, or an address literal (RFC 5321 4.1.3).
func ParseDomain(s string) (string, error) {
	if strings.HasPrefix(s, "[") {
		return parseLiteral(s)
	}
	if s == "" {
		return "", wording.Errorf("there is no domain after the @")
	}
	if strings.HasSuffix(s, ".") {
		return "", wording.Errorf("the domain ends with a dot")
	}
	domain := s
	if !simple(s) {
		var err error
		if domain, err = profile().ToASCII(s); err != nil {
			return "", wording.Errorf("%q is not a domain name", s)
		}
	}
	if len(domain) > MaxDomain {
		return "", wording.Errorf("the domain has %d octets, more than %d", len(domain), MaxDomain)
	}
	return domain, nil
}

// simple reports whether s is a host name that needs no mapping: the common case, kept quick.
func simple(s string) bool {
	if len(s) > 253 {
		return false
	}
	label := 0
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' && label > 0:
			if label++; label > 63 {
				return false
			}
			// xn-- and other labels with hyphens in third and fourth place are checked by idna.
			if c == '-' && label == 4 && s[i-1] == '-' {
				return false
			}
		case c == '.' && label > 0 && s[i-1] != '-':
			label = 0
		default:
			return false
		}
	}
	return label > 0 && s[len(s)-1] != '-'
}

func parseLiteral(s string) (string, error) {
	inner, ok := strings.CutSuffix(s[1:], "]")
	if !ok {
		return "", wording.Errorf("the bracket after the @ is not closed")
	}
	text, v6 := inner, false
	if len(inner) > 5 && strings.EqualFold(inner[:5], "IPv6:") {
		text, v6 = inner[5:], true
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" || a.Is6() != v6 {
		return "", wording.Errorf("%q is not an address literal such as [192.0.2.1] or [IPv6:2001:db8::1]", s)
	}
	if v6 {
		return "[IPv6:" + a.String() + "]", nil
	}
	return "[" + a.String() + "]", nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 128 {
			return false
		}
	}
	return true
}

// Normalise gives the form in which addresses are compared: the domain as Parse has it, the local part as it is.
func Normalise(s string) (string, error) {
	a, err := Parse(s)
	if err != nil {
		return "", err
	}
	return a.String(), nil
}

// DomainOf is the part after the last @ in lower case, for texts known to be addresses.
func DomainOf(s string) string {
	return strings.ToLower(s[strings.LastIndexByte(s, '@')+1:])
}
