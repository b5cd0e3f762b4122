package lab

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"io"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/wording"
)

// Signatures are good for signatureTime, and from an hour ago, as clocks differ.
const signatureTime = 24 * time.Hour

// signer signs answers as they are given. One key, that of the root, signs for all names: below it nothing is delegated.
type signer struct {
	key     *mdns.DNSKEY
	private *ecdsa.PrivateKey
	clock   clock.Clock
}

// newSigner makes a key: ECDSA with P-256 (RFC 6605), for zone and keys at once.
func newSigner(random io.Reader, c clock.Clock) (*signer, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), random)
	if err != nil {
		return nil, wording.Errorf("DNSSEC key: %w", err)
	}
	point, err := private.PublicKey.Bytes()
	if err != nil {
		return nil, wording.Errorf("DNSSEC key: %w", err)
	}
	return &signer{private: private, clock: c, key: &mdns.DNSKEY{
		Hdr:   mdns.RR_Header{Name: ".", Rrtype: mdns.TypeDNSKEY, Class: mdns.ClassINET, Ttl: soaTTL},
		Flags: mdns.ZONE | mdns.SEP, Protocol: 3, Algorithm: mdns.ECDSAP256SHA256,
		PublicKey: base64.StdEncoding.EncodeToString(point[1:]), // RFC 6605 4: without the octet that says how it is written
	}}, nil
}

// sign adds signatures to a section, one for each set of records. Those of a bogus answer are wrong in one bit.
func (s *signer) sign(section []mdns.RR, bogus bool) ([]mdns.RR, error) {
	signed := section[:len(section):len(section)]
	for len(section) > 0 {
		n := 1
		for n < len(section) && isType(section[n], section[0].Header().Rrtype) && section[n].Header().Name == section[0].Header().Name {
			n++
		}
		sig := &mdns.RRSIG{
			Hdr:       mdns.RR_Header{Ttl: section[0].Header().Ttl},
			Inception: uint32(s.clock.Now().Add(-time.Hour).Unix()), Expiration: uint32(s.clock.Now().Add(signatureTime).Unix()),
			KeyTag: s.key.KeyTag(), SignerName: ".", Algorithm: s.key.Algorithm,
		}
		if err := sig.Sign(s.private, section[:n]); err != nil {
			return nil, err
		}
		if bogus {
			raw, err := base64.StdEncoding.DecodeString(sig.Signature)
			if err != nil {
				return nil, err
			}
			raw[len(raw)-1] ^= 1
			sig.Signature = base64.StdEncoding.EncodeToString(raw)
		}
		signed, section = append(signed, sig), section[n:]
	}
	return signed, nil
}
