// Package validate says of an address, before mail is sent to it, whether mail to it can arrive and whether it should be
// sent: the address as SMTP takes it, its domain in DNS, likely typing errors with what was meant, role and throw-away
// addresses, and what is suppressed here already.
//
//	func (*Validator) Check(ctx, account, text) (Result, error)     // one address
//	func (*Validator) Bulk(ctx, input, Options) (Summary, error)    // a file of them, streamed
//	func (*Jobs) …                                                  // files of accounts, one after the other
//
// Words for result, risk and reason are those of Mailgun's address validation where it has them. Deliverable means that
// a server takes mail for the domain; whether the mailbox exists is not asked, since nobody's server is probed with RCPT
// (and so catch_all, which only a probe could tell, is never said).
//
// On failure: what DNS denies is undeliverable, what DNS does not answer is unknown; only an ended context and a store of
// suppressions that fails are errors. A list of disposable domains that cannot be read leaves the last one in force.
package validate
