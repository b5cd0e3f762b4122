package bounce

import (
	"strings"
	"unicode/utf8"

	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// maxSaid is how many octets of a text are looked at. RFC 5321 4.5.3.1.5 allows a reply line 512.
const maxSaid = 8 << 10

// fold makes a server's words comparable: lower case, one space between words, one kind of apostrophe, "@" for an address
// with its angle brackets, so that neither line ends nor names (user-unknown@example.com) look like a reason; and without the
// codes that a multi-line reply repeats in its middle.
func fold(s string) string {
	if len(s) > maxSaid {
		s = strings.ToValidUTF8(s[:maxSaid], "")
	}
	b := make([]byte, 0, len(s)+1)
	skipped := false // the word before was a reply code: an enhanced one may follow
	for len(s) > 0 {
		var word string
		if word, s = cutWord(s); word == "" {
			continue
		}
		if skipped = isCode(word, skipped); skipped {
			continue
		}
		if len(b) > 0 {
			b = append(b, ' ')
		}
		b = appendFolded(b, word)
	}
	return string(b)
}

// cutWord parts a text at its first white space.
func cutWord(s string) (word, rest string) {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' {
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// isCode knows "550", "550-5.7.1" and, behind such a one, "5.7.1".
func isCode(word string, after bool) bool {
	if code, rest := cutCode(word); code > 0 && (rest == "" || smtp.ValidEnhanced(rest)) {
		return true
	}
	return after && smtp.ValidEnhanced(word)
}

func appendFolded(b []byte, word string) []byte {
	at, ascii := -1, true
	for i := 0; i < len(word); i++ {
		if c := word[i]; c == '@' && at < 0 {
			at = i
		} else if c >= utf8.RuneSelf {
			ascii = false
		}
	}
	if at > 0 && at < len(word)-1 {
		from, to := around(word, at)
		if from < at && to > at+1 {
			b = append(b, strings.ToLower(word[:from])...)
			b = append(b, '@')
			return append(b, strings.ToLower(word[to:])...)
		}
	}
	if !ascii {
		return append(b, strings.ToLower(apostrophes.Replace(word))...)
	}
	for i := 0; i < len(word); i++ {
		c := word[i]
		switch {
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		case c == '`':
			c = '\''
		}
		b = append(b, c)
	}
	return b
}

var apostrophes = strings.NewReplacer("’", "'", "‘", "'", "`", "'", "´", "'")

// around is where the address about an at sign begins and ends, its angle brackets included.
func around(word string, at int) (from, to int) {
	from, to = at, at+1
	for from > 0 && !strings.ContainsRune("<>()[]:;,\"'=", rune(word[from-1])) {
		from--
	}
	for to < len(word) && (isNameOctet(word[to]) || word[to] == '.' && to+1 < len(word) && isNameOctet(word[to+1])) {
		to++
	}
	if from > 0 && word[from-1] == '<' && to < len(word) && word[to] == '>' {
		from, to = from-1, to+1
	}
	return from, to
}

// isNameOctet allows what domains consist of, in U-labels too.
func isNameOctet(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c >= utf8.RuneSelf
}
