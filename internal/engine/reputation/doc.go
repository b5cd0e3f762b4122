// Package reputation finds out what the rest of the world sees of an address or a domain that sends mail.
//
// Check asks DNS whether an address has a name that leads back to it, whether the name it gives with EHLO does, whether it
// lies in a domain's SPF, and whether blocklists name it. CheckDomain asks blocklists about a domain. Whatever is found is
// said as found, expected, what to change, beside the facts for programs. Known holds what is known of blocklists: a dated
// table of what their answers mean, which also tells a listing from an answer about the question itself.
//
// On failure: a check never fails as a whole. What DNS could not answer is a finding of severity Unknown; it counts neither
// as missing nor as not listed. A list that names everything, nothing, or answers from outside 127.0.0.0/8 is called broken,
// and what it says is not believed.
//
// It asks at most 8 lists at a time, each at most 3 questions, and is done when the context is. It keeps nothing, asks no
// list on its own accord, and asks nobody to be taken off. Keys of paid lists stand in the names that are looked up and
// nowhere else: not in findings, facts or errors.
package reputation
