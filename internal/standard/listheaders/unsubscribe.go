// Package listheaders writes and reads the header fields by which a recipient leaves a list: List-Unsubscribe (RFC 2369) and
// List-Unsubscribe-Post (RFC 8058).
//
// Reading takes what is there: a field that is malformed has the ways that can be read of it. It follows no link and
// sends nothing.
package listheaders

import (
	"strings"

	"github.com/budkavle/budkavle/internal/standard/message"
)

// Names of the fields.
const (
	UnsubscribeName = "List-Unsubscribe"
	PostName        = "List-Unsubscribe-Post"
)

// OneClick is the value of List-Unsubscribe-Post, and the form that a mail program posts (RFC 8058 3.1, 3.2).
const OneClick = "List-Unsubscribe=One-Click"

// Unsubscribe is the ways off a list.
type Unsubscribe struct {
	URI    string // https; a POST to it unsubscribes at once
	Mailto string // mailto
}

// Fields are both header fields, ready to be put into a message. Long links stand on lines of their own.
func (u Unsubscribe) Fields() message.Header {
	value := " <" + u.URI + ">"
	if u.Mailto != "" {
		value += ",\r\n <" + u.Mailto + ">"
	}
	return message.Header{
		{Name: UnsubscribeName, Raw: []byte(UnsubscribeName + ":" + value + "\r\n")},
		{Name: PostName, Raw: []byte(PostName + ": " + OneClick + "\r\n")},
	}
}

// Read finds what a message says. oneClick: there is a link that takes a POST (RFC 8058 3.1).
func Read(h message.Header) (u Unsubscribe, oneClick bool) {
	for rest := h.Get(UnsubscribeName); ; {
		_, after, ok := strings.Cut(rest, "<")
		if !ok {
			break
		}
		link, after, ok := strings.Cut(after, ">")
		if !ok {
			break
		}
		rest = after
		// RFC 2369 2: white space within the brackets is taken away, so that links can be folded.
		link = strings.Join(strings.Fields(link), "")
		switch scheme, _, _ := strings.Cut(link, ":"); {
		case (strings.EqualFold(scheme, "https") || strings.EqualFold(scheme, "http")) && u.URI == "":
			u.URI = link
		case strings.EqualFold(scheme, "mailto") && u.Mailto == "":
			u.Mailto = link
		}
	}
	post := strings.Join(strings.Fields(h.Get(PostName)), "")
	return u, u.URI != "" && strings.EqualFold(post, OneClick)
}
