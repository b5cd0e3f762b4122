package validate

import (
	"bufio"
	"compress/gzip"
	"errors"
	"io"
	"os"

	"github.com/budkavle/budkavle/internal/base/wording"
)

// resultFile is an Output with its file.
type resultFile struct {
	Output
	buffer *bufio.Writer
	file   *os.File
}

func create(path string, output func(io.Writer) Output) (*resultFile, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	w := bufio.NewWriterSize(f, 64<<10)
	return &resultFile{output(w), w, f}, nil
}

func (r *resultFile) finish() error {
	return errors.Join(r.Flush(), r.buffer.Flush(), r.file.Sync())
}

// unpacked reads gzip if it is that, and no more than MaxText of it.
func unpacked(in io.Reader) (io.Reader, error) {
	b := bufio.NewReader(in)
	if head, err := b.Peek(2); err != nil || head[0] != 0x1f || head[1] != 0x8b { // RFC 1952 2.3.1
		return b, nil
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		return nil, wording.Errorf("the file begins as gzip and is none: %w", err)
	}
	return &limited{z, MaxText}, nil
}

// limited is io.LimitedReader, but says so.
type limited struct {
	in   io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, wording.Errorf("the file has more than %d octets when it is unpacked; send it in parts", MaxText)
	}
	n, err := l.in.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}
