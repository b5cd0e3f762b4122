package bounce

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"strings"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
)

// ReturnPaths makes and reads the envelope senders that bounces come back to (docs/decisions/0004): "b" and base32 of
// message, recipient number and a MAC, at the bounce domain. 30 octets of local part; RFC 5321 4.5.3.1.1 allows 64.
type ReturnPaths struct {
	key    []byte
	domain string
}

// NewReturnPaths returns the maker for a key of 32 octets and a domain in A-labels.
func NewReturnPaths(key []byte, domain string) *ReturnPaths {
	return &ReturnPaths{key: key, domain: strings.ToLower(domain)}
}

// whole is the recipient number that stands for all recipients of the message.
const whole = 0xffff

const (
	prefix     = "b"
	plainSize  = 8 + 2
	macSize    = 8
	localParts = 1 + (plainSize+macSize)*8/5 + 1
)

// ErrNotOurs is a local part that this node's key did not make.
var ErrNotOurs = errors.New("not a return path of this node")

// alphabet is base32hex in lower case: some servers fold local parts to one case, so it has only one.
const alphabet = "0123456789abcdefghijklmnopqrstuv"

func encoding() *base32.Encoding {
	return base32.NewEncoding(alphabet).WithPadding(base32.NoPadding)
}

// Make returns the return path of one recipient, or of the whole message, at a domain that leads to the bounce domain;
// empty: the bounce domain itself.
func (r *ReturnPaths) Make(key model.RecipientKey, all bool, domain string) string {
	b := make([]byte, plainSize, plainSize+sha256.Size)
	binary.BigEndian.PutUint64(b, uint64(key.Message))
	n := uint16(whole)
	if !all && key.N < whole {
		n = uint16(key.N)
	}
	binary.BigEndian.PutUint16(b[8:], n)
	b = append(b, r.mac(b)...)
	if domain == "" {
		domain = r.domain
	}
	return prefix + encoding().EncodeToString(b) + "@" + domain
}

func (r *ReturnPaths) mac(b []byte) []byte {
	m := hmac.New(sha256.New, r.key)
	m.Write(b[:plainSize])
	return m.Sum(nil)[:macSize]
}

// Domain is the bounce domain.
func (r *ReturnPaths) Domain() string { return r.domain }

// Parse reads the local part of an address at the bounce domain or at one that leads there. all says that it stands for the whole message.
func (r *ReturnPaths) Parse(local string) (key model.RecipientKey, all bool, err error) {
	text, ok := strings.CutPrefix(strings.ToLower(local), prefix)
	if !ok || len(local) != localParts {
		return key, false, ErrNotOurs
	}
	b, derr := encoding().DecodeString(text)
	if derr != nil || len(b) != plainSize+macSize || !hmac.Equal(b[plainSize:], r.mac(b)) {
		return key, false, ErrNotOurs
	}
	// 29 characters hold a bit more than 18 octets; with that bit set it is not what Make wrote.
	if encoding().EncodeToString(b) != text {
		return key, false, ErrNotOurs
	}
	key.Message = ident.ID(binary.BigEndian.Uint64(b))
	if n := binary.BigEndian.Uint16(b[8:]); n == whole {
		all = true
	} else {
		key.N = int(n)
	}
	return key, all, nil
}
