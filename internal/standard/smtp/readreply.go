package smtp

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Reply is what a server says to a command, RFC 5321 4.2.
type Reply struct {
	Code     int    // 200 to 599; 0: there was no reply
	Enhanced string // RFC 3463, as the server gave it: "5.1.1"; empty when it gave none
	Text     string // its lines without codes, joined by newlines; valid UTF-8 without control characters
}

// Limits of a reply. RFC 5321 4.5.3.1.5 allows lines of 512 octets; servers send longer ones.
const (
	maxReplyLines = 128     // of an EHLO reply, in practice below 30
	maxReplyText  = 8 << 10 // octets of text kept; lines beyond are read and dropped
)

// ErrMalformedReply marks what a server sent that is no reply.
var ErrMalformedReply = errors.New("malformed SMTP reply")

// ReadReply reads one reply of one or more lines. A line must fit in r's buffer. Lines may end in a bare LF. The code
// is the last line's. An error is io.EOF if nothing came, io.ErrUnexpectedEOF if the reply broke off, one that wraps
// ErrMalformedReply, or what r's source said.
func ReadReply(r *bufio.Reader) (Reply, error) {
	var (
		lines    = make([]string, 0, 1) // most replies have one; it stays on the stack
		enhanced string
		kept     int
	)
	for n := range maxReplyLines {
		line, err := r.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return Reply{}, fmt.Errorf("%w: line of over %d octets", ErrMalformedReply, len(line))
		case errors.Is(err, io.EOF) && (n > 0 || len(line) > 0):
			return Reply{}, io.ErrUnexpectedEOF
		case err != nil:
			return Reply{}, err
		}
		code, last, text, ok := splitReplyLine(line)
		if !ok {
			return Reply{}, fmt.Errorf("%w: %.60q", ErrMalformedReply, line)
		}
		if s := clean(text); kept+len(s) <= maxReplyText {
			var e string
			if e, s = cutEnhanced(code, s); e != "" {
				enhanced = e
			}
			kept += len(s)
			lines = append(lines, s)
		}
		if last {
			if enhanced != "" && int(enhanced[0]-'0') != code/100 {
				enhanced = "" // of an earlier line, whose code was another
			}
			return Reply{Code: code, Enhanced: enhanced, Text: strings.Join(lines, "\n")}, nil
		}
	}
	return Reply{}, fmt.Errorf("%w: over %d lines", ErrMalformedReply, maxReplyLines)
}

// splitReplyLine reads "250-text", "250 text" or "250".
func splitReplyLine(line []byte) (code int, last bool, text []byte, ok bool) {
	line = bytes.TrimSuffix(line[:len(line)-1], []byte{'\r'})
	if len(line) < 3 || line[0] < '2' || line[0] > '5' || !digit(line[1]) || !digit(line[2]) {
		return 0, false, nil, false
	}
	code = int(line[0]-'0')*100 + int(line[1]-'0')*10 + int(line[2]-'0')
	if len(line) == 3 {
		return code, true, nil, true
	}
	return code, line[3] == ' ', line[4:], line[3] == ' ' || line[3] == '-'
}

// clean makes a string that is fit for logs and databases of what a server sent.
func clean(b []byte) string {
	if utf8.Valid(b) && bytes.IndexFunc(b, control) < 0 {
		return string(b)
	}
	return strings.Map(func(r rune) rune {
		if control(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(string(b), "?"))
}

func control(r rune) bool { return r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0 }

// cutEnhanced parts a line's enhanced status code from its text, RFC 2034 4. Its class must be the code's.
func cutEnhanced(code int, s string) (enhanced, rest string) {
	end := strings.IndexByte(s, ' ')
	if end < 0 {
		end = len(s)
	}
	if !ValidEnhanced(s[:end]) || int(s[0]-'0') != code/100 {
		return "", s
	}
	return s[:end], strings.TrimPrefix(s[end:], " ")
}

// ValidEnhanced reports whether s is an enhanced status code: class 2, 4 or 5, subject and detail of one to three
// digits (RFC 3463 2).
func ValidEnhanced(s string) bool {
	if len(s) < 5 || s[0] != '2' && s[0] != '4' && s[0] != '5' || s[1] != '.' {
		return false
	}
	subject, detail, ok := strings.Cut(s[2:], ".")
	return ok && threeDigits(subject) && threeDigits(detail)
}

func threeDigits(s string) bool {
	for i := range len(s) {
		if !digit(s[i]) {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 3
}

func digit(c byte) bool { return '0' <= c && c <= '9' }
