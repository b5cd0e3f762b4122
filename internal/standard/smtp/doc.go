// Package smtp is the grammar of SMTP (RFC 5321) and the extensions spoken here: command lines, the parameters of
// MAIL and RCPT, replies, and the framing of DATA.
//
// It is pure text in, values out. A line that does not follow the grammar gives an *Error with the reply that
// belongs to it; everything read has a bound. It opens no connections and keeps no session.
package smtp
