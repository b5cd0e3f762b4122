package report

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"io"
	"strings"

	"github.com/budkavle/budkavle/internal/base/wording"
)

// Limits of what is compressed. XML and JSON of reports shrink to a tenth, the longest to an eightieth; what grows by more than maxGrowth, and
// beyond its first MiB, is made to harm. A row of a DMARC report has some 800 octets, so that MaxUnpacked is enough for
// dmarc.MaxRows of them; reading it takes a few seconds, which is the most that one report can cost.
const (
	MaxPacked   = 10 << 20 // octets as they come
	MaxUnpacked = 50 << 20 // octets they become; they stream by
	maxGrowth   = 200
	maxHarmless = 1 << 20
)

const byteOrderMark = "\xef\xbb\xbf"

type form int

const (
	unknown form = iota
	isGzip
	isZip
	isXML
	isJSON
)

// sniff tells forms by how they begin, since names and media types of attachments are anything.
func sniff(b []byte) form {
	switch {
	case bytes.HasPrefix(b, []byte("\x1f\x8b")):
		return isGzip
	case bytes.HasPrefix(b, []byte("PK\x03\x04")):
		return isZip
	}
	b = bytes.TrimLeft(bytes.TrimPrefix(b, []byte(byteOrderMark)), " \t\r\n")
	switch {
	case bytes.HasPrefix(b, []byte("<")) && !bytes.HasPrefix(b, []byte("<html")):
		return isXML
	case bytes.HasPrefix(b, []byte("{")):
		return isJSON
	}
	return unknown
}

// unpack undoes one compression, as it is read.
func unpack(raw []byte) (*bufio.Reader, error) {
	if len(raw) > MaxPacked {
		return nil, wording.Errorf("it is longer than %d MiB", MaxPacked>>20)
	}
	var r io.Reader
	switch sniff(raw) {
	case isGzip:
		z, err := gzip.NewReader(bytes.NewReader(raw))
		if err != nil {
			return nil, unpacking(err)
		}
		r = z
	case isZip:
		z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			return nil, unpacking(err)
		}
		f := member(z)
		if f == nil {
			return nil, wording.Errorf("there is no file in the zip archive")
		}
		if r, err = f.Open(); err != nil {
			return nil, unpacking(err)
		}
	default:
		return skipMark(bytes.NewReader(raw)), nil
	}
	return skipMark(&bounded{r, int64(min(MaxUnpacked, max(maxHarmless, maxGrowth*len(raw))))}), nil
}

// member is the report of an archive: the first file with the right name, else the first file.
func member(z *zip.Reader) *zip.File {
	var first *zip.File
	for _, f := range z.File {
		name := strings.ToLower(f.Name)
		if strings.HasSuffix(name, "/") || strings.HasPrefix(name, "__macosx") {
			continue
		}
		if strings.HasSuffix(name, ".xml") || strings.HasSuffix(name, ".json") {
			return f
		}
		if first == nil {
			first = f
		}
	}
	return first
}

// skipMark leaves out the byte order mark that Windows programs put in front of UTF-8.
func skipMark(r io.Reader) *bufio.Reader {
	b := bufio.NewReader(r)
	if head, _ := b.Peek(len(byteOrderMark)); string(head) == byteOrderMark {
		_, _ = b.Discard(len(byteOrderMark)) // it was there
	}
	return b
}

// errGrows ends the reading of a bomb.
var errGrows = wording.Errorf("it unpacks to far more than a report is; that is how a bomb is made")

// bounded fails beyond its limit, where io.LimitReader would end.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errGrows
	}
	return n, err
}

// unpacking words what goes wrong in compressed data.
func unpacking(err error) error {
	var corrupt flate.CorruptInputError
	switch {
	case errors.Is(err, errGrows):
		return errGrows
	case errors.As(err, &corrupt), errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum),
		errors.Is(err, zip.ErrFormat), errors.Is(err, zip.ErrChecksum), errors.Is(err, zip.ErrAlgorithm):
		return wording.Errorf("the compressed data is damaged")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return wording.Errorf("the compressed data ends too early")
	}
	return err
}
