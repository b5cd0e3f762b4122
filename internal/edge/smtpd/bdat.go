package smtpd

import (
	"bytes"
	"io"
	"strconv"
	"strings"

	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// chunked is a message that comes by BDAT (RFC 3030 2).
type chunked struct {
	message Message
	refusal error
	octets  int64
	cr      bool // the last octet was CR
	bare    bool
}

func (c *chunked) abort() {
	if c.message != nil {
		c.message.Abort()
	}
}

// bdat takes one chunk. Its octets follow the command at once, so they are read whatever the answer will be: they must
// never be taken for commands.
func (s *session) bdat(rest string) {
	size, last, err := parseBdat(rest)
	if err != nil {
		// How many octets follow is not known, so the session cannot go on.
		e := smtp.AsError(err)
		s.end(e.Code, e.Enhanced, e.Text)
		return
	}
	c := s.chunks
	if c == nil {
		c = &chunked{refusal: s.ready()}
		if c.refusal == nil {
			c.message, c.refusal = s.server.Handler.Begin(s.ctx, &s.peer, s.envelope, s.startedAt)
		}
		s.chunks = c
	}
	s.beginData()
	if err := s.chunk(c, size); err != nil {
		s.lost(err)
		s.ending = true
		return
	}
	switch {
	case last:
		s.lastChunk(c)
	case c.refusal != nil:
		s.chunks = nil
		c.abort()
		s.reset()
		s.refuse(c.refusal)
	default:
		s.reply(250, "2.0.0", strconv.FormatInt(size, 10)+" octets received")
	}
}

func (s *session) lastChunk(c *chunked) {
	s.chunks = nil
	defer c.abort()
	if c.refusal == nil && (c.bare || c.cr) {
		c.refusal = smtp.Errorf(550, "5.6.11", "The message has a CR or LF that stands alone; end every line with CRLF (RFC 5321 2.3.8)")
	}
	s.finish(c.message, c.refusal)
}

// chunk reads exactly size octets.
func (s *session) chunk(c *chunked, size int64) error {
	for size > 0 {
		if _, err := s.buf.r.Peek(1); err != nil {
			return unexpected(err)
		}
		piece, err := s.buf.r.Peek(int(min(size, int64(s.buf.r.Buffered()))))
		if err != nil {
			return unexpected(err)
		}
		c.take(piece, s.server.MaxSize)
		size -= int64(len(piece))
		if _, err := s.buf.r.Discard(len(piece)); err != nil {
			return err
		}
	}
	return nil
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (c *chunked) take(p []byte, limit int64) {
	c.octets += int64(len(p))
	c.inspect(p)
	if c.refusal == nil && c.octets > limit {
		c.refusal = tooLarge(limit)
	}
	if c.refusal == nil {
		_, c.refusal = c.message.Write(p)
	}
}

// inspect looks for line ends that are not CRLF: text is text, however it is framed (BINARYMIME is not offered).
func (c *chunked) inspect(p []byte) {
	for len(p) > 0 && !c.bare {
		if c.cr {
			c.bare, c.cr = p[0] != '\n', false
			p = p[1:]
			continue
		}
		i := bytes.IndexAny(p, "\r\n")
		if i < 0 {
			return
		}
		c.bare, c.cr = p[i] == '\n', p[i] == '\r'
		p = p[i+1:]
	}
}

// parseBdat reads SIZE [LAST].
func parseBdat(rest string) (size int64, last bool, err error) {
	number, word, more := strings.Cut(rest, " ")
	size, perr := strconv.ParseInt(number, 10, 64)
	last = strings.EqualFold(word, "LAST")
	if perr != nil || size < 0 || size > 1<<40 || more && !last {
		return 0, false, smtp.Errorf(501, "5.5.4", "BDAT takes a number of octets and LAST at the end; goodbye")
	}
	return size, last, nil
}
