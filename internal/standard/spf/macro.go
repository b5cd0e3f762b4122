package spf

import (
	"strings"

	"github.com/budkavle/budkavle/internal/base/wording"
)

// Macro is a string with macros (RFC 7208 7.1).
type Macro struct {
	Text  string
	Parts []Part
}

// Part is a literal or one macro.
type Part struct {
	Literal    string // when Letter is 0
	Letter     byte   // lower case: s l o d i p h c r t v
	Escape     bool   // upper case: what it gives is URL-escaped
	Keep       int    // right-hand parts to keep; 0: all
	Reverse    bool
	Delimiters string // empty: "."
}

// uses reports whether one of these letters occurs.
func (m *Macro) uses(letters string) bool {
	for _, p := range m.Parts {
		if p.Letter != 0 && strings.IndexByte(letters, p.Letter) >= 0 {
			return true
		}
	}
	return false
}

const (
	explainLetters = "slodiphcrtv"
	domainLetters  = "slodiphv" // RFC 7208 7.2: c, r and t only in explanations
	delimiters     = ".-+,/_="
	maxKeep        = 128 // RFC 7208 7.3 asks for at least 127; a name has no more labels
)

// parseMacro reads a macro-string that begins at offset. spaces are literals in explanations only.
func parseMacro(text string, offset int, letters string, spaces bool) (*Macro, *SyntaxError) {
	m := &Macro{Text: text}
	literal := func(s string) {
		if n := len(m.Parts); n > 0 && m.Parts[n-1].Letter == 0 {
			m.Parts[n-1].Literal += s
			return
		}
		m.Parts = append(m.Parts, Part{Literal: s})
	}
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c != '%' && (c > ' ' && c < 0x7f || c == ' ' && spaces):
			next := i + 1
			for next < len(text) && text[next] != '%' && text[next] > ' ' && text[next] < 0x7f {
				next++
			}
			literal(text[i:next])
			i = next
		case c != '%':
			return nil, &SyntaxError{Span{text[i : i+1], offset + i}, wording.Say("octet %s is not printable ASCII", hex(c)), wording.Say("remove it")}
		case strings.HasPrefix(text[i:], "%%"), strings.HasPrefix(text[i:], "%_"), strings.HasPrefix(text[i:], "%-"):
			literal(map[byte]string{'%': "%", '_': " ", '-': "%20"}[text[i+1]])
			i += 2
		case strings.HasPrefix(text[i:], "%{"):
			end := strings.IndexByte(text[i:], '}')
			if end < 0 {
				return nil, &SyntaxError{Span{text[i:], offset + i}, wording.Say("the macro has no end"), wording.Say("close it with }")}
			}
			p, err := parsePart(text[i:i+end+1], offset+i, letters)
			if err != nil {
				return nil, err
			}
			m.Parts = append(m.Parts, p)
			i += end + 1
		default:
			return nil, &SyntaxError{Span{text[i:], offset + i}, wording.Say("%% begins no macro"), wording.Say("write %%%% for the sign itself")}
		}
	}
	return m, nil
}

// parsePart reads "%{" macro-letter transformers *delimiter "}".
func parsePart(text string, offset int, letters string) (Part, *SyntaxError) {
	fault := func(problem, change wording.Text) (Part, *SyntaxError) {
		return Part{}, &SyntaxError{Span{text, offset}, problem, change}
	}
	inner := text[2 : len(text)-1]
	if inner == "" {
		return fault(wording.Say("the macro has no letter"), wording.Say("use one of %s", spaced(letters)))
	}
	letter := inner[0] | 0x20
	p := Part{Letter: letter, Escape: inner[0] != letter}
	if strings.IndexByte(letters, letter) < 0 {
		if strings.IndexByte(explainLetters, letter) >= 0 {
			return fault(wording.Say("macro letter %s is for explanations only", inner[:1]), wording.Say("use one of %s", spaced(letters)))
		}
		return fault(wording.Say("there is no such macro letter"), wording.Say("use one of %s", spaced(letters)))
	}
	rest := inner[1:]
	digits := 0
	for ; digits < len(rest) && isDigit(rest[digits]); digits++ {
		p.Keep = min(p.Keep*10+int(rest[digits]-'0'), maxKeep)
	}
	if digits > 0 && p.Keep == 0 {
		return fault(wording.Say("a macro cannot keep 0 parts"), wording.Say("give a number from 1, or none"))
	}
	rest = rest[digits:]
	if rest != "" && rest[0]|0x20 == 'r' {
		p.Reverse, rest = true, rest[1:]
	}
	if strings.Trim(rest, delimiters) != "" {
		return fault(wording.Say("%q is not understood in a macro", rest), wording.Say("after the letter come a number, r, and delimiters out of %s", spaced(delimiters)))
	}
	p.Delimiters = rest
	return p, nil
}

func spaced(s string) string { return strings.Join(strings.Split(s, ""), " ") }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isAlpha(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func hex(c byte) string {
	return "0x" + string("0123456789abcdef"[c>>4]) + string("0123456789abcdef"[c&15])
}
