package api

import (
	"compress/gzip"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/budkavle/budkavle/internal/engine/compose"
)

const (
	// formRoom is what a request may have beside a message of the largest size: names, recipients and their variables.
	formRoom = 4 << 20
	// maxFields bounds the fields of a form: 1000 recipients in fields of their own and as many of everything else.
	maxFields = 4000
	maxName   = 256 // octets of a field's name
	// holdFactor is how many octets of the memory budget each octet of a request counts for: it is kept once, in a
	// buffer of up to twice its size while it grows, and again as the MIME library encodes it, 1.4 times in a buffer of
	// up to twice that.
	holdFactor = 5
	// holdStep is how many octets of a request are counted at a time.
	holdStep = 16 << 10
)

// form is what a request brought.
type form struct {
	values url.Values
	files  []file
	hold   *counted
}

// file is a part with a file name.
type file struct {
	field string
	compose.File
}

// close gives back the memory that is counted for the form.
func (f *form) close() { f.hold.close() }

// readForm reads the body, multipart or urlencoded, plain or in gzip. A request that is too large is refused while it
// comes. The caller closes the form.
func (a *API) readForm(r *http.Request) (*form, error) {
	limit := a.MaxSize + formRoom
	f := &form{values: url.Values{}, hold: &counted{in: r.Body, submit: a.Submit, left: limit, limit: limit}}
	if err := f.read(r); err != nil {
		f.close()
		var re *refusal
		var max *http.MaxBytesError
		switch {
		case f.hold.err != nil: // the reader's own refusal may be wrapped, or lost, in a parser's
			return nil, f.hold.err
		case errors.As(err, &re):
			return nil, re
		case errors.As(err, &max):
			return nil, tooLarge(limit)
		}
		return nil, &refusal{status: http.StatusBadRequest, message: "The body cannot be read as a form: " + err.Error(), cause: err}
	}
	return f, nil
}

func tooLarge(limit int64) *refusal {
	return refuse(http.StatusRequestEntityTooLarge, "The request is larger than %d octets, the most this server takes", limit)
}

func (f *form) read(r *http.Request) error {
	switch encoding := strings.ToLower(r.Header.Get("Content-Encoding")); encoding {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			return badField("The body is not gzip, as Content-Encoding says: %v", err)
		}
		f.hold.in = z // what is counted and limited is what comes out
	default:
		return refuse(http.StatusUnsupportedMediaType, "Content-Encoding: %.80q is not taken here; use gzip or none", encoding)
	}
	mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err == nil && mediaType == "multipart/form-data" && params["boundary"] != "" {
		return f.readMultipart(multipart.NewReader(f.hold, params["boundary"]))
	}
	if err == nil && mediaType == "application/x-www-form-urlencoded" {
		return f.readURLEncoded()
	}
	return refuse(http.StatusUnsupportedMediaType, "Content-Type: send multipart/form-data or application/x-www-form-urlencoded")
}

func (f *form) readURLEncoded() error {
	body, err := io.ReadAll(f.hold)
	if err != nil {
		return err
	}
	if strings.Count(string(body), "&") >= maxFields {
		return badField("The form has more than %d fields", maxFields)
	}
	if f.values, err = url.ParseQuery(string(body)); err != nil {
		return badField("The form is not as application/x-www-form-urlencoded wants it: %v", err)
	}
	for name, values := range f.values {
		for _, v := range values {
			if err := checkField(name, v); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *form) readMultipart(m *multipart.Reader) error {
	for n := 0; ; n++ {
		p, err := m.NextPart()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if n == maxFields {
			return badField("The form has more than %d fields", maxFields)
		}
		name := p.FormName()
		data, err := io.ReadAll(p)
		if err != nil {
			return err
		}
		if filename := fileName(p); filename != "" {
			f.files = append(f.files, file{name, compose.File{Name: filename, Type: p.Header.Get("Content-Type"), Data: data}})
			continue
		}
		if err := checkField(name, string(data)); err != nil {
			return err
		}
		f.values.Add(name, string(data))
	}
}

// fileName is the last element of the name that the client gave: some give a whole path, some a Windows one.
func fileName(p *multipart.Part) string {
	name := p.FileName()
	if name == "" {
		return ""
	}
	return path.Base(name[strings.LastIndexByte(name, '\\')+1:])
}

func checkField(name, value string) error {
	switch {
	case name == "" || len(name) > maxName || !utf8.ValidString(name):
		return badField("The field name %.80q is not one: use 1 to %d octets of UTF-8", name, maxName)
	case name != "message" && !utf8.ValidString(value): // a MIME message may hold any octets
		return badField("%s: the value is not valid UTF-8", name)
	}
	return nil
}

// counted reads a request and counts what it may take of memory against the budget of submission.
type counted struct {
	in          io.Reader
	submit      Submitter
	left, limit int64
	free        int // octets that are counted and not yet read
	releases    []func()
	err         *refusal // why reading ended before the body did
}

func (c *counted) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	if c.free == 0 {
		// Twice as much each time: a large request takes few steps, and half of what is counted is used.
		step := holdStep << min(len(c.releases), 6)
		release, err := c.submit.Hold(int64(step) * holdFactor)
		if err != nil {
			c.err = refusalOf(err)
			return 0, c.err
		}
		c.releases = append(c.releases, release)
		c.free = step
	}
	n, err := c.in.Read(p[:min(len(p), c.free)])
	c.free -= n
	if c.left -= int64(n); c.left < 0 {
		c.err = tooLarge(c.limit)
		return 0, c.err
	}
	return n, err
}

func (c *counted) close() {
	for _, release := range c.releases {
		release()
	}
	c.releases = nil
}
