package proof

// OwnershipPrefix begins the TXT record that proves ownership; the domain's token follows.
const OwnershipPrefix = "budkavle-verification="

// OwnershipName is where that record is, with closing dot.
func OwnershipName(domain string) string { return "_budkavle-challenge." + domain + "." }
