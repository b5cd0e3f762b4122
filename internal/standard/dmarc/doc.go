// Package dmarc reads, explains and writes DMARC records (RFC 9989, which replaces RFC 7489), and reads aggregate
// reports (RFC 9990).
//
// Parse gives what a record says and what is wrong with it, Discover finds the record and the organisational domain of
// a name by the tree walk of RFC 9989 4.10, and ReadAggregate reads a report's XML.
//
// On failure: a record is never refused as a whole but for its version, since RFC 9989 4.7 has receivers ignore what they
// cannot read; Faults say what that is and what to change. A look-up that failed is a *dns.Error and never the same as no
// record. A report that cannot be read gives an error of wording that names the line.
//
// It sends nothing, keeps nothing and judges no mail: others' mail comes in nowhere yet. One discovery asks at most MaxWalk questions.
package dmarc
