package validate

import (
	"bufio"
	"bytes"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

const (
	// sampleSize is how much of a file is looked at to find its charset, delimiter, header and column.
	sampleSize = 64 << 10
	// maxRecord bounds a record in octets, and with it what an unclosed quote can swallow and the memory of a row.
	maxRecord = 64 << 10
)

// Charset is how a file writes its characters.
type Charset string

// Charsets. Which one a file has is told by its byte order mark, else by what its octets can be: UTF-16 has zeros in ASCII
// text; what is not UTF-8 is Windows-1252, and ISO-8859-1 if it has none of the characters that only the former has.
const (
	UTF8        Charset = "utf-8"
	UTF8BOM     Charset = "utf-8 with byte order mark"
	UTF16LE     Charset = "utf-16le"
	UTF16BE     Charset = "utf-16be"
	Windows1252 Charset = "windows-1252"
	Latin1      Charset = "iso-8859-1"
)

// octets counts what is read through it.
type octets struct {
	in io.Reader
	n  int64
}

func (o *octets) Read(p []byte) (int, error) {
	n, err := o.in.Read(p)
	o.n += int64(n)
	return n, err
}

// lines reads the lines of a file of any charset as UTF-8. A line that is not UTF-8 is read as Windows-1252 by itself:
// the first such line of a file may come late.
type lines struct {
	in      *bufio.Reader
	charset Charset
	buf     []byte
	decoded []byte
	eof     bool
}

func newLines(r io.Reader) (*lines, error) {
	in := bufio.NewReaderSize(r, sampleSize)
	head, err := in.Peek(sampleSize)
	if err != nil && err != io.EOF {
		return nil, err
	}
	l := &lines{in: in, charset: charsetOf(head)}
	switch l.charset {
	case UTF8BOM:
		_, err = in.Discard(3)
	case UTF16LE:
		l.in = bufio.NewReaderSize(transform.NewReader(in, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder()), sampleSize)
		err = nil
	case UTF16BE:
		l.in = bufio.NewReaderSize(transform.NewReader(in, unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewDecoder()), sampleSize)
		err = nil
	default:
		err = nil
	}
	return l, err
}

func charsetOf(head []byte) Charset {
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		return UTF8BOM
	case bytes.HasPrefix(head, []byte("\xff\xfe")):
		return UTF16LE
	case bytes.HasPrefix(head, []byte("\xfe\xff")):
		return UTF16BE
	}
	var zeros [2]int
	for i, b := range head {
		if b == 0 {
			zeros[i%2]++
		}
	}
	switch half := len(head) / 2; {
	case half > 0 && zeros[1] > half/2 && zeros[0] < half/8:
		return UTF16LE
	case half > 0 && zeros[0] > half/2 && zeros[1] < half/8:
		return UTF16BE
	}
	return UTF8
}

// next gives a line without its end, which may be LF, CRLF or CR before LF twice. What is longer than maxRecord is cut,
// and long says so. The line is good until the next call.
func (l *lines) next() (line []byte, long bool, err error) {
	if l.eof {
		return nil, false, io.EOF
	}
	l.buf = l.buf[:0]
	for {
		part, err := l.in.ReadSlice('\n')
		if room := maxRecord - len(l.buf); len(part) > room {
			part, long = part[:room], true
		}
		l.buf = append(l.buf, part...)
		if err == nil {
			break
		}
		if err == io.EOF {
			l.eof = true
			if len(l.buf) == 0 {
				return nil, false, io.EOF
			}
			break
		}
		if err != bufio.ErrBufferFull {
			return nil, false, err
		}
	}
	line = bytes.TrimRight(l.buf, "\r\n")
	if !utf8.Valid(line) {
		line = l.decode(line)
	}
	return line, long, nil
}

// decode reads a line as Windows-1252, and remembers that the file is.
func (l *lines) decode(line []byte) []byte {
	if l.charset == UTF8 {
		l.charset = Latin1
	}
	l.decoded = l.decoded[:0]
	for _, b := range line {
		if l.charset == Latin1 && b >= 0x80 && b < 0xa0 {
			l.charset = Windows1252
		}
		l.decoded = utf8.AppendRune(l.decoded, charmap.Windows1252.DecodeByte(b))
	}
	return l.decoded
}
