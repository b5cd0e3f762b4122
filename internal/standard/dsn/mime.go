package dsn

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/quotedprintable"
	"strings"
	"unicode/utf8"
)

// Bounds of Parse.
const (
	maxDepth  = 5         // multiparts in one another: report, alternative, a list's or scanner's wrapping around them
	maxParts  = 100       // parts looked at in all
	maxHeader = 256 << 10 // octets of a part's header
)

// part is a leaf of the MIME tree. It refers to the message's octets.
type part struct {
	mediaType string // lower case, without parameters
	encoding  string // Content-Transfer-Encoding, lower case
	body      []byte
}

// walker finds the first part that is wanted, depth first.
type walker struct {
	left int // parts it may still look at
	want func(p *part) bool
}

// walk reports whether the wanted part was found. What a returned message holds is not looked at: only multiparts are
// opened.
func (w *walker) walk(raw []byte, depth int) bool {
	if w.left--; w.left < 0 {
		return false
	}
	header, body := cutHeader(raw)
	var p part
	var boundary string
	for _, f := range fields(header) {
		switch f.name {
		case "content-type":
			if p.mediaType == "" {
				p.mediaType, boundary = contentType(f.value)
			}
		case "content-transfer-encoding":
			p.encoding = strings.ToLower(firstWord(f.value))
		}
	}
	if !strings.HasPrefix(p.mediaType, "multipart/") {
		p.body = body
		return w.want(&p)
	}
	if boundary == "" || depth == maxDepth {
		return false
	}
	parts := multipart{rest: body, mark: []byte("--" + boundary)}
	parts.next() // the preamble
	for !parts.ended && w.left > 0 {
		if w.walk(parts.next(), depth+1) {
			return true
		}
	}
	return false
}

// contentType reads a media type and its boundary. Parameters that are no MIME cost only themselves.
func contentType(value string) (mediaType, boundary string) {
	mediaType, params, err := mime.ParseMediaType(value)
	if err == nil {
		return mediaType, params["boundary"]
	}
	mediaType, rest, _ := strings.Cut(value, ";")
	for _, p := range strings.Split(rest, ";") {
		if k, v, ok := strings.Cut(p, "="); ok && strings.EqualFold(strings.TrimSpace(k), "boundary") {
			boundary = strings.Trim(strings.TrimSpace(v), `"`)
		}
	}
	return strings.ToLower(strings.TrimSpace(mediaType)), boundary
}

// multipart parts a body at its delimiter lines (RFC 2046 5.1.1).
type multipart struct {
	rest  []byte
	mark  []byte // with the leading dashes
	ended bool   // the closing delimiter, or the end, was met
}

// next returns the octets up to the next delimiter and moves behind it.
func (m *multipart) next() []byte {
	for at := 0; ; {
		i := bytes.Index(m.rest[at:], m.mark)
		if i < 0 {
			m.ended = true
			return m.rest // no closing delimiter: the part ends with the message
		}
		i += at
		at = i + len(m.mark)
		if i > 0 && m.rest[i-1] != '\n' {
			continue
		}
		line, rest, _ := bytes.Cut(m.rest[at:], []byte("\n"))
		closing := bytes.HasPrefix(line, []byte("--"))
		if !closing && len(bytes.TrimRight(line, " \t\r")) > 0 {
			continue
		}
		p := m.rest[:i]
		m.rest, m.ended = rest, closing
		return bytes.TrimSuffix(bytes.TrimSuffix(p, []byte("\n")), []byte("\r")) // the line end belongs to the delimiter
	}
}

// decoded undoes the transfer encoding as far as it can be and reads at most limit octets.
func (p *part) decoded(limit int) []byte {
	var r io.Reader = bytes.NewReader(p.body)
	switch p.encoding {
	case "base64":
		r = base64.NewDecoder(base64.StdEncoding, r)
	case "quoted-printable":
		r = quotedprintable.NewReader(r)
	}
	b, _ := io.ReadAll(io.LimitReader(r, int64(limit))) // what precedes a fault is good
	return b
}

// cutHeader parts header and body at the first empty line. A part that begins with one has no header.
func cutHeader(raw []byte) (header, body []byte) {
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

// field is one field of a header or of a group of the status part, unfolded.
type field struct{ name, value string }

// fields reads what has the form of a field; lines that have not are passed over.
func fields(block []byte) []field {
	var list []field
	for len(block) > 0 {
		var line []byte
		line, block, _ = bytes.Cut(block, []byte("\n"))
		line = bytes.TrimRight(line, "\r")
		if len(line) == 0 {
			continue
		}
		if line[0] == ' ' || line[0] == '\t' {
			if n := len(list); n > 0 && len(list[n-1].value)+len(line) < maxText {
				list[n-1].value = strings.TrimSpace(list[n-1].value + " " + clean(line))
			}
			continue
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if name = bytes.TrimRight(name, " \t"); !ok || len(name) == 0 || bytes.ContainsAny(name, " \t") {
			continue
		}
		list = append(list, field{strings.ToLower(string(name)), clean(value)})
	}
	return list
}

// clean makes text of octets that others sent: valid UTF-8, no control characters, at most maxText.
func clean(b []byte) string {
	b = bytes.TrimSpace(b)
	s := strings.ToValidUTF8(string(b[:min(len(b), maxText)]), "?")
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == utf8.RuneError {
			return '?'
		}
		return r
	}, strings.ReplaceAll(s, "\t", " ")))
}

func firstWord(s string) string {
	if i := strings.IndexAny(s, " \t;"); i >= 0 {
		s = s[:i]
	}
	return s
}
