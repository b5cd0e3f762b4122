package parts

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

const (
	maxHeader = 256 << 10 // octets of a part's header
	// MaxText is how many octets of one value are read.
	MaxText = 4 << 10
)

// Field is one field of a header or of a group of a status part, unfolded. Its text is valid UTF-8 without control
// characters.
type Field struct {
	Name  string `json:"name"` // lower case
	Value string `json:"value"`
}

// Header is a list of fields in their order.
type Header []Field

// Get is the value of the first field of a name given in lower case, or empty.
func (h Header) Get(name string) string {
	for i := range h {
		if h[i].Name == name {
			return h[i].Value
		}
	}
	return ""
}

// Cut parts header and body at the first empty line. What begins with one has no header.
func Cut(raw []byte) (header, body []byte) {
	for at := 0; at < len(raw); {
		n := bytes.IndexByte(raw[at:], '\n')
		if n < 0 {
			break
		}
		if len(bytes.TrimRight(raw[at:at+n], "\r")) == 0 {
			return raw[:min(at, maxHeader)], raw[at+n+1:]
		}
		at += n + 1
	}
	return raw[:min(len(raw), maxHeader)], nil
}

// Fields reads what has the form of a field; lines that have not are passed over.
func Fields(block []byte) Header {
	var list Header
	for len(block) > 0 {
		var line []byte
		line, block, _ = bytes.Cut(block, []byte("\n"))
		line = bytes.TrimRight(line, "\r")
		if len(line) == 0 {
			continue
		}
		if line[0] == ' ' || line[0] == '\t' {
			if n := len(list); n > 0 && len(list[n-1].Value)+len(line) < MaxText {
				list[n-1].Value = strings.TrimSpace(list[n-1].Value + " " + Clean(line))
			}
			continue
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if name = bytes.TrimRight(name, " \t"); !ok || len(name) == 0 || bytes.ContainsAny(name, " \t") {
			continue
		}
		list = append(list, Field{strings.ToLower(string(name)), Clean(value)})
	}
	return list
}

// Clean makes text of octets that others sent: valid UTF-8 on one line, no control characters, at most MaxText octets.
func Clean(b []byte) string {
	b = bytes.TrimSpace(b)
	s := strings.ToValidUTF8(string(b[:min(len(b), MaxText)]), "?")
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == utf8.RuneError {
			return '?'
		}
		return r
	}, strings.ReplaceAll(s, "\t", " ")))
}

// FirstWord is a value up to its first space or semicolon.
func FirstWord(s string) string {
	if i := strings.IndexAny(s, " \t;"); i >= 0 {
		s = s[:i]
	}
	return s
}
