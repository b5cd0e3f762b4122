package validate

import (
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// lookalikes are letters of other scripts that are drawn like Latin ones (a small part of UTS 39's confusables: the ones
// that IDNA 2008 lets into a label).
var lookalikes = strings.NewReplacer(
	"а", "a", "е", "e", "о", "o", "р", "p", "с", "c", "у", "y", "х", "x", "і", "i", "ѕ", "s", "ј", "j", "ԁ", "d", "һ", "h", "ӏ", "l", "ԛ", "q", "ԝ", "w",
	"ɡ", "g", "ο", "o", "ν", "v", "α", "a", "ι", "i", "κ", "k", "ρ", "p", "ա", "w", "օ", "o", "ո", "n", "ս", "u",
)

// disguise looks at a domain in A-labels for letters that pass for others: it reports whether a label mixes scripts that
// no language mixes, or is drawn as a Latin one; and the Latin domain it is drawn as, if that is whole.
func disguise(domain string) (latin string, odd bool) {
	if !strings.Contains(domain, "xn--") {
		return "", false
	}
	text, err := idna.ToUnicode(domain)
	if err != nil {
		return "", false
	}
	for label := range strings.SplitSeq(text, ".") {
		drawn := lookalikes.Replace(label)
		odd = odd || mixed(label) || drawn != label && isASCII(drawn)
	}
	if latin = lookalikes.Replace(text); !odd || !isASCII(latin) {
		latin = ""
	}
	return latin, odd
}

// mixed reports Latin letters beside Cyrillic, Greek or Armenian ones.
func mixed(label string) bool {
	latin, other := false, false
	for _, r := range label {
		latin = latin || unicode.Is(unicode.Latin, r)
		other = other || unicode.In(r, unicode.Cyrillic, unicode.Greek, unicode.Armenian)
	}
	return latin && other
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
