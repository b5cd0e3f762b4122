// Package dane says what TLSA records are worth for mail (RFC 6698, RFC 7672).
//
// It looks nothing up and compares no certificates: records come from a resolver, and only those of an answer that was
// validated with DNSSEC bind anybody. Nothing here fails; why a record cannot be used can be asked for.
package dane

import (
	"crypto/sha256"
	"crypto/sha512"
	"strconv"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/standard/dns"
)

// Values of records that are of use to mail (RFC 7672 3.1).
const (
	UsageTA = 2 // DANE-TA: a certificate that signs the server's
	UsageEE = 3 // DANE-EE: the server's own

	SelectorCert = 0 // the whole certificate
	SelectorSPKI = 1 // its public key

	MatchFull   = 0
	MatchSHA256 = 1
	MatchSHA512 = 2
)

// RecordName is where the records of a server stand.
func RecordName(host string, port uint16) string {
	return "_" + strconv.Itoa(int(port)) + "._tcp." + host
}

// Fault says why a record cannot be used; the zero Text: it can.
func Fault(r dns.TLSA) wording.Text {
	switch {
	case r.Usage != UsageTA && r.Usage != UsageEE: // RFC 7672 3.1.3: PKIX-TA and PKIX-EE
		return wording.Say("usage %d is not for mail; use 3 (the server's own key) or 2 (its issuer)", r.Usage)
	case r.Selector != SelectorCert && r.Selector != SelectorSPKI:
		return wording.Say("selector %d is not known; use 1 (public key) or 0 (certificate)", r.Selector)
	case r.Matching == MatchSHA256 && len(r.Data) != sha256.Size, r.Matching == MatchSHA512 && len(r.Data) != sha512.Size:
		return wording.Say("the digest has %d octets, which does not fit matching type %d", len(r.Data), r.Matching)
	case r.Matching > MatchSHA512:
		return wording.Say("matching type %d is not known; use 1 (SHA-256)", r.Matching)
	case len(r.Data) == 0:
		return wording.Say("the record has no data")
	}
	return wording.Text{}
}
