// Package bimi reads BIMI records (draft-brand-indicators-for-message-identification), by which a domain names the logo that mail
// programs show beside its mail.
//
// A record that cannot be read gives an error of wording that says what to change. The package fetches neither logo nor
// certificate, and does not know whether a mail program would show them: most want a DMARC policy that is in force too.
package bimi

import (
	"net/url"
	"strings"

	"github.com/budkavle/budkavle/internal/base/wording"
)

// Record is the record of one selector. If both are empty, the domain declines to take part.
type Record struct {
	Logo     string // l: an SVG file at an https address
	Evidence string // a: the certificate for it, at an https address; empty: none
}

// RecordName is where a domain's record stands; an empty selector is "default".
func RecordName(selector, domain string) string {
	if selector == "" {
		selector = "default"
	}
	return selector + "._bimi." + domain
}

// IsRecord reports whether a TXT record is a BIMI record at all.
func IsRecord(txt string) bool {
	v, _, _ := strings.Cut(txt, ";")
	name, value, _ := strings.Cut(v, "=")
	return strings.EqualFold(trim(name), "v") && trim(value) == "BIMI1"
}

func trim(s string) string { return strings.Trim(s, " \t") }

// Parse reads a record.
func Parse(txt string) (Record, error) {
	if !IsRecord(txt) {
		return Record{}, wording.Errorf("this is not a BIMI record; one begins with %q", "v=BIMI1;")
	}
	var r Record
	seen := map[string]bool{}
	for tag := range strings.SplitSeq(txt, ";") {
		name, value, ok := strings.Cut(tag, "=")
		if name = strings.ToLower(trim(name)); !ok || name != "l" && name != "a" {
			continue // others are for later versions
		}
		if seen[name] {
			return Record{}, wording.Errorf("%s stands twice in the BIMI record; keep one", name)
		}
		seen[name] = true
		value = trim(value)
		if u, err := url.Parse(value); value != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
			return Record{}, wording.Errorf("%s=%s of the BIMI record is not an https address", name, value)
		}
		if name == "l" {
			r.Logo = value
		} else {
			r.Evidence = value
		}
	}
	if !seen["l"] {
		return Record{}, wording.Errorf("the BIMI record names no logo; write l= and the https address of an SVG file, or l= alone to decline")
	}
	return r, nil
}

// Declined reports whether the domain says that it has no logo.
func (r Record) Declined() bool { return r.Logo == "" && r.Evidence == "" }
