package lab

import (
	"fmt"
	"slices"
	"strings"

	mdns "github.com/miekg/dns"
)

// maxLabel is the octets of a label.
const maxLabel = 63

// nothing proves that a name does not exist: that nothing is where it or anything above it would be, up to what exists,
// and no wildcard stands for it. What exists elsewhere is not told (RFC 4470).
func (t *tree) nothing(name string) []mdns.RR {
	missing, encloser := name, parent(name)
	for !t.exists[encloser] {
		missing, encloser = encloser, parent(encloser)
	}
	proof := []mdns.RR{nsec(before(missing), after(missing))}
	if wildcard := below("*", encloser); wildcard != missing {
		proof = append(proof, nsec(before(wildcard), after(wildcard)))
	}
	return proof
}

// others proves that a name has records, or names below it, and not of this type.
func (t *tree) others(name string, qtype uint16) []mdns.RR {
	kinds := map[uint16]bool{}
	for _, rr := range t.ofType(t.source(name), mdns.TypeANY) {
		kinds[rr.Header().Rrtype] = true
	}
	if qtype == mdns.TypeDS { // is asked of the zone above, where no zone begins (RFC 4035 3.1.4.1)
		delete(kinds, mdns.TypeSOA)
		delete(kinds, mdns.TypeNS)
	}
	var list []uint16
	for kind := range kinds {
		list = append(list, kind)
	}
	return []mdns.RR{nsec(name, below(`\000`, name), list...)}
}

func nsec(name, next string, kinds ...uint16) mdns.RR {
	kinds = append(kinds, mdns.TypeRRSIG, mdns.TypeNSEC)
	slices.Sort(kinds)
	return &mdns.NSEC{
		Hdr:        mdns.RR_Header{Name: name, Rrtype: mdns.TypeNSEC, Class: mdns.ClassINET, Ttl: soaTTL},
		NextDomain: next, TypeBitMap: slices.Compact(kinds),
	}
}

// before is a name just before this one in canonical order (RFC 4034 6.1, RFC 4470 4).
func before(name string) string {
	label, rest := first(name)
	end := len(label) - 1
	switch c := label[end]; {
	case c == 0 && end > 0:
		return below(escape(label[:end]), rest)
	case c == '[': // before it come the capitals, which count as small letters and so come after it
		label[end] = '@'
	case c > 0:
		label[end]--
	}
	if len(label) < maxLabel {
		label = append(label, 0xff)
	}
	return below(escape(label), rest)
}

// after is the name just after this one and all below it.
func after(name string) string {
	label, rest := first(name)
	if len(label) < maxLabel {
		return below(escape(label)+`\000`, rest)
	}
	end := len(label) - 1
	if label[end]++; label[end] == 'A' {
		label[end] = '['
	}
	return below(escape(label), rest)
}

// first is the octets of the first label, and the name above.
func first(name string) ([]byte, string) {
	wire := make([]byte, 256)
	if _, err := mdns.PackDomainName(name, wire, 0, nil, false); err != nil || wire[0] == 0 {
		return []byte{0}, "." // no name that came in a message
	}
	return wire[1 : 1+wire[0] : 1+wire[0]], parent(name)
}

func parent(name string) string {
	i, end := mdns.NextLabel(name, 0)
	if end {
		return "."
	}
	return name[i:]
}

func below(label, name string) string { return label + "." + strings.TrimPrefix(name, ".") }

// escape writes a label as names are written in text.
func escape(label []byte) string {
	var b strings.Builder
	for _, c := range label {
		if '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || c == '-' || c == '_' {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, `\%03d`, c)
	}
	return b.String()
}
