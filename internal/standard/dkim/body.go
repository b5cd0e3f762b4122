package dkim

import (
	"crypto/sha256"
	"hash"
)

// BodyHash is the SHA-256 of a body in relaxed canonicalisation (RFC 6376 3.4.4), taken as the body streams
// in. Lines end with CRLF. The zero value is not ready: use NewBodyHash.
type BodyHash struct {
	h       hash.Hash
	buf     []byte
	lines   int  // line ends not yet hashed: they count only if text follows
	space   bool // white space not yet hashed: it counts only if text follows on the line
	cr      bool // the last octet was CR
	content bool // something was hashed
}

const hashBuffer = 4 << 10

// NewBodyHash returns an empty body's hash.
func NewBodyHash() *BodyHash {
	return &BodyHash{h: sha256.New(), buf: make([]byte, 0, hashBuffer+256)}
}

// Reset makes it ready for another body.
func (b *BodyHash) Reset() {
	b.h.Reset()
	*b = BodyHash{h: b.h, buf: b.buf[:0]}
}

// Write never fails.
func (b *BodyHash) Write(p []byte) (int, error) {
	for i := 0; i < len(p); {
		c := p[i]
		if b.cr {
			b.cr = false
			if c == '\n' {
				b.lines++
				b.space = false
				i++
				continue
			}
			b.text([]byte{'\r'}) // a lone CR is text like any other
		}
		switch c {
		case '\r':
			b.cr = true
			i++
		case ' ', '\t':
			b.space = true
			i++
		default:
			end := i + 1
			for end < len(p) && p[end] != ' ' && p[end] != '\t' && p[end] != '\r' {
				end++
			}
			b.text(p[i:end])
			i = end
		}
	}
	return len(p), nil
}

// text hashes octets that are neither white space nor line ends, after what was put off before them.
func (b *BodyHash) text(p []byte) {
	for ; b.lines > 0; b.lines-- {
		b.buf = append(b.buf, '\r', '\n')
		b.flush()
	}
	if b.space {
		b.buf = append(b.buf, ' ')
		b.space = false
	}
	b.content = true
	if len(p) > hashBuffer {
		_, _ = b.h.Write(b.buf)
		_, _ = b.h.Write(p)
		b.buf = b.buf[:0]
		return
	}
	b.buf = append(b.buf, p...)
	b.flush()
}

// flush keeps the buffer below its size; a hash.Hash never fails.
func (b *BodyHash) flush() {
	if len(b.buf) >= hashBuffer {
		_, _ = b.h.Write(b.buf)
		b.buf = b.buf[:0]
	}
}

// Sum ends the body and returns its hash. Empty lines at the end do not count; a body with any text ends
// with one CRLF, one without is empty.
func (b *BodyHash) Sum() []byte {
	if b.cr {
		b.cr = false
		b.text([]byte{'\r'})
	}
	if b.content {
		b.buf = append(b.buf, '\r', '\n')
	}
	_, _ = b.h.Write(b.buf)
	b.buf = b.buf[:0]
	return b.h.Sum(nil)
}
