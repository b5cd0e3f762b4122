package api

import (
	"bufio"
	"bytes"
	"io"
	"net/mail"
	"strings"

	"github.com/budkavle/budkavle/internal/flow/submit"
	"github.com/budkavle/budkavle/internal/standard/message"
)

// mimeMessage is a call of messages.mime, read and checked.
type mimeMessage struct {
	raw     []byte
	header  []byte // fields of h:, written in front of the message
	from    string // of the From field; empty: there is none that can be read, which submission will say
	to      []*mail.Address
	options submit.Options
}

// mimeMessages reads the form of /messages.mime: recipients and a whole message.
func mimeMessages(f *form, o submit.Options) (func(*outbox) error, error) {
	err := f.checkNames(func(name string) bool {
		return name == "to" || name == "message" || strings.HasPrefix(name, "o:") || strings.HasPrefix(name, "h:") || strings.HasPrefix(name, "v:")
	})
	if err != nil {
		return nil, err
	}
	m := &mimeMessage{options: o, raw: []byte(f.values.Get("message"))}
	for _, file := range f.files {
		if file.field != "message" || len(m.raw) > 0 {
			return nil, badField("%s: one file is taken, as message", file.field)
		}
		m.raw = file.Data
	}
	if len(m.raw) == 0 {
		return nil, badField("message parameter is missing")
	}
	if m.to, err = f.addresses("to"); err != nil {
		return nil, err
	}
	if len(m.to) == 0 {
		return nil, badField("to parameter is missing")
	}
	fields, err := f.header()
	if err != nil {
		return nil, err
	}
	for _, h := range fields {
		m.header = append(m.header, message.Fold(h.Name, h.Value)...)
	}
	m.from = fromOf(m.raw)
	return m.write, nil
}

// fromOf is the first address of the From field, which is also the envelope's sender.
func fromOf(raw []byte) string {
	header := raw
	for _, end := range []string{"\n\n", "\r\n\r\n"} {
		if i := bytes.Index(header, []byte(end)); i >= 0 {
			header = header[:i+len(end)/2]
		}
	}
	h, err := message.Parse(header)
	if err != nil {
		return ""
	}
	list, err := message.Addresses(h.Get("From"))
	if err != nil {
		return ""
	}
	return list[0]
}

func (m *mimeMessage) write(out *outbox) error {
	t, err := out.begin(m.from, recipientsOf(m.to), m.options)
	if err != nil {
		return err
	}
	if _, err := t.Write(m.header); err != nil {
		return err
	}
	return writeCRLF(t, m.raw)
}

// writeCRLF ends with CRLF the lines that end with LF alone, as those of programs on Unix do. A CR that stands alone goes
// through, and is refused where all mail is checked.
func writeCRLF(w io.Writer, raw []byte) error {
	b := bufio.NewWriterSize(w, 32<<10)
	for len(raw) > 0 {
		end := bytes.IndexByte(raw, '\n')
		if end < 0 {
			_, _ = b.Write(raw) // errors stay until Flush
			break
		}
		_, _ = b.Write(bytes.TrimSuffix(raw[:end], []byte("\r")))
		_, _ = b.WriteString("\r\n")
		raw = raw[end+1:]
	}
	return b.Flush()
}
