package dmarc

import (
	"bytes"
	"io"
	"strings"

	"github.com/budkavle/budkavle/internal/base/wording"
)

// maxToken is how many octets of markup may come without a new one: encoding/xml keeps each whole.
const maxToken = 64 << 10

// sieve lets through XML that cannot make its reader keep much at once. It follows tags, comments and the like just so
// far as to know where each ends.
type sieve struct {
	r     io.Reader
	until string // what ends the comment, section or instruction being read; empty: in none
	mark  []byte // last octets since the last "<", at most as many as the longest beginning
	run   int    // octets since then
}

// Read implements io.Reader.
func (s *sieve) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	for rest := p[:n]; len(rest) > 0; {
		if s.until == "" && len(s.mark) == 0 { // nothing but the next beginning matters
			at := bytes.IndexByte(rest, '<')
			if at < 0 {
				at = len(rest)
			}
			s.run += at
			rest = rest[at:]
			if s.run <= maxToken && len(rest) == 0 {
				break
			}
		}
		if s.run++; s.run > maxToken {
			return 0, wording.Errorf("an element, text or comment is longer than %d octets", maxToken)
		}
		if fault := s.octet(rest[0]); fault != nil {
			return 0, fault
		}
		rest = rest[1:]
	}
	return n, err
}

func (s *sieve) octet(c byte) error {
	switch {
	case s.until != "":
		if s.mark = append(s.mark, c); len(s.mark) > 3 {
			s.mark = append(s.mark[:0], s.mark[1:]...)
		}
		if bytes.HasSuffix(s.mark, []byte(s.until)) {
			s.until, s.mark = "", s.mark[:0]
		}
	case c == '<' && len(s.mark) < 2:
		s.run, s.mark = 0, append(s.mark[:0], c)
	default:
		s.mark = append(s.mark, c)
		s.open()
	}
	if s.until == ">" && strings.IndexByte(`<["'`, c) >= 0 { // entities, or a file that has some; all of it may hold what ends it
		return wording.Errorf("the XML declares a document type of its own; reports need none")
	}
	return nil
}

// open looks at how markup begins.
func (s *sieve) open() {
	begins := string(s.mark)
	switch {
	case begins == "<?":
		s.until = "?>"
	case begins == "<!--":
		s.until = "-->"
	case begins == "<![CDATA[":
		s.until = "]]>"
	case begins == "<!" || begins == "<!-" || begins != "<!" && len(begins) < 9 && "<![CDATA["[:len(begins)] == begins:
		return // may become one of those
	case begins[1] == '!':
		s.until = ">"
	}
	s.mark = s.mark[:0]
}
