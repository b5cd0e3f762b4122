// Package spf reads, checks and lints Sender Policy Framework records (RFC 7208).
//
// Parse gives a record's parse tree, Check answers whether an address may send for a domain (check_host(), with every
// step it took), and Lint finds what is wrong with a domain's record and with all that it includes. Edit makes the smallest
// change to a record, and Build is the guide: it gives the record that fits how a domain is used, with a dated list of common
// senders (senders.toml), and tries it as if it were published.
//
// On failure: Check never fails, it answers with one of the seven results of RFC 7208 2.6; a DNS server that does
// not answer gives temperror, a record that cannot be read permerror, and Reason says which. Parse errors are Faults, each
// with its place. Texts for people are of type wording.Text, which can be told in other languages.
//
// It decides nothing about mail, keeps nothing, and runs no goroutines: whoever asks brings resolver and clock. The
// work for one answer is bounded by RFC 7208 4.6.4: 10 terms that look up, each with at most 11 questions, besides
// what %{p} and exp ask.
package spf
