package outbound

import (
	"strconv"
	"strings"
)

// extensions are what a peer's EHLO reply offers, RFC 5321 4.1.1.1.
type extensions struct {
	pipelining bool  // RFC 2920
	size       int64 // RFC 1870: octets at most; 0: offered without a limit; -1: not offered
	eightBit   bool  // RFC 6152
	utf8       bool  // RFC 6531
	dsn        bool  // RFC 3461
	startTLS   bool  // RFC 3207
	auth       []string
}

// parseExtensions reads the text of an EHLO reply; its first line is the peer's name. Keywords come in any case.
func parseExtensions(text string) extensions {
	e := extensions{size: -1}
	_, text, _ = strings.Cut(text, "\n")
	for line := range strings.SplitSeq(text, "\n") {
		keyword, value, _ := strings.Cut(strings.TrimSpace(strings.ToUpper(line)), " ")
		switch {
		case keyword == "PIPELINING":
			e.pipelining = true
		case keyword == "SIZE":
			e.size = 0
			if n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64); err == nil && n > 0 {
				e.size = n
			}
		case keyword == "8BITMIME":
			e.eightBit = true
		case keyword == "SMTPUTF8":
			e.utf8 = true
		case keyword == "DSN":
			e.dsn = true
		case keyword == "STARTTLS":
			e.startTLS = true
		case keyword == "AUTH":
			e.auth = append(e.auth, strings.Fields(value)...)
		case strings.HasPrefix(keyword, "AUTH="): // before RFC 2554, still seen
			e.auth = append(e.auth, strings.Fields(keyword[len("AUTH="):]+" "+value)...)
		}
	}
	return e
}
