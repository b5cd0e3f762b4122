package compose

import (
	"bytes"
	"io"
	"mime"
	"net/mail"
	"path"
	"strings"
	"unicode/utf8"

	gomail "github.com/wneessen/go-mail"

	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// Content is a message as it is before it is MIME.
type Content struct {
	From        *mail.Address
	To, Cc      []*mail.Address
	Subject     string
	Text        string // text, HTML and AMP: at least one is not empty
	HTML        string
	AMP         string
	Header      []HeaderField // besides those made from the rest
	Attachments []File
	Inline      []File // referred to from HTML as cid:NAME
}

// HeaderField is a field with its value in UTF-8, neither encoded nor folded.
type HeaderField struct{ Name, Value string }

// File is a file that goes with a message.
type File struct {
	Name string
	Type string // media type; empty or application/octet-stream: by the name
	Data []byte
}

const (
	// maxWord is the longest part of a field without a space that goes out as it is: with its name it must stay within the
	// 998 octets of a line (RFC 5322 2.1.1).
	maxWord = 900
	// maxFileName keeps a name, each octet written as three (RFC 2231 4), on one line of 998 octets.
	maxFileName = 255
)

// Build writes the message as MIME with CRLF line ends, without Date and Message-ID, which Finish adds. Text is UTF-8 in
// quoted-printable, files are base64. Besides what w keeps, it holds one file at a time as encoded: 1.4 times its size, and
// up to twice that while it grows. Errors of w come back as they are; others are *smtp.Error that name the part.
func Build(w io.Writer, c *Content) error {
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := buildHeader(m, c); err != nil {
		return err
	}
	type part struct{ mediaType, text string }
	var bodies []part
	for _, p := range []part{{"text/plain", c.Text}, {"text/x-amp-html", c.AMP}, {"text/html", c.HTML}} { // the best last (RFC 2046 5.1.4)
		if p.text != "" {
			bodies = append(bodies, p)
		}
	}
	if len(bodies) == 0 {
		return smtp.Errorf(554, "5.6.0", "The message has no content: give text, html or amp-html")
	}
	for _, b := range bodies {
		m.AddAlternativeString(gomail.ContentType(b.mediaType), b.text)
	}
	for _, f := range c.Attachments {
		if err := attach(m.AttachReadSeeker, "attachment", &f); err != nil {
			return err
		}
	}
	for _, f := range c.Inline {
		if err := attach(m.EmbedReadSeeker, "inline", &f); err != nil {
			return err
		}
	}
	_, err := m.WriteTo(w)
	return err
}

func buildHeader(m *gomail.Msg, c *Content) error {
	m.FromMailAddress(c.From)
	if len(c.To) > 0 {
		m.ToMailAddress(c.To...)
	}
	if len(c.Cc) > 0 {
		m.CcMailAddress(c.Cc...)
	}
	m.SetGenHeader(gomail.HeaderDate) // without a value, so that the library adds none; Finish puts ours in their place
	m.SetGenHeader(gomail.HeaderMessageID)
	fields := append([]HeaderField{{"Subject", c.Subject}}, c.Header...)
	for _, f := range fields {
		value, err := fieldValue(f)
		if err != nil {
			return err
		}
		m.SetGenHeader(gomail.Header(f.Name), value)
	}
	return nil
}

// fieldValue refuses what would break the header, and folds white space to one space each, as folding may (RFC 5322 2.2.3).
func fieldValue(f HeaderField) (string, error) {
	switch {
	case strings.ContainsAny(f.Value, "\r\n\x00"):
		return "", smtp.Errorf(554, "5.6.0", "The field %s has a line break in it; leave it out", f.Name)
	case !utf8.ValidString(f.Value):
		return "", smtp.Errorf(554, "5.6.0", "The field %s is not valid UTF-8", f.Name)
	}
	words := strings.Fields(f.Value)
	for _, w := range words {
		if len(w) > maxWord && ascii([]byte(f.Value)) {
			return "", smtp.Errorf(554, "5.6.0", "The field %s has %d characters without a space, more than %d", f.Name, len(w), maxWord)
		}
	}
	return strings.Join(words, " "), nil
}

// attach adds a file. Names outside US-ASCII are written as RFC 2231 has them: the encoded words that the library would put
// in quotes are forbidden there (RFC 2047 5), and not every client decodes them.
func attach(add func(string, io.ReadSeeker, ...gomail.FileOption), disposition string, f *File) error {
	if f.Name == "" || len(f.Name) > maxFileName || !utf8.ValidString(f.Name) || strings.ContainsFunc(f.Name, isControl) {
		return smtp.Errorf(554, "5.6.0", "The %s %.80q cannot have this name: use 1 to %d octets of UTF-8 without control characters", disposition, f.Name, maxFileName)
	}
	mediaType, params, err := mime.ParseMediaType(f.Type)
	if err != nil || mediaType == "application/octet-stream" { // what clients say that did not look
		mediaType, _, err = mime.ParseMediaType(mime.TypeByExtension(path.Ext(f.Name)))
		params = nil // the name does not tell the charset
	}
	if err != nil || !strings.Contains(mediaType, "/") || strings.HasPrefix(mediaType, "multipart/") || strings.HasPrefix(mediaType, "message/") {
		mediaType, params = "application/octet-stream", nil // composite types may not be base64 (RFC 2046 5.1, 5.2)
	}
	named := map[string]string{"name": f.Name}
	if charset := params["charset"]; charset != "" {
		named["charset"] = charset
	}
	add(f.Name, bytes.NewReader(f.Data), func(file *gomail.File) {
		file.Header.Set("Content-Type", mime.FormatMediaType(mediaType, named))
		file.Header.Set("Content-Disposition", mime.FormatMediaType(disposition, map[string]string{"filename": f.Name}))
		if disposition == "inline" {
			file.Header.Set("Content-ID", "<"+contentID(f.Name)+">")
		}
	})
	return nil
}

// contentID keeps a name from ending the field or the angle brackets; HTML refers to plain names.
func contentID(name string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r >= 127 || r == '<' || r == '>' {
			return '_'
		}
		return r
	}, name)
}

func isControl(r rune) bool { return r < ' ' || r == 127 }
