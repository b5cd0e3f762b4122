// Package proof finds out whether the DNS of a domain says what mail from it needs, and what is wrong if it does not.
//
// Wanted lists the records that the owner publishes. A Checker looks them up with the resolver it is given, and asks the
// authoritative servers before it calls anything missing or wrong, so that an old answer in a cache is no fault. Whatever is
// found is said as found, expected, what to change. Gate decides what a domain may send.
//
// On failure: a check never fails as a whole. What DNS could not answer is Unclear and a finding of severity Unknown; it never
// counts as missing. The package keeps nothing and changes nothing: what follows from a report, flow/onboard decides.
package proof
