package bounce

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/budkavle/budkavle/internal/standard/dsn"
	"github.com/budkavle/budkavle/internal/standard/message"
	"github.com/budkavle/budkavle/internal/standard/parts"
)

// letter is a mail taken apart.
type letter struct {
	header   parts.Header
	subject  string
	report   dsn.Report   // of the status part; without recipients if there is none
	status   bool         // there is a status part
	text     string       // the parts for people, in their order
	original parts.Header // of the message that came back
	attached [][]byte     // messages in it
}

const (
	maxLetterText = 256 << 10 // octets of the parts for people; those that fill more are no report
	maxHTML       = 64 << 10  // octets of HTML, where there is no plain text
	maxAttached   = 4         // messages in one that are kept
	maxInner      = 4 << 20   // octets of one of them, and of a status part
)

// open takes a mail apart. It keeps at most maxLetterText of text and refers to raw for the rest, but for attached messages
// that were encoded: maxAttached of maxInner.
func open(raw []byte) *letter {
	header, _ := parts.Cut(raw)
	l := &letter{header: parts.Fields(header)}
	l.subject = message.Decode(l.header.Get("subject"))
	var html string
	parts.Walk(raw, func(p *parts.Part) bool {
		switch {
		case len(l.report.Recipients) == 0 && l.report.ReadPart(p):
			l.status = true
		case isMessage(p.MediaType):
			l.keep(p)
		case p.MediaType == "text/rfc822-headers" || p.MediaType == "message/global-headers" || p.MediaType == "text/rfc822-header":
			l.keepHeader(p.Octets(maxInner))
		case p.MediaType == "text/html" && html == "":
			html = p.Text(maxHTML)
		case strings.HasPrefix(p.MediaType, "text/") && p.MediaType != "text/html" && len(l.text) < maxLetterText:
			l.text += p.Text(maxLetterText-len(l.text)) + "\n"
		}
		return false
	})
	if strings.TrimSpace(l.text) == "" {
		l.text = html
	}
	if len(l.report.Recipients) == 0 {
		l.readInline()
	}
	return l
}

func isMessage(mediaType string) bool {
	return mediaType == "message/rfc822" || mediaType == "message/global" || mediaType == "message/partial"
}

func (l *letter) keep(p *parts.Part) {
	octets := bytes.TrimLeft(p.Octets(maxInner), "\r\n")
	if len(l.attached) < maxAttached {
		l.attached = append(l.attached, octets)
	}
	l.keepHeader(octets)
}

func (l *letter) keepHeader(octets []byte) {
	if l.original == nil {
		header, _ := parts.Cut(octets)
		l.original = parts.Fields(header)
	}
}

// readInline finds the fields of a status part in the text, where a gateway has taken the parts away.
func (l *letter) readInline() {
	text := beforeOriginal(l.text)
	if at := statusField.FindStringIndex(text); at != nil && recipientField.MatchString(text[at[0]:]) {
		l.report.Read([]byte(text[at[0]:]))
	}
}

var (
	statusField    = regexp.MustCompile(`(?im)^(?:reporting-mta|original-recipient|final-recipient|action):`)
	recipientField = regexp.MustCompile(`(?im)^(?:original|final)-recipient:`)
)

// from is the host that the mail is from, as far as its sender tells.
func (l *letter) from() string {
	_, host, ok := strings.Cut(l.header.Get("from"), "@")
	if !ok {
		return ""
	}
	end := 0
	for end < len(host) && (isNameOctet(host[end]) || host[end] == '.') {
		end++
	}
	return strings.ToLower(strings.Trim(host[:end], "."))
}
