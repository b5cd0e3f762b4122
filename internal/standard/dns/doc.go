// Package dns asks the domain name system what mail wants to know: MX, addresses, TXT and PTR.
//
// Client is a stub resolver (RFC 1035, 2308, 6891): it asks recursive servers in turn, by UDP and by TCP when an
// answer is cut short, and keeps what they said for as long as they allow, in a bounded cache, denials and failures
// included (RFC 9520). Equal questions at the same time are asked once. Authority asks the servers that own a name, past
// every cache, for checks whose answer matters now. dnstest has a Resolver of plain maps for tests.
//
// On failure: every error is an *Error whose Kind tells a denial (the name or the record does not exist) from a
// fault (nobody could say). It validates no DNSSEC: Answer.Authentic is the server's word, and worth as much as the
// way to that server.
package dns
