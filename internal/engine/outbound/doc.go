// Package outbound is the SMTP client that takes mail to other servers (RFC 5321), over sessions that carry many
// messages.
//
// A Connector dials, secures and greets one address and gives a Session; Send runs one transaction on it: one body,
// some recipients, one Result for each of them. MAIL, RCPT and DATA go out in one write where the peer pipelines
// (RFC 2920), the message in another. Nothing here retries a transaction, chooses a host or keeps a pool: that is the
// business of flow/deliver.
//
//	func (*Connector) Connect(ctx, Target) (*Session, error)  // the error is *Error, its stage a handshake
//	func (*Session) Send(ctx, *Mail) Results                  // never fails as a whole; see Result.Err
//	func (*Session) Usable() bool                             // another Send may follow
//	func (*Session) Quit(ctx)                                 // farewell and close
//	func (*Session) Close()                                   // close without a word
//
// On failure: whatever the peer did not say is temporary. A connection lost while the message is on its way delivers
// nothing (4.4.2); one lost while the reply to the final dot is awaited may have delivered, and is reported as
// temporary all the same, for a message may come twice but must not be lost. When ctx ends, the connection is cut at
// once and the same rules hold.
//
// Quirks, on purpose: a message with octets above 127 is sent as it is to a peer without 8BITMIME (RFC 6152 3 wants a
// conversion, which would break its DKIM signature; every server in use takes the octets). A peer that offers
// STARTTLS and fails at it is dialled again in the clear where TLS is opportunistic, and remembered for a time.
package outbound
