// Package dkim makes DKIM signatures (RFC 6376) with RSA-SHA-256 and Ed25519 (RFC 8301, RFC 8463), relaxed
// canonicalisation of header and body.
//
// The body is hashed once, while it streams past, however many keys sign. An RSA signature is the largest
// single cost of a message, so an Engine may make it with libcrypto, which is proved equal to crypto/rsa
// before it is used and again for every key; where it does not load or does not agree, crypto/rsa stands in without a
// word to the peer. A Signer that cannot sign returns an error and no half signature. The package verifies nothing and
// looks up nothing: checking is done by others (go-msgauth and OpenDKIM in the tests), on purpose.
package dkim
