package spf

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// expand gives the text with every macro replaced by what value says it stands for (RFC 7208 7.3).
func (m *Macro) expand(value func(letter byte) string) string {
	var b strings.Builder
	for _, p := range m.Parts {
		if p.Letter == 0 {
			b.WriteString(p.Literal)
			continue
		}
		s := p.transform(value(p.Letter))
		if p.Escape {
			s = escape(s)
		}
		b.WriteString(s)
	}
	return b.String()
}

func (p *Part) transform(s string) string {
	if p.Keep == 0 && !p.Reverse && p.Delimiters == "" {
		return s
	}
	set := p.Delimiters
	if set == "" {
		set = "."
	}
	var parts []string
	begin := 0
	for i := range len(s) {
		if strings.IndexByte(set, s[i]) >= 0 {
			parts = append(parts, s[begin:i])
			begin = i + 1
		}
	}
	parts = append(parts, s[begin:])
	if p.Reverse {
		slices.Reverse(parts)
	}
	if p.Keep > 0 && p.Keep < len(parts) {
		parts = parts[len(parts)-p.Keep:]
	}
	return strings.Join(parts, ".")
}

// escape writes all but the unreserved characters of RFC 3986 2.3 as %XX.
func escape(s string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if isAlpha(c) || isDigit(c) || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(digits[c>>4])
		b.WriteByte(digits[c&15])
	}
	return b.String()
}

const (
	maxName  = 253 // octets of a name without its closing dot
	maxLabel = 63
)

// fitName drops labels from the left until the name is short enough (RFC 7208 7.3), and the closing dot.
func fitName(name string) string {
	name = strings.TrimSuffix(name, ".")
	for len(name) > maxName {
		_, rest, ok := strings.Cut(name, ".")
		if !ok {
			return name
		}
		name = rest
	}
	return name
}

// aLabels writes an internationalised domain as it stands in DNS (RFC 7208 4.3). What cannot be written so stays as it is.
func aLabels(domain string) string {
	if !strings.ContainsFunc(domain, func(r rune) bool { return r > unicode.MaxASCII }) {
		return domain
	}
	if ascii, err := idna.Lookup.ToASCII(domain); err == nil {
		return ascii
	}
	return domain
}

// isName reports whether a name can be asked for: labels of 1 to 63 octets, 253 in all. Resolvers take a backslash for the
// beginning of an escape, so a name with one, which only a local part can bring, is none.
func isName(name string) bool {
	if name == "" || len(name) > maxName || strings.Contains(name, `\`) {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > maxLabel {
			return false
		}
	}
	return true
}
