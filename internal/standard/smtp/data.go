package smtp

import (
	"bufio"
	"bytes"
	"io"
)

// DataReader reads the text of DATA up to its end, CRLF "." CRLF and nothing else (RFC 5321 4.1.1.4), and takes away
// the dots that were stuffed (4.5.2). A CR or LF that stands alone is text like any other, so that it cannot end the
// message for one server and not for another; TextCheck finds it.
type DataReader struct {
	r     *bufio.Reader
	start bool // at the start of a line, after a true CRLF
	cr    bool // the last piece ended with CR and no LF yet
	done  bool
}

// NewDataReader reads from r, whose buffer must hold at least 16 octets.
func NewDataReader(r *bufio.Reader) *DataReader { return &DataReader{r: r, start: true} }

// Next returns the next piece of the message; it is valid until the next call. At the end of the message it returns
// io.EOF; the connection's end before that is io.ErrUnexpectedEOF.
func (d *DataReader) Next() ([]byte, error) {
	if d.done {
		return nil, io.EOF
	}
	piece, err := d.r.ReadSlice('\n')
	switch {
	case err == io.EOF:
		return nil, io.ErrUnexpectedEOF
	case err != nil && err != bufio.ErrBufferFull:
		return nil, err
	case d.start && string(piece) == ".\r\n":
		d.done = true
		return nil, io.EOF
	}
	begin := 0
	if d.start && piece[0] == '.' {
		begin = 1
	}
	n := len(piece)
	d.start = err == nil && (n >= 2 && piece[n-2] == '\r' || n == 1 && d.cr)
	d.cr = err != nil && piece[n-1] == '\r'
	return piece[begin:], nil
}

// TextCheck looks in a message for octets that two servers may read in two ways: CR or LF that stands alone (RFC 5321
// 2.3.8), where one sees the end of a line and the other does not, and NUL (RFC 5322 4, RFC 2045 2.8), which some
// leave out. Its zero value is ready.
type TextCheck struct {
	cr   bool // the last octet was CR
	bare bool
	nul  bool
}

// Inspect takes the next octets of the message, in pieces of any size.
func (c *TextCheck) Inspect(p []byte) {
	c.nul = c.nul || bytes.IndexByte(p, 0) >= 0
	for len(p) > 0 && !c.bare {
		line, rest, ended := bytes.Cut(p, []byte{'\n'})
		// With the CR that ended the piece before, line is all since the last LF.
		cr := bytes.IndexByte(line, '\r')
		switch {
		case c.cr:
			c.bare = !ended || len(line) > 0
		case ended:
			c.bare = cr < 0 || cr != len(line)-1
		default:
			c.bare = cr >= 0 && cr != len(line)-1
		}
		c.cr = !ended && cr >= 0
		p = rest
	}
}

// Err refuses the message if there was such an octet. It is asked at the message's end.
func (c *TextCheck) Err() error {
	switch {
	case c.bare || c.cr:
		return Errorf(550, "5.6.11", "The message has a CR or LF that stands alone; end every line with CRLF (RFC 5321 2.3.8)")
	case c.nul:
		return Errorf(550, "5.6.11", "The message has a NUL octet, which no mail may have (RFC 5322 4); encode it as base64")
	}
	return nil
}
