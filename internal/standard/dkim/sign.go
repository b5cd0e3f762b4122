package dkim

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/standard/message"
)

// overSigned are listed once more than they occur, so that nobody can add another without breaking the signature
// (RFC 6376 8.15). The first three always; the others, when absent, leave a mailing list free to add its own.
var overSigned = []struct {
	name   string
	always bool
}{
	{"From", true}, {"Subject", true}, {"To", true}, {"List-Unsubscribe", false}, {"List-Unsubscribe-Post", false},
}

// signed are listed as often as they occur (RFC 6376 5.4.1). Trace fields and those that relays change are not among them.
var signed = []string{
	"Date", "Message-ID", "Reply-To", "Cc", "Sender", "MIME-Version", "Content-Type", "Content-Transfer-Encoding",
	"In-Reply-To", "References", "List-Id", "Feedback-ID",
}

// Signer signs the messages of one domain with all its keys. It is safe for concurrent use.
type Signer struct {
	keys []Key
}

// NewSigner returns a signer over at least one key.
func NewSigner(keys ...Key) (*Signer, error) {
	if len(keys) == 0 {
		return nil, errors.New("no signing key")
	}
	return &Signer{keys: keys}, nil
}

// Sign returns one DKIM-Signature field a key, to be put in front of the header. bodyHash is BodyHash.Sum.
// There is no x=: mail may wait for days in our queue and for years in an archive.
func (s *Signer) Sign(h message.Header, bodyHash []byte, now time.Time) ([]byte, error) {
	names, canonical := selectFields(h)
	var out []byte
	for _, k := range s.keys {
		field, err := k.sign(names, canonical, bodyHash, now)
		if err != nil {
			return nil, fmt.Errorf("DKIM signature %s._domainkey.%s: %w", k.Selector, k.Domain, err)
		}
		out = append(out, field...)
	}
	return out, nil
}

func (k Key) sign(names string, canonical, bodyHash []byte, now time.Time) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("DKIM-Signature: v=1; a=" + k.Algorithm + "-sha256; c=relaxed/relaxed; d=" + k.Domain + ";\r\n\ts=" + k.Selector + "; t=")
	b.WriteString(strconv.FormatInt(now.Unix(), 10) + ";\r\n\th=" + names + ";\r\n\tbh=" + base64.StdEncoding.EncodeToString(bodyHash) + ";\r\n\tb=")
	sig, err := k.signature(canonical, b.Bytes())
	if err != nil {
		return nil, err
	}
	text := base64.StdEncoding.EncodeToString(sig)
	for len(text) > 72 {
		b.WriteString(text[:72] + "\r\n\t ")
		text = text[72:]
	}
	b.WriteString(text + "\r\n")
	return b.Bytes(), nil
}

// signature signs the canonical header and the signature's own field, which comes last, its b= empty, without a closing
// CRLF (RFC 6376 3.7).
func (k Key) signature(canonical, own []byte) ([]byte, error) {
	d := sha256.New()
	d.Write(canonical)
	d.Write(bytes.TrimSuffix(relaxField(nil, own), []byte("\r\n")))
	// RFC 8463 3: Ed25519 signs the SHA-256 hash itself as its message.
	opts := crypto.Hash(0)
	if k.Algorithm == RSA {
		opts = crypto.SHA256
	}
	return k.Signer.Sign(rand.Reader, d.Sum(nil), opts)
}

// selectFields lists what is signed: the h= tag, folded, and the fields in canonical form in that order. Fields
// of one name are taken from the bottom of the header up (RFC 6376 5.4.2).
func selectFields(h message.Header) (names string, canonical []byte) {
	canonical = make([]byte, 0, 2048)
	var list strings.Builder
	column := 3
	add := func(name string) {
		if list.Len() > 0 {
			list.WriteByte(':')
			column++
		}
		if column+len(name) > 74 {
			list.WriteString("\r\n\t ")
			column = 2
		}
		list.WriteString(name)
		column += len(name)
	}
	take := func(name string) (found int) {
		for i := len(h) - 1; i >= 0; i-- {
			if h[i].Is(name) {
				add(name)
				canonical = relaxField(canonical, h[i].Raw)
				found++
			}
		}
		return found
	}
	for _, o := range overSigned {
		if take(o.name) > 0 || o.always {
			add(o.name)
		}
	}
	for _, name := range signed {
		take(name)
	}
	return list.String(), canonical
}

// relaxField appends one field in relaxed canonicalisation, RFC 6376 3.4.2.
func relaxField(dst, raw []byte) []byte {
	colon := bytes.IndexByte(raw, ':')
	for _, c := range bytes.TrimRight(raw[:colon], " \t") {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	dst = append(dst, ':')
	start, space := len(dst), false
	for _, c := range raw[colon+1:] {
		switch c {
		case '\r', '\n':
		case ' ', '\t':
			space = true
		default:
			if space && len(dst) > start {
				dst = append(dst, ' ')
			}
			space = false
			dst = append(dst, c)
		}
	}
	return append(dst, '\r', '\n')
}
