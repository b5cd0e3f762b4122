package dmarc

import (
	"bytes"
	"io"

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
	for _, c := range p[:n] {
		if fault := s.octet(c); fault != nil {
			return 0, fault
		}
	}
	return n, err
}

func (s *sieve) octet(c byte) error {
	if s.run++; s.run > maxToken {
		return wording.Errorf("an element, text or comment is longer than %d octets", maxToken)
	}
	switch {
	case s.until != "":
		if s.mark = append(s.mark, c); len(s.mark) > 3 {
			s.mark = append(s.mark[:0], s.mark[1:]...)
		}
		if s.until == ">" && (c == '<' || c == '[') { // entities and the like, nested or not
			return wording.Errorf("the XML declares a document type of its own; reports need none")
		}
		if bytes.HasSuffix(s.mark, []byte(s.until)) {
			s.until, s.mark = "", s.mark[:0]
		}
		return nil
	case c == '<':
		s.run, s.mark = 0, append(s.mark[:0], c)
		return nil
	case len(s.mark) == 0:
		return nil
	}
	s.mark = append(s.mark, c)
	s.open()
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
