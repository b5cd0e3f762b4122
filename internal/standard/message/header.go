// Package message reads and edits the header of a mail message (RFC 5322) as raw octets.
//
// Fields keep their original bytes, so that what is not touched is not changed and signatures hold. The block
// is bounded (MaxHeader, MaxFields); what is over, or is no header, is an error that names the line. Values
// are decoded only to be shown (RFC 2047), and what cannot be decoded is shown as it is. It does not parse bodies and
// builds no MIME.
package message

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"strings"
)

// Bounds of a header block.
const (
	MaxHeader = 256 << 10 // octets
	MaxFields = 2000
)

// ErrTooLong is what Parse returns for a header over its bounds.
var ErrTooLong = fmt.Errorf("the header is over %d octets or %d fields", MaxHeader, MaxFields)

// Field is one header field.
type Field struct {
	Name string // as written
	Raw  []byte // the whole field with its folding and closing CRLF
}

// Value is the field's body unfolded (RFC 5322 2.2.3), without the space around it.
func (f Field) Value() string {
	_, v, _ := bytes.Cut(f.Raw, []byte(":"))
	return trim(strings.ReplaceAll(strings.ReplaceAll(string(v), "\r\n", ""), "\n", ""))
}

// trim takes the white space of RFC 5322 2.2.2 and 2.2.3 from around a text; other spaces of Unicode are characters.
func trim(s string) string { return strings.Trim(s, " \t\r\n") }

// Is compares the name without regard to case.
func (f Field) Is(name string) bool { return strings.EqualFold(f.Name, name) }

// Header is the fields of a message in order.
type Header []Field

// Parse reads a header block: the octets before the empty line, each line closed by CRLF. The fields
// refer to block, which is not to be changed afterwards.
func Parse(block []byte) (Header, error) {
	if len(block) > MaxHeader {
		return nil, ErrTooLong
	}
	h := make(Header, 0, bytes.Count(block, []byte("\n")))
	for line := 1; len(block) > 0; line++ {
		end := fieldEnd(block)
		raw := block[:end]
		block = block[end:]
		name, err := fieldName(raw)
		if err != nil {
			return nil, fmt.Errorf("header line %d: %w", line, err)
		}
		if len(h) == MaxFields {
			return nil, ErrTooLong
		}
		h = append(h, Field{Name: name, Raw: raw})
		line += bytes.Count(raw, []byte("\n")) - 1
	}
	return h, nil
}

// fieldEnd is the length of the first field: up to the first line end that no white space follows.
func fieldEnd(block []byte) int {
	for i := 0; ; {
		n := bytes.IndexByte(block[i:], '\n')
		if n < 0 {
			return len(block)
		}
		i += n + 1
		if i == len(block) || block[i] != ' ' && block[i] != '\t' {
			return i
		}
	}
}

// fieldName checks RFC 5322 2.2: printable US-ASCII without colon. Space before the colon is the obsolete
// syntax of 4.5, which is taken.
func fieldName(raw []byte) (string, error) {
	colon := bytes.IndexByte(raw, ':')
	if colon <= 0 {
		return "", fmt.Errorf("%.40q is not a header field: there is no name and colon", raw)
	}
	name := bytes.TrimRight(raw[:colon], " \t")
	for _, c := range name {
		if c <= ' ' || c >= 127 {
			return "", fmt.Errorf("%.40q is not a header field: its name has a space or a special character", raw)
		}
	}
	if len(name) == 0 {
		return "", errors.New("a header field has no name")
	}
	return string(name), nil
}

// All returns the fields of this name.
func (h Header) All(name string) []Field {
	var fs []Field
	for _, f := range h {
		if f.Is(name) {
			fs = append(fs, f)
		}
	}
	return fs
}

// Get returns the unfolded value of the first field of this name, or "".
func (h Header) Get(name string) string {
	for _, f := range h {
		if f.Is(name) {
			return f.Value()
		}
	}
	return ""
}

// Has reports whether there is a field of this name.
func (h Header) Has(name string) bool {
	for _, f := range h {
		if f.Is(name) {
			return true
		}
	}
	return false
}

// Fold writes a field whose value may have any length: lines are broken at spaces before 78 columns where that
// is possible (RFC 5322 2.1.1), and text that is not printable US-ASCII becomes encoded words (RFC 2047). It is for
// unstructured fields: what is encoded may not hold addresses.
func Fold(name, value string) []byte {
	value = mime.QEncoding.Encode("utf-8", strings.Join(strings.FieldsFunc(value, isLineEnd), " "))
	var b bytes.Buffer
	b.WriteString(name + ":")
	column := len(name) + 1
	for _, word := range strings.Split(strings.TrimSpace(value), " ") {
		// An empty word, from one space beside another, begins no line: a line of white space alone is obsolete (RFC 5322 4.2).
		if word != "" && column+1+len(word) > 78 && column > len(name)+1 {
			b.WriteString("\r\n")
			column = 0
		}
		b.WriteString(" " + word)
		column += 1 + len(word)
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

func isLineEnd(r rune) bool { return r == '\r' || r == '\n' }
