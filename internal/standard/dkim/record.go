package dkim

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/budkavle/budkavle/internal/base/wording"
)

// MinBits is the size below which receivers do not look at an RSA key (RFC 8301 3.2).
const MinBits = 1024

// GoodBits is the size that RFC 8301 3.2 and the large providers ask for.
const GoodBits = rsaBits

// KeyRecord is a key as DNS has it (RFC 6376 3.6.1).
type KeyRecord struct {
	Algorithm string           // k=
	Raw       []byte           // p=, decoded; empty: revoked
	Public    crypto.PublicKey // *rsa.PublicKey or ed25519.PublicKey; nil: revoked
	Bits      int              // of an RSA key
	Hashes    []string         // h=; empty: all
	Services  []string         // s=; empty: all
	Testing   bool             // t=y: receivers may treat the mail as unsigned
	Strict    bool             // t=s: not for subdomains in i=
}

// Revoked reports whether the owner has withdrawn the key.
func (r *KeyRecord) Revoked() bool { return len(r.Raw) == 0 }

// For reports whether mail signed with SHA-256 may use the key.
func (r *KeyRecord) For() (hash, email bool) {
	hash = len(r.Hashes) == 0 || slices.Contains(r.Hashes, "sha256")
	email = len(r.Services) == 0 || slices.Contains(r.Services, "*") || slices.Contains(r.Services, "email")
	return hash, email
}

// RecordError says what makes a key record unusable.
type RecordError struct {
	Code    string // for programs, such as "no-key"
	Problem wording.Text
	Change  wording.Text
}

func (e *RecordError) Error() string { return e.Problem.String() + "; " + e.Change.String() }

// LooksLikeKey reports whether a TXT record is meant to be a key. At a selector's name others have no business.
func LooksLikeKey(txt string) bool {
	squeezed := strings.ToLower(strings.Join(strings.Fields(txt), ""))
	return strings.Contains(squeezed, "v=dkim") || strings.HasPrefix(squeezed, "p=") || strings.Contains(squeezed, ";p=")
}

// ParseRecord reads a key record. The error is a *RecordError.
func ParseRecord(txt string) (KeyRecord, error) {
	tags, err := tagList(txt)
	if err != nil {
		return KeyRecord{}, err
	}
	r := KeyRecord{Algorithm: RSA}
	if k, ok := tags["k"]; ok {
		r.Algorithm = strings.ToLower(k)
	}
	r.Hashes, r.Services = list(tags["h"]), list(tags["s"])
	flags := list(tags["t"])
	r.Testing, r.Strict = slices.Contains(flags, "y"), slices.Contains(flags, "s")
	p, ok := tags["p"]
	if !ok {
		return r, &RecordError{"no-key", wording.Say("the record has no p="), wording.Say("publish the whole record; the key stands in p=")}
	}
	if r.Raw, err = base64.StdEncoding.DecodeString(strings.Join(strings.Fields(p), "")); err != nil {
		return r, &RecordError{"key-encoding", wording.Say("p= is not base64: it was cut, or changed on its way"), wording.Say("copy the record again, all of it, without spaces or quotes inside p=")}
	}
	if r.Revoked() {
		return r, nil
	}
	return r, r.decode()
}

func (r *KeyRecord) decode() error {
	broken := &RecordError{"key-broken", wording.Say("p= does not hold a key of algorithm %s", r.Algorithm), wording.Say("copy the record again, all of it")}
	switch r.Algorithm {
	case RSA:
		key, err := x509.ParsePKIXPublicKey(r.Raw)
		if err != nil {
			key, err = x509.ParsePKCS1PublicKey(r.Raw) // what RFC 6376 3.6.1 says; all publish what its erratum 3017 says
		}
		public, ok := key.(*rsa.PublicKey)
		if err != nil || !ok {
			return broken
		}
		r.Public, r.Bits = public, public.N.BitLen()
	case Ed25519:
		if len(r.Raw) != ed25519.PublicKeySize { // RFC 8463 4
			return broken
		}
		r.Public = ed25519.PublicKey(r.Raw)
	default:
		return &RecordError{"key-algorithm", wording.Say("k=%s is no algorithm that receivers know", r.Algorithm), wording.Say("write k=rsa or k=ed25519")}
	}
	return nil
}

// Holds reports whether the record has this public key, given as Generated.Public.
func (r *KeyRecord) Holds(algorithm string, public []byte) bool {
	if r.Algorithm != algorithm || r.Public == nil {
		return false
	}
	if slices.Equal(r.Raw, public) {
		return true
	}
	key, err := x509.ParsePKIXPublicKey(public)
	ours, ok := key.(*rsa.PublicKey)
	return err == nil && ok && ours.Equal(r.Public)
}

// tagList reads tag=value; … (RFC 6376 3.2), and tells the mistakes people make with zone files and web forms.
func tagList(txt string) (map[string]string, error) {
	switch {
	case strings.Contains(txt, `"`):
		return nil, &RecordError{"quotes", wording.Say("the record has quotes in its text"), wording.Say("leave the quotes out; the DNS service adds them itself")}
	case strings.Contains(txt, `\;`):
		return nil, &RecordError{"backslashes", wording.Say("the record has backslashes in its text"), wording.Say("write ; without a backslash")}
	case strings.Count(strings.ToLower(txt), "v=dkim1") > 1:
		return nil, &RecordError{"pasted-twice", wording.Say("the record was pasted twice into one"), wording.Say("leave it there once")}
	}
	tags := map[string]string{}
	for i, field := range strings.Split(txt, ";") {
		name, value, ok := strings.Cut(field, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok {
			if strings.TrimSpace(field) == "" {
				continue // as after the last semicolon
			}
			return nil, &RecordError{"key-syntax", wording.Say("%q is no tag with a value", cut(strings.TrimSpace(field))), wording.Say("copy the record again, all of it, with its semicolons")}
		}
		if _, again := tags[name]; again { // RFC 6376 3.2
			return nil, &RecordError{"key-syntax", wording.Say("the tag %s= stands there twice", cut(name)), wording.Say("leave it there once")}
		}
		if name == "v" && (i > 0 || value != "DKIM1") { // RFC 6376 3.6.1
			return nil, &RecordError{"key-version", wording.Say("v=%s is not at the beginning, or not DKIM1", cut(value)), wording.Say("begin the record with v=DKIM1;")}
		}
		tags[name] = value
	}
	return tags, nil
}

// list reads a value of words between colons.
func list(value string) []string {
	var words []string
	for _, w := range strings.Split(value, ":") {
		if w = strings.ToLower(strings.TrimSpace(w)); w != "" {
			words = append(words, w)
		}
	}
	return words
}

// cut keeps a foreign text within a line.
func cut(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "…"
	}
	return s
}
