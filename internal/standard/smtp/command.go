package smtp

import (
	"strconv"
	"strings"
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
	bad := Errorf(501, "5.5.4", "The syntax is %s:<address> and parameters", map[string]string{"FROM": "MAIL FROM", "TO": "RCPT TO"}[keyword])
	if len(rest) <= len(keyword) || !strings.EqualFold(rest[:len(keyword)], keyword) || rest[len(keyword)] != ':' {
		return Path{}, bad
	}
	rest = strings.TrimLeft(rest[len(keyword)+1:], " ")
	if !strings.HasPrefix(rest, "<") {
		return Path{}, bad
	}
	end := closingBracket(rest)
	if end < 0 {
		return Path{}, bad
	}
	p := Path{Mailbox: rest[1:end]}
	if strings.HasPrefix(p.Mailbox, "@") {
		// A source route (RFC 5321 4.1.2, appendix F.2) is taken and ignored.
		_, mailbox, ok := strings.Cut(p.Mailbox, ":")
		if !ok {
			return Path{}, bad
		}
		p.Mailbox = mailbox
	}
	after := rest[end+1:]
	if after != "" && after[0] != ' ' {
		return Path{}, bad
	}
	for _, word := range strings.Fields(after) {
		key, value, _ := strings.Cut(word, "=")
		if !isKeyword(key) {
			return Path{}, Errorf(501, "5.5.4", "The parameter %.40q is not KEYWORD=VALUE", word)
		}
		p.Params = append(p.Params, Param{strings.ToUpper(key), value})
	}
	return p, nil
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

// DecodeXtext decodes RFC 3461 4: +XX stands for an octet.
func DecodeXtext(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '+':
			if i+2 >= len(s) {
				return "", Errorf(501, "5.5.4", "%.60q ends within a +XX", s)
			}
			v, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
			if err != nil || strings.ToUpper(s[i+1:i+3]) != s[i+1:i+3] {
				return "", Errorf(501, "5.5.4", "%.60q has a + without two hexadecimal digits after it", s)
			}
			b.WriteByte(byte(v))
			i += 2
		case c < '!' || c > '~' || c == '=':
			return "", Errorf(501, "5.5.4", "%.60q is not xtext of RFC 3461", s)
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), nil
}
