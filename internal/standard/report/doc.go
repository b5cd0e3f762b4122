// Package report reads what the world reports about a domain's mail, in whatever wrapping it comes: DMARC aggregate reports
// (RFC 9990), SMTP TLS reports (RFC 8460) and feedback reports (RFC 5965); plain, by gzip or zip, or in a mail.
//
// On failure: an error of wording that says what is wrong with the input; nothing is half read. Anybody can send a report, so
// what one claims is worth as much as the way it came. Work and memory are bounded: input, what it unpacks to and by how
// much it grows are limited, and the formats' own packages bound what they keep.
//
// It stores nothing and draws no conclusions.
package report
