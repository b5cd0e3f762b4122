package proof

// OwnershipPrefix begins the TXT record that proves ownership; the domain's token follows.
const OwnershipPrefix = "budkavle-verification="

// OwnershipName is where that record is, with closing dot.
func OwnershipName(domain string) string { return "_budkavle-challenge." + domain + "." }

// Wanted lists what the owner of a domain publishes, in the order in which a person goes through it. spfNow are the SPF
// records that the domain has now: theirs is changed as little as it can be, and never joined by a second.
func Wanted(e Expected, spfNow []string) []Record {
	return []Record{{Subject: SubjectOwnership, Name: OwnershipName(e.Domain), Type: "TXT", Value: OwnershipPrefix + e.Token}}
}
