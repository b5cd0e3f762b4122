package message

import (
	"fmt"
	"io"
	"mime"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
)

// Decode makes a value readable, as valid UTF-8: encoded words (RFC 2047) are decoded, invalid ones left as they are, and
// octets above 127 that are no UTF-8 are taken for Windows-1252, which old systems of Western Europe write.
func Decode(value string) string {
	if !utf8.ValidString(value) {
		value, _ = charmap.Windows1252.NewDecoder().String(value) // every octet has a meaning
	}
	if !strings.Contains(value, "=?") {
		return value
	}
	d := mime.WordDecoder{CharsetReader: charsetReader}
	s, err := d.DecodeHeader(value)
	if err != nil {
		return value
	}
	return strings.ToValidUTF8(s, "\ufffd")
}

func charsetReader(charset string, input io.Reader) (io.Reader, error) {
	e, err := htmlindex.Get(charset)
	if err != nil {
		return nil, fmt.Errorf("charset %q: %w", charset, err)
	}
	return e.NewDecoder().Reader(input), nil
}
