package spf

import "strings"

// ZoneLine is a record as a line of a BIND zone: in strings of at most 255 octets, which receivers join without anything
// between them (RFC 1035 3.3, RFC 7208 3.3). They are parted behind a space where there is one, so that terms stay whole.
func ZoneLine(domain, record string) string {
	var b strings.Builder
	b.WriteString(strings.TrimSuffix(domain, ".") + ". IN TXT")
	for rest := record; rest != ""; {
		n := len(rest)
		if n > maxString {
			if n = strings.LastIndexByte(rest[:maxString], ' ') + 1; n == 0 {
				n = maxString
			}
		}
		b.WriteString(` "` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(rest[:n]) + `"`)
		rest = rest[n:]
	}
	return b.String()
}
