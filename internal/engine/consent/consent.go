// Package consent makes and reads the links by which recipients say what mail they want.
//
// A link's token is sealed under the node's key file: it shows nothing of who it is for, cannot be guessed, altered or made to
// stand for another address, and holds all that is needed, so that links in old mail work for as long as the key file lives.
// Read returns ErrToken for anything that was not made here, and for what has run out ErrExpired. The package keeps
// nothing: that a link works once, who uses it must remember.
package consent

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/base/keyring"
	"github.com/budkavle/budkavle/internal/model"
)

// Purpose is what a link is for. The letters are sealed into tokens: never change them.
type Purpose byte

// Purposes.
const (
	Leave  Purpose = 'u' // shows the recipient's page, and unsubscribes by POST; never runs out
	Return Purpose = 'v' // proves that the recipient reads the address, and starts sending again; runs out, and works once
)

// Claim is what a token says.
type Claim struct {
	Purpose Purpose
	Account model.AccountID
	Domain  model.DomainID // the sender that the recipient saw
	Address string         // as it was sent to
	Tag     string         // what the mail was about: a tag, or policy.StreamTag
	Message ident.ID       // the mail that the link was in; 0: none
	Expires time.Time      // whole seconds; zero: never
}

// Errors of Read.
var (
	ErrToken   = errors.New("the link is not complete, or was not made here")
	ErrExpired = errors.New("the link has run out")
)

// MaxToken is the most characters of a token: an address and a tag have at most 254 + 128 octets.
const MaxToken = 700

// Links makes and reads tokens. It is safe for concurrent use.
type Links struct{ ring *keyring.Ring }

// NewLinks returns Links over the key file that all nodes of a store share.
func NewLinks(ring *keyring.Ring) *Links { return &Links{ring} }

func aad() []byte { return []byte("recipient link 1") }

// Make returns the token of a claim: letters, digits, - and _, fit for a link and for the subject of a mail.
func (l *Links) Make(c Claim) (string, error) {
	b := []byte{byte(c.Purpose)}
	expires := int64(0)
	if !c.Expires.IsZero() {
		expires = c.Expires.Unix()
	}
	for _, n := range []int64{int64(c.Account), int64(c.Domain), int64(c.Message), expires} {
		b = binary.AppendVarint(b, n)
	}
	b = binary.AppendUvarint(b, uint64(len(c.Tag)))
	b = append(append(b, c.Tag...), c.Address...)
	sealed, err := l.ring.Seal(b, aad())
	return base64.RawURLEncoding.EncodeToString(sealed), err
}

// Read opens a token for one purpose.
func (l *Links) Read(token string, want Purpose, now time.Time) (Claim, error) {
	if len(token) > MaxToken || strings.ContainsAny(token, "\r\n") { // which the decoder passes over
		return Claim{}, ErrToken
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil {
		return Claim{}, ErrToken
	}
	b, err := l.ring.Open(sealed, aad())
	if err != nil || len(b) == 0 || Purpose(b[0]) != want {
		return Claim{}, ErrToken
	}
	c := Claim{Purpose: want}
	b = b[1:]
	var expires int64
	for _, into := range []*int64{(*int64)(&c.Account), (*int64)(&c.Domain), (*int64)(&c.Message), &expires} {
		n, size := binary.Varint(b)
		if size <= 0 {
			return Claim{}, ErrToken
		}
		*into, b = n, b[size:]
	}
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) {
		return Claim{}, ErrToken
	}
	c.Tag, c.Address = string(b[size:size+int(n)]), string(b[size+int(n):])
	if expires != 0 {
		c.Expires = time.Unix(expires, 0)
		if now.After(c.Expires) {
			return c, ErrExpired
		}
	}
	return c, nil
}
