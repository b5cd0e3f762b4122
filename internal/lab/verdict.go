package lab

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/mail"
	"net/netip"
	"strings"

	"blitiri.com.ar/go/spf"
	"github.com/emersion/go-msgauth/dkim"
	"golang.org/x/net/idna"
)

const maxSignatures = 10 // DKIM signatures verified in one message

// errUnsigned is a message without DKIM signature.
var errUnsigned = errors.New("no DKIM signature")

// Verdict is what a receiver finds of a message.
type Verdict struct {
	SPF         string      // a result of RFC 7208 2.6: "pass", "none", …
	SPFDomain   string      // whose record was asked: that of the envelope sender, of HELO for the null sender
	Signatures  []Signature // in the order of the header, at most 10
	FromDomain  string      // empty if there is not exactly one author
	DMARC       string      // "pass", "fail", or "none" without a record
	Policy      string      // what the record asks for if it fails: "none", "quarantine" or "reject"
	AlignedSPF  bool        // passes, and stands for the From domain
	AlignedDKIM bool        // a signature does
	Why         string      // why SPF or DMARC does not pass
}

// Signature is one DKIM signature.
type Signature struct {
	Domain   string // d=
	Selector string // s=
	Err      error  // nil: it is good
}

// verify checks the DKIM signatures as r streams by.
func (r resolver) verify(message io.Reader) ([]Signature, error) {
	found, err := dkim.VerifyWithOptions(message, &dkim.VerifyOptions{LookupTXT: r.txt, MaxVerifications: maxSignatures})
	var list []Signature
	for _, v := range found {
		list = append(list, Signature{Domain: v.Domain, Err: v.Err})
	}
	return list, err
}

// flaw is nil if there are DKIM signatures and all are good. One bad among good ones would pass with most receivers;
// here it counts, since whoever made it meant it to be good.
func flaw(list []Signature) error {
	if len(list) == 0 {
		return errUnsigned
	}
	for _, s := range list {
		if s.Err != nil {
			return fmt.Errorf("signature of %s: %w", s.Domain, s.Err)
		}
	}
	return nil
}

// envelope is who brought a message.
type envelope struct {
	client netip.Addr
	helo   string
	sender string // empty: the null sender
}

// judge checks SPF, and what of SPF and DKIM stands for the author.
func (r resolver) judge(e envelope, h mail.Header, signatures []Signature) Verdict {
	v := Verdict{Signatures: signatures, FromDomain: author(h)}
	for i, field := range h["Dkim-Signature"] {
		if i < len(v.Signatures) {
			v.Signatures[i].Selector = tag(field, "s")
		}
	}
	v.SPFDomain = ascii(domainOf(e.sender))
	if e.sender == "" {
		v.SPFDomain = ascii(e.helo)
	}
	result, why := spf.CheckHostWithSender(net.IP(e.client.AsSlice()), e.helo, e.sender, spf.WithResolver(r))
	v.SPF = string(result)
	if result != spf.Pass && result != spf.None {
		v.Why = fmt.Sprintf("SPF of %s says %s to %s: %v", v.SPFDomain, result, e.client, why)
	}
	r.align(&v)
	return v
}

// author is the domain of the From field; empty if there is not exactly one field with one address.
func author(h mail.Header) string {
	fields := h["From"]
	if len(fields) != 1 {
		return ""
	}
	words := &mime.WordDecoder{CharsetReader: func(_ string, in io.Reader) (io.Reader, error) { return in, nil }}
	list, err := (&mail.AddressParser{WordDecoder: words}).ParseList(fields[0])
	if err != nil || len(list) != 1 {
		return ""
	}
	return ascii(domainOf(list[0].Address))
}

// ascii is a domain as DNS has it.
func ascii(domain string) string {
	if a, err := idna.ToASCII(domain); err == nil {
		domain = a
	}
	return plain(domain)
}

// tag is the value of a tag in a list of them (RFC 6376 3.2).
func tag(list, name string) string {
	for _, pair := range strings.Split(list, ";") {
		if k, value, ok := strings.Cut(pair, "="); ok && strings.TrimSpace(k) == name {
			return strings.Join(strings.Fields(value), "")
		}
	}
	return ""
}
