package smtp

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// readAll reads a message to its end, through a buffer of this size.
func readAll(in io.Reader, buffer int) (text, rest []byte, err error) {
	r := bufio.NewReaderSize(in, buffer)
	d := NewDataReader(r)
	for {
		piece, err := d.Next()
		if err == io.EOF {
			rest, err = io.ReadAll(r)
			return text, rest, err
		}
		if err != nil {
			return text, nil, err
		}
		text = append(text, piece...)
	}
}

// reference is RFC 5321 4.1.1.4 and 4.5.2 as they are written: the text ends at the first CRLF "." CRLF, where the CRLF
// that ended the command DATA counts, and loses a dot after each CRLF.
func reference(in []byte) (text, rest []byte, ok bool) {
	before, rest, ok := bytes.Cut(append([]byte("\r\n"), in...), []byte("\r\n.\r\n"))
	text = bytes.ReplaceAll(append(before, "\r\n"...), []byte("\r\n."), []byte("\r\n"))
	return text[2:], rest, ok
}

// isClean is what TextCheck looks for, as it is written: no CR but before LF, no LF but after CR, no NUL.
func isClean(text []byte) bool {
	left := bytes.ReplaceAll(text, []byte("\r\n"), nil)
	return !bytes.ContainsAny(left, "\r\n\x00")
}

var texts = []string{
	".\r\nQUIT\r\n", "a\r\n.\r\n", "..\r\n.\r\n", ".a\r\n..b\r\n...\r\n.\r\n", "a\n.\r\n.\r\n", "a\r.\r\n.\r\n\r\n.\r\n", "\r\r\n.\r\n", "\n.\n\r\n.\r\n",
	"a\r\n\x00.\r\n\r\n.\r\n", strings.Repeat("x", 15) + "\r\n.\r\n", strings.Repeat("x", 16) + "\r\n.\r\n", strings.Repeat("x", 14) + "\r\r\n.\r\n",
	"." + strings.Repeat("x", 15) + "\r\n.\r\n", "a", "a\r\n.", "a\r\n.\r", "",
}

func check(t *testing.T, in []byte, buffer int) {
	t.Helper()
	want, wantRest, ok := reference(in)
	for name, r := range map[string]io.Reader{"whole": bytes.NewReader(in), "octets": iotest.OneByteReader(bytes.NewReader(in))} {
		text, rest, err := readAll(r, buffer)
		if !ok {
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s %q: %q, %v, want an unexpected end", name, in, text, err)
			}
			continue
		}
		if err != nil || !bytes.Equal(text, want) || !bytes.Equal(rest, wantRest) {
			t.Errorf("%s %q: %q, then %q (%v), want %q, then %q", name, in, text, rest, err, want, wantRest)
		}
	}
}

func TestDataReader(t *testing.T) {
	for _, in := range texts {
		for _, buffer := range []int{16, 17, 18, 4096} {
			check(t, []byte(in), buffer)
		}
	}
}

func TestDataReaderStaysAtItsEnd(t *testing.T) {
	d := NewDataReader(bufio.NewReader(strings.NewReader(".\r\nQUIT\r\n")))
	for range 2 {
		if p, err := d.Next(); err != io.EOF {
			t.Errorf("%q, %v", p, err)
		}
	}
	fault := errors.New("cable")
	if _, err := NewDataReader(bufio.NewReader(iotest.ErrReader(fault))).Next(); err != fault {
		t.Errorf("got %v", err)
	}
}

func checkText(t *testing.T, text []byte, piece int) {
	t.Helper()
	var c TextCheck
	for rest := text; len(rest) > 0; {
		n := min(piece, len(rest))
		c.Inspect(rest[:n])
		rest = rest[n:]
	}
	if err := c.Err(); (err == nil) != isClean(text) {
		t.Errorf("%q in pieces of %d: %v", text, piece, err)
	}
	if err := c.Err(); err != nil && AsError(err).Error()[:10] != "550 5.6.11" {
		t.Error(err)
	}
}

func TestTextCheck(t *testing.T) {
	for _, text := range []string{
		"", "a", "\r\n", "a\r\nb\r\n", "\r\n\r\n", "\r", "\n", "a\r", "a\rb", "a\nb", "\r\r\n", "\r\n\n", "\n\r", "\r\n\r", "a\r\r", "\x00", "a\r\n\x00.\r\n", "\r\x00\n",
	} {
		for piece := 1; piece <= 4; piece++ {
			checkText(t, []byte(text), piece)
		}
	}
}

func FuzzDataReader(f *testing.F) {
	for _, s := range texts {
		f.Add([]byte(s), byte(0))
	}
	f.Fuzz(func(t *testing.T, in []byte, size byte) {
		check(t, in, 16+int(size))
		checkText(t, in, 1+int(size))
	})
}
