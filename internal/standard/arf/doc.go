// Package arf reads feedback reports (RFC 5965, 6591): the complaint of one reader, or one message that failed authentication.
//
// It takes real reports: fields in any order, addresses with and without brackets, recipients that were redacted, and
// Microsoft's JMRP mails, which have the form of a forward and no feedback part. A mail that is no report gives ErrNone;
// fields that make no sense are left empty, and nothing else fails. Memory and work are those of package parts.
//
// It says what a report claims. Whether the message was ours, and whose complaint it is, the caller proves by its own headers.
package arf
