package parts

import (
	"bytes"
	"mime"
	"regexp"
	"strings"
)

// Bounds of Walk.
const (
	MaxDepth = 5   // multiparts in one another: report, alternative, a list's or scanner's wrapping around them
	MaxParts = 100 // parts looked at in all
)

// Part is a leaf of the MIME tree. It refers to the message's octets.
type Part struct {
	Header    Header
	MediaType string // lower case, without parameters; text/plain if it names none (RFC 2045 5.2)
	Charset   string // as it is named, or empty
	encoding  string // Content-Transfer-Encoding, lower case
	body      []byte
}

// Walk shows the leaves of a message to visit, depth first, until it returns true, and reports whether it did. A returned
// message is a leaf: only multiparts are opened.
func Walk(raw []byte, visit func(p *Part) bool) bool {
	w := walker{left: MaxParts, visit: visit}
	return w.walk(raw, 0)
}

type walker struct {
	left  int // parts it may still look at
	visit func(p *Part) bool
}

func (w *walker) walk(raw []byte, depth int) bool {
	if w.left--; w.left < 0 {
		return false
	}
	header, body := Cut(raw)
	p := Part{Header: Fields(header), MediaType: "text/plain", body: body}
	var boundary string
	if value := p.Header.Get("content-type"); value != "" {
		p.MediaType, p.Charset, boundary = contentType(value)
	}
	p.encoding = strings.ToLower(FirstWord(p.Header.Get("content-transfer-encoding")))
	if !strings.HasPrefix(p.MediaType, "multipart/") {
		return w.visit(&p)
	}
	if depth == MaxDepth {
		return false
	}
	if boundary == "" {
		boundary = guessBoundary(body)
	}
	if boundary == "" || !bytes.Contains(body, []byte("--"+boundary)) {
		p.MediaType = "text/plain" // its parts were lost on the way, their text was not
		return w.visit(&p)
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

// contentType reads a media type, its charset and boundary. Parameters that are no MIME cost only themselves.
func contentType(value string) (mediaType, charset, boundary string) {
	mediaType, params, err := mime.ParseMediaType(value)
	if err == nil {
		return mediaType, params["charset"], params["boundary"]
	}
	mediaType, rest, _ := strings.Cut(value, ";")
	for _, p := range strings.Split(rest, ";") {
		k, v, _ := strings.Cut(p, "=")
		v = strings.Trim(strings.TrimSpace(v), `"`)
		switch strings.ToLower(strings.TrimSpace(k)) {
		case "boundary":
			boundary = v
		case "charset":
			charset = v
		}
	}
	return strings.ToLower(strings.TrimSpace(mediaType)), charset, boundary
}

var delimiter = regexp.MustCompile(`(?m)^--([!-~](?:[ -~]{0,68}[!-~])?)[ \t]*\r?$`)

// guessBoundary finds what parts a multipart whose boundary is not in its header: some gateways break the folded line, so
// that it begins the body.
func guessBoundary(body []byte) string {
	const enough = 4 << 10 // octets looked at
	m := delimiter.FindSubmatch(body[:min(len(body), enough)])
	if m == nil || bytes.ContainsRune(m[1], ' ') || len(bytes.Trim(m[1], "-=_*")) == 0 { // a title, or a line drawn under one
		return ""
	}
	return string(m[1])
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
