package smtpd

import (
	"io"
	"strconv"
	"strings"

	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// body is a message's text on its way in, by DATA or by BDAT. Whatever is wrong with it, it is read to its true end, so
// that none of it is taken for commands.
type body struct {
	message Message // nil when the handler never began one
	refusal error
	octets  int64
	limit   int64
	check   smtp.TextCheck
}

// take passes on the next octets, unless the message is refused already.
func (b *body) take(p []byte) {
	b.octets += int64(len(p))
	if b.refusal != nil {
		return
	}
	if b.octets > b.limit {
		b.refusal = tooLarge(b.limit)
		return
	}
	b.check.Inspect(p)
	_, b.refusal = b.message.Write(p)
}

// hopeless reports whether the message and n octets more are so much that its end is not worth waiting for.
func (b *body) hopeless(n int64) bool { return b.octets+n > 2*b.limit+1<<20 }

func (b *body) abort() {
	if b.message != nil {
		b.message.Abort()
	}
}

func tooLarge(limit int64) *smtp.Error {
	return smtp.Errorf(552, "5.3.4", "The message is larger than %d octets, the most this server takes", limit)
}

func bdatUnderWay() *smtp.Error {
	return smtp.Errorf(503, "5.5.1", "A BDAT message is under way; finish it with LAST or give it up with RSET")
}

// ready wants a transaction with recipients.
func (s *session) ready() error {
	switch {
	case !s.open:
		return smtp.Errorf(503, "5.5.1", "Say MAIL first")
	case len(s.envelope.Recipients) == 0:
		return smtp.Errorf(503, "5.5.1", "No recipient was accepted")
	}
	return nil
}

// begin starts the text of the transaction's message.
func (s *session) begin() {
	s.body = &body{limit: s.server.MaxSize, refusal: s.ready()}
	if s.body.refusal == nil {
		s.body.message, s.body.refusal = s.server.Handler.Begin(s.context(), &s.peer, s.envelope, s.startedAt)
	}
}

// dataText is DATA (RFC 5321 4.1.1.4).
func (s *session) dataText(rest string) {
	err := s.ready()
	switch {
	case err != nil:
	case s.body != nil:
		err = bdatUnderWay()
	case rest != "":
		err = smtp.Errorf(501, "5.5.4", "DATA takes no parameters")
	}
	if err != nil {
		s.refuse(err)
		return
	}
	if s.begin(); s.body.refusal != nil {
		s.finish()
		return
	}
	s.reply(354, "", "End data with <CR><LF>.<CR><LF>")
	s.expect(true, false)
	reader := smtp.NewDataReader(s.buf.r)
	for {
		piece, err := reader.Next()
		switch {
		case err == io.EOF:
			s.finish()
			return
		case err != nil:
			s.lost(err)
			return
		case s.body.hopeless(int64(len(piece))):
			s.cut()
			return
		}
		s.body.take(piece)
	}
}

// goodChunk is the least octets of a chunk that is not counted as a command without progress.
const goodChunk = 1 << 10

// bdat takes one chunk (RFC 3030 2). Its octets follow the command at once, so they are read whatever the answer will be.
func (s *session) bdat(rest string) {
	size, last, err := parseBdat(rest)
	if err != nil {
		s.refuse(err) // how many octets follow is not known, so the session cannot go on
		s.ending = true
		return
	}
	if s.body == nil {
		s.begin()
	}
	if s.body.hopeless(size) {
		s.cut()
		return
	}
	if err := s.chunk(size); err != nil {
		s.lost(err)
		return
	}
	if last || s.body.refusal != nil {
		s.finish()
		return
	}
	if size >= goodChunk {
		s.fruitless--
	}
	s.reply(250, "2.0.0", strconv.FormatInt(size, 10)+" octets received")
}

// chunk reads exactly size octets.
func (s *session) chunk(size int64) error {
	s.expect(true, false)
	for size > 0 {
		if _, err := s.buf.r.Peek(1); err != nil {
			return err
		}
		piece, _ := s.buf.r.Peek(int(min(size, int64(s.buf.r.Buffered()))))
		s.body.take(piece)
		n, _ := s.buf.r.Discard(len(piece)) // they are buffered
		size -= int64(n)
	}
	return nil
}

// parseBdat reads SIZE [LAST].
func parseBdat(rest string) (size int64, last bool, err error) {
	words := strings.Fields(rest)
	last = len(words) == 2 && strings.EqualFold(words[1], "LAST")
	if len(words) == 1 || last {
		if n, err := strconv.ParseUint(words[0], 10, 48); err == nil {
			return int64(n), last, nil
		}
	}
	return 0, false, smtp.Errorf(501, "5.5.4", "BDAT takes a number of octets and LAST at the end, goodbye")
}

// cut ends the session of a client whose message is hopelessly large.
func (s *session) cut() {
	s.refuse(tooLarge(s.body.limit))
	s.ending = true
}

// finish commits or refuses the message, and ends the transaction.
func (s *session) finish() {
	b, text := s.body, ""
	s.fruitless = 0 // whatever becomes of the message: a client is not cut off because we are out of order
	if b.refusal == nil {
		b.refusal = b.check.Err()
	}
	if b.refusal == nil {
		text, b.refusal = b.message.Commit(s.context())
	}
	if b.refusal != nil {
		s.refuse(b.refusal)
		s.reset()
		return
	}
	s.reset()
	s.errors = 0
	s.reply(250, "2.0.0", text)
}
