// Package route decides where the mail of one recipient domain goes: to the hosts of its MX records (RFC 5321 5.1,
// RFC 7505), to a fixed route of the configuration, or to the account's own server, which comes before both.
//
//	func (*Router) Route(ctx, account model.AccountID, domain string) (*Plan, error)  // the error is *smtp.Error
//
// On failure: what DNS denies is permanent (no such domain, null MX, no host with an address); what DNS does not
// answer is temporary, and so is everything wrong with a fixed route, whose mistakes are the operator's and not the
// sender's. It dials nothing and remembers nothing but its configuration: the resolver caches, and callers keep a
// Plan until it expires.
package route
