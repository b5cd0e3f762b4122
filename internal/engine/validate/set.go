package validate

import "hash/maphash"

// maxSeen bounds the addresses that a file's duplicates are looked for among.
const maxSeen = 1 << 24

// seen finds duplicates by a hash of 8 octets of each address, with a seed of its own. A million addresses take 11 to 21 MB
// (8 octets and one of control in groups that are 7/16 to 7/8 full), maxSeen up to 350 MB. Two different addresses have the
// same hash with a probability of n²/2⁶⁵, 3 in 100 million files of a million and 1 in 130,000 files of maxSeen; the later one
// is called a duplicate then. Addresses beyond maxSeen are not remembered, only compared.
type seen struct {
	seed maphash.Seed
	set  map[uint64]struct{}
}

func newSeen() *seen { return &seen{maphash.MakeSeed(), map[uint64]struct{}{}} }

// again reports whether the address, normalised, was there before.
func (s *seen) again(local, domain string) bool {
	var h maphash.Hash
	h.SetSeed(s.seed)
	h.WriteString(local)
	h.WriteByte('@')
	h.WriteString(domain)
	sum := h.Sum64()
	if _, ok := s.set[sum]; ok {
		return true
	}
	if len(s.set) < maxSeen {
		s.set[sum] = struct{}{}
	}
	return false
}
