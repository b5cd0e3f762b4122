package parts

import (
	"bytes"
	"encoding/base64"
	"html"
	"io"
	"mime/quotedprintable"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/japanese"
)

// Octets undoes the transfer encoding as far as it can be and reads at most limit octets.
func (p *Part) Octets(limit int) []byte {
	var r io.Reader = bytes.NewReader(p.body)
	switch p.encoding {
	case "base64":
		r = base64.NewDecoder(base64.StdEncoding, r)
	case "quoted-printable":
		r = quotedprintable.NewReader(r)
	default:
		return p.body[:min(len(p.body), limit)]
	}
	b, _ := io.ReadAll(io.LimitReader(r, int64(limit))) // what precedes a fault is good
	return b
}

// Text reads at most limit octets as UTF-8 with bare line feeds, whatever charset they are in. Of HTML it is what a reader
// sees.
func (p *Part) Text(limit int) string {
	s := decode(p.Octets(limit), p.Charset)
	if p.MediaType == "text/html" {
		s = visible(s)
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

// decode takes the charset that is named; where the text is not of it, or none is named, UTF-8, the escape sequences of
// ISO-2022-JP, and last Windows-1252, of which every octet has a meaning.
func decode(b []byte, charset string) string {
	if e, err := htmlindex.Get(charset); err == nil && charset != "" {
		if s, err := e.NewDecoder().Bytes(b); err == nil && bytes.Count(s, []byte("\ufffd"))*20 <= len(s) {
			return string(s)
		}
	}
	if utf8.Valid(b) {
		if bytes.Contains(b, []byte("\x1b$")) {
			if s, err := japanese.ISO2022JP.NewDecoder().Bytes(b); err == nil {
				return string(s)
			}
		}
		return string(b)
	}
	s, _ := charmap.Windows1252.NewDecoder().Bytes(b) // never fails
	return strings.ToValidUTF8(string(s), "\ufffd")
}

var (
	unseen   = regexp.MustCompile(`(?is)<(style|script|head)\b.*?</(style|script|head)>|<!--.*?-->`)
	lineEnds = regexp.MustCompile(`(?i)<(br|/p|/div|/tr|/li|/h[1-6]|p|div|hr)\b[^>]*>`)
	tags     = regexp.MustCompile(`<[a-zA-Z/!][^>]*>`)
)

// visible leaves out tags, styles and scripts, and ends lines where blocks end.
func visible(s string) string {
	s = unseen.ReplaceAllString(s, " ")
	s = strings.NewReplacer("\r", " ", "\n", " ").Replace(s)
	s = tags.ReplaceAllString(lineEnds.ReplaceAllString(s, "\n"), " ")
	return html.UnescapeString(s)
}
