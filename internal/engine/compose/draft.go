// Package compose makes submitted octets into the message that goes out: it finishes the header, hashes the body
// for DKIM while it streams in, and refuses what is no message.
//
// A Draft holds one copy of the message; the room for added fields is kept in front of it, so the body is
// never moved. Faults are *smtp.Error with a text for the submitter that names the field and what to do. Lines
// longer than the 998 octets of RFC 5321 4.5.3.1.6 are taken: real mail has them and every receiver of size takes
// them. It does not decide who may send as whom, stores nothing and signs with whatever signer it is given.
package compose

import (
	"bytes"
	"encoding/binary"

	"github.com/budkavle/budkavle/internal/standard/dkim"
	"github.com/budkavle/budkavle/internal/standard/message"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// headroom is what is kept free in front of a message for Received (about 300 octets), Date, Message-ID and two
// DKIM signatures (about 600 each). A header that needs more is copied once.
const headroom = 2560

const (
	// firstBuffer is what a draft begins with, uncounted.
	firstBuffer = 8 << 10
	// maxHint bounds the room made at once for a message of declared size: the sender has yet to send what it declared.
	maxHint = 1 << 20
)

// Draft is a message on its way in. It is used by one goroutine.
type Draft struct {
	buf      []byte // headroom octets, then the message
	bodyAt   int    // index in buf of the first body octet; 0 while the header has not ended
	hash     *dkim.BodyHash
	sum      []byte // of hash, once the body has ended
	max      int64
	hint     int64
	grow     func(octets int64) error
	eightBit bool
	cr       bool // the last octet was CR
	bare     bool // a CR or LF stood alone
}

// NewDraft takes at most max octets. grow, unless nil, is asked before the buffer becomes larger than its first 8 KiB,
// with the octets it will have in all; its error ends the draft. hint is the size the sender declared, or 0.
func NewDraft(max, hint int64, grow func(octets int64) error) *Draft {
	return &Draft{buf: make([]byte, headroom, firstBuffer), max: max, hint: min(hint, max, maxHint), grow: grow, hash: dkim.NewBodyHash()}
}

// Size is the octets taken so far.
func (d *Draft) Size() int64 { return int64(len(d.buf) - headroom) }

// Write takes the next octets of the message.
func (d *Draft) Write(p []byte) (int, error) {
	if d.Size()+int64(len(p)) > d.max {
		return 0, smtp.Errorf(552, "5.3.4", "The message is larger than %d octets, the most this server takes", d.max)
	}
	if err := d.makeRoom(len(p)); err != nil {
		return 0, err
	}
	d.inspect(p)
	d.buf = append(d.buf, p...)
	if d.bodyAt > 0 {
		_, _ = d.hash.Write(p) // never fails
		return len(p), nil
	}
	if err := d.findBody(len(d.buf) - len(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (d *Draft) makeRoom(n int) error {
	need := len(d.buf) + n
	if need <= cap(d.buf) {
		return nil
	}
	size := max(2*cap(d.buf), headroom+int(d.hint))
	size = max(min(size, headroom+int(d.max)), need)
	if d.grow != nil {
		if err := d.grow(int64(size)); err != nil {
			return err
		}
	}
	larger := make([]byte, len(d.buf), size)
	copy(larger, d.buf)
	d.buf = larger
	return nil
}

// inspect notes octets above 127 and line ends that are not CRLF.
func (d *Draft) inspect(p []byte) {
	if len(p) == 0 {
		return
	}
	if !d.eightBit {
		d.eightBit = hasHighBit(p)
	}
	// Every LF must follow a CR; if besides there are as many of each, every CR is followed by an LF.
	crs, lfs := bytes.Count(p, []byte{'\r'}), 0
	if d.cr {
		crs++
	}
	for i := 0; ; i++ {
		n := bytes.IndexByte(p[i:], '\n')
		if n < 0 {
			break
		}
		if i += n; i > 0 && p[i-1] != '\r' || i == 0 && !d.cr {
			d.bare = true
		}
		lfs++
	}
	d.cr = p[len(p)-1] == '\r'
	if d.cr {
		crs--
	}
	d.bare = d.bare || crs != lfs
}

// hasHighBit reports whether p has an octet above 127, looking at eight at a time.
func hasHighBit(p []byte) bool {
	const highBits = 0x8080808080808080
	for ; len(p) >= 8; p = p[8:] {
		if binary.LittleEndian.Uint64(p)&highBits != 0 {
			return true
		}
	}
	for _, c := range p {
		if c >= 128 {
			return true
		}
	}
	return false
}

// findBody looks for the empty line that ends the header, in what came since from.
func (d *Draft) findBody(from int) error {
	begin := max(from-3, headroom)
	if bytes.HasPrefix(d.buf[headroom:], []byte("\r\n")) {
		d.bodyAt = headroom + 2
	} else if i := bytes.Index(d.buf[begin:], []byte("\r\n\r\n")); i >= 0 {
		d.bodyAt = begin + i + 4
	} else if len(d.buf)-headroom > message.MaxHeader {
		return headerTooLong()
	} else {
		return nil
	}
	_, _ = d.hash.Write(d.buf[d.bodyAt:])
	return nil
}

func headerTooLong() *smtp.Error {
	return smtp.Errorf(552, "5.3.4", "The message's header is over %d octets or %d fields", message.MaxHeader, message.MaxFields)
}

// bodyHash is that of the whole body.
func (d *Draft) bodyHash() []byte {
	if d.sum == nil {
		d.sum = d.hash.Sum()
	}
	return d.sum
}

// header is the header block without the empty line.
func (d *Draft) header() []byte {
	if d.bodyAt > 0 {
		return d.buf[headroom : d.bodyAt-2]
	}
	return d.buf[headroom:]
}
