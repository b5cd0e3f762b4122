package smtp

import (
	"bufio"
	"bytes"
	"io"
)

// DataReader reads the text of DATA up to its end, CRLF "." CRLF and nothing else (RFC 5321 4.1.1.4), and takes away
// the dots that were stuffed (4.5.2). A CR or LF that stands alone is text, so that it cannot end the message for one
// server and not for another; Bare tells that there was one, and the message is to be refused.
type DataReader struct {
	r     *bufio.Reader
	start bool // at the start of a line, after a true CRLF
	cr    bool // the last piece ended with CR and no LF yet
	bare  bool
	done  bool
}

// NewDataReader reads from r, whose buffer must hold at least 16 octets.
func NewDataReader(r *bufio.Reader) *DataReader { return &DataReader{r: r, start: true} }

// Bare reports whether a CR or LF stood alone in what was read so far.
func (d *DataReader) Bare() bool { return d.bare || d.cr && d.done }

// Next returns the next piece of the message; it is valid until the next call. At the end of the message it returns
// io.EOF; the connection's end before that is io.ErrUnexpectedEOF.
func (d *DataReader) Next() ([]byte, error) {
	if d.done {
		return nil, io.EOF
	}
	line, err := d.r.ReadSlice('\n')
	if err != nil && err != bufio.ErrBufferFull {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	if d.start && len(line) == 3 && line[0] == '.' && line[1] == '\r' {
		d.done = true
		return nil, io.EOF
	}
	d.inspect(line, err == nil)
	if d.start && line[0] == '.' {
		line = line[1:]
	}
	d.start = err == nil && d.endsInCRLF(line)
	d.cr = err != nil && line[len(line)-1] == '\r'
	return line, nil
}

// inspect looks for CR and LF that stand alone. whole says that the piece ends with LF.
func (d *DataReader) inspect(line []byte, whole bool) {
	text := line
	if whole {
		text = line[:len(line)-1]
		if n := len(text); n > 0 && text[n-1] == '\r' {
			text = text[:n-1]
		} else if n > 0 || !d.cr {
			d.bare = true // LF without CR before it
		}
	} else if text[len(text)-1] == '\r' {
		text = text[:len(text)-1] // its LF may come with the next piece
	}
	if d.cr && !(whole && len(line) == 1) {
		d.bare = true // the CR before this piece was alone
	}
	if bytes.IndexByte(text, '\r') >= 0 {
		d.bare = true
	}
}

func (d *DataReader) endsInCRLF(line []byte) bool {
	n := len(line)
	return n >= 2 && line[n-2] == '\r' || n == 1 && d.cr
}
