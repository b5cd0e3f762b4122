package smtp

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxCommandLine is the longest command line taken, in octets with CRLF: the 512 of RFC 5321 4.5.3.1.4 and what the
// extensions add (RFC 1870, 3461, 4954, 6531 together ask for less than 1,500).
const MaxCommandLine = 2048

// Command is one line from a client.
type Command struct {
	Verb string // upper case
	Rest string // after the verb, without the space between
}

// ParseCommand reads a line without its CRLF.
func ParseCommand(line string) (Command, error) {
	for i := range len(line) {
		if c := line[i]; c < ' ' && c != '\t' || c == 127 {
			return Command{}, Errorf(500, "5.5.2", "The command has a control character")
		}
	}
	verb, rest, _ := strings.Cut(line, " ")
	if verb == "" {
		return Command{}, Errorf(500, "5.5.2", "There is no command on the line")
	}
	return Command{strings.ToUpper(verb), strings.Trim(rest, " \t")}, nil
}

// Path is the mailbox of a MAIL or RCPT with its parameters.
type Path struct {
	Mailbox string // without angle brackets and source route; empty for <>
	Params  []Param
}

// Param is one ESMTP parameter (RFC 5321 4.1.2).
type Param struct {
	Key   string // upper case
	Value string
}

// ParsePath reads what follows "MAIL " or "RCPT "; keyword is "FROM" or "TO". Space after the colon is taken, as many
// clients send it.
func ParsePath(rest, keyword string) (Path, error) {
	inner, after, ok := cutPath(rest, keyword)
	if ok && strings.HasPrefix(inner, "@") {
		_, inner, ok = strings.Cut(inner, ":") // a source route is taken and ignored (RFC 5321 4.1.2, appendix C)
	}
	if !ok {
		return Path{}, Errorf(501, "5.5.4", "After %s the syntax is %s:<address> and parameters", map[string]string{"FROM": "MAIL", "TO": "RCPT"}[keyword], keyword)
	}
	params, err := parseParams(after)
	return Path{Mailbox: inner, Params: params}, err
}

// cutPath parts what is within the angle brackets from what follows them.
func cutPath(rest, keyword string) (inner, after string, ok bool) {
	n := len(keyword)
	if len(rest) <= n || !strings.EqualFold(rest[:n], keyword) || rest[n] != ':' {
		return "", "", false
	}
	rest = strings.TrimLeft(rest[n+1:], " ")
	if !strings.HasPrefix(rest, "<") {
		return "", "", false
	}
	end := closingBracket(rest)
	if end < 0 {
		return "", "", false
	}
	inner, after = rest[1:end], rest[end+1:]
	return inner, after, after == "" || after[0] == ' '
}

// parseParams reads KEYWORD or KEYWORD=VALUE, each keyword once.
func parseParams(s string) ([]Param, error) {
	var params []Param
	for word := range strings.FieldsSeq(s) {
		key, value, _ := strings.Cut(word, "=")
		if !isKeyword(key) {
			return nil, Errorf(501, "5.5.4", "The parameter %.40q is not KEYWORD=VALUE", word)
		}
		key = strings.ToUpper(key)
		for _, p := range params { // a handful: the line is short
			if p.Key == key {
				return nil, Errorf(501, "5.5.4", "The parameter %.40s stands there twice", key)
			}
		}
		params = append(params, Param{key, value})
	}
	return params, nil
}

// closingBracket finds the > that ends the path: brackets within a quoted local part do not.
func closingBracket(s string) int {
	quoted := false
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			if quoted {
				i++
			}
		case '"':
			quoted = !quoted
		case '>':
			if !quoted {
				return i
			}
		case '<':
			if !quoted {
				return -1
			}
		}
	}
	return -1
}

func isKeyword(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' && i > 0) {
			return false
		}
	}
	return s != ""
}

// DecodeXtext decodes RFC 3461 4: +XX stands for an octet. What is not printable ASCII is refused even when encoded,
// as RFC 3461 4.4 has it: the text goes into reports and logs.
func DecodeXtext(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c < '!' || c > '~' || c == '=' {
			return "", Errorf(501, "5.5.4", "%.60q is not xtext of RFC 3461", s)
		}
		if c == '+' {
			if i+2 >= len(s) || !upperHex(s[i+1]) || !upperHex(s[i+2]) {
				return "", Errorf(501, "5.5.4", "%.60q has a + without two hexadecimal digits after it", s)
			}
			v, _ := strconv.ParseUint(s[i+1:i+3], 16, 8)
			if c = byte(v); c < ' ' || c > '~' {
				return "", Errorf(501, "5.5.4", "%.60q stands for a character that is not printable", s)
			}
			i += 2
		}
		b.WriteByte(c)
	}
	return b.String(), nil
}

func upperHex(c byte) bool { return digit(c) || 'A' <= c && c <= 'F' }

// AppendXtext appends s in the xtext of RFC 3461 4.
func AppendXtext(b []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(s) {
		if c := s[i]; c > ' ' && c < 0x7f && c != '+' && c != '=' {
			b = append(b, c)
		} else {
			b = append(b, '+', hex[c>>4], hex[c&15])
		}
	}
	return b
}

// ParseORcpt reads the value of ORCPT (RFC 3461 4.2): the address type and the decoded address, for a report's
// Original-Recipient. Addresses of type utf-8 may also be UTF-8 as it is (RFC 6533 3).
func ParseORcpt(value string) (kind, address string, err error) {
	kind, address, ok := strings.Cut(value, ";")
	if !ok || !isKeyword(kind) || address == "" || len(value) > 500 {
		return "", "", Errorf(501, "5.5.4", "ORCPT is not TYPE;ADDRESS of at most 500 characters")
	}
	if strings.EqualFold(kind, "utf-8") && utf8.ValidString(address) && strings.IndexFunc(address, unicode.IsControl) < 0 {
		return kind, address, nil
	}
	address, err = DecodeXtext(address)
	return kind, address, err
}
