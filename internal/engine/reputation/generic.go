package reputation

import (
	"encoding/hex"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/budkavle/budkavle/internal/base/wording"
)

// generic says why a name looks as if it was given to an address by a machine, as those of homes are; zero if it does not.
// Receivers trust such names less or refuse their mail.
func generic(name string, addr netip.Addr) wording.Text {
	labels := strings.Split(name, ".")
	host := strings.Join(labels[:max(len(labels)-2, 1)], ".") // without the domain, roughly: that pool.example sells pools is no sign
	if holds(host, addr) {
		return wording.Say("%s contains the address", name)
	}
	signs := []string{
		"adsl", "broadband", "cable", "client", "customer", "dhcp", "dialin", "dialup", "dsl", "dyn", "dynamic", "fiber", "ftth",
		"pool", "ppp", "pppoe", "residential", "unassigned", "unknown", "vdsl", "wifi", "xdsl",
	}
	for word := range strings.FieldsFuncSeq(host, func(r rune) bool { return !unicode.IsLetter(r) }) {
		if slices.Contains(signs, word) {
			return wording.Say("%s contains %q", name, word)
		}
	}
	return wording.Text{}
}

// holds reports whether a name contains an address in one of the ways in which machines write them: three octets or four
// groups in a row and in either order, or all of it in hexadecimal or with zeros in front.
func holds(host string, addr netip.Addr) bool {
	if addr = addr.Unmap(); addr.Is4() {
		return holdsIPv4(host, addr.As4())
	}
	b := addr.As16()
	groups := make([]int, 8)
	for i := range groups {
		groups[i] = int(b[2*i])<<8 | int(b[2*i+1])
	}
	written := fields(host, isHex, 16)
	if inRow(written, groups, 4) {
		return true
	}
	// The interface's half, in one piece or as nibbles from the last to the first.
	nibbles := hex.EncodeToString(b[8:])
	backwards := []byte(nibbles)
	slices.Reverse(backwards)
	plain := strings.NewReplacer("-", "", ".", "", "_", "").Replace(host)
	return strings.Contains(plain, nibbles) || strings.Contains(plain, string(backwards))
}

func holdsIPv4(host string, b [4]byte) bool {
	octets := []int{int(b[0]), int(b[1]), int(b[2]), int(b[3])}
	if inRow(fields(host, unicode.IsDigit, 10), octets, 3) {
		return true
	}
	var padded strings.Builder
	for _, o := range octets {
		padded.WriteString(strings.Repeat("0", 3-len(strconv.Itoa(o))) + strconv.Itoa(o))
	}
	return strings.Contains(host, padded.String()) || strings.Contains(host, hex.EncodeToString(b[:]))
}

// inRow reports whether n or more of the parts stand one after the other in written, forwards or backwards. Zeros alone,
// of which IPv6 addresses are full, are no sign.
func inRow(written, parts []int, n int) bool {
	backwards := slices.Clone(parts)
	slices.Reverse(backwards)
	for _, order := range [][]int{parts, backwards} {
		for i := 0; i+n <= len(order); i++ {
			piece := order[i : i+n]
			if !slices.ContainsFunc(piece, func(p int) bool { return p != 0 }) {
				continue
			}
			for j := 0; j+n <= len(written); j++ {
				if slices.Equal(written[j:j+n], piece) {
					return true
				}
			}
		}
	}
	return false
}

// fields reads the numbers in a name; what is too large for one is -1.
func fields(host string, digit func(rune) bool, base int) []int {
	var list []int
	for f := range strings.FieldsFuncSeq(host, func(r rune) bool { return !digit(r) }) {
		n, err := strconv.ParseUint(f, base, 16)
		if err != nil {
			list = append(list, -1)
			continue
		}
		list = append(list, int(n))
	}
	return list
}

func isHex(r rune) bool { return '0' <= r && r <= '9' || 'a' <= r && r <= 'f' }
