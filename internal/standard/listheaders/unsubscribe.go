// Package listheaders writes the header fields by which a recipient leaves a list: List-Unsubscribe (RFC 2369) and
// List-Unsubscribe-Post (RFC 8058).
//
// It cannot fail, follows no link and sends nothing.
package listheaders

import (
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
