package spf

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/budkavle/budkavle/internal/base/wording"
)

const version = "v=spf1"

// IsRecord reports whether a TXT record is an SPF record at all (RFC 7208 4.5), be it right or wrong.
func IsRecord(txt string) bool {
	if len(txt) < len(version) || !strings.EqualFold(txt[:len(version)], version) {
		return false
	}
	return len(txt) == len(version) || txt[len(version)] == ' '
}

// Parse reads a record. On errors, which are Faults, the record has the terms that could be read.
func Parse(text string) (*Record, error) {
	p := parser{record: &Record{Text: text}}
	if !IsRecord(text) {
		p.fault(Span{text[:min(len(text), len(version)+1)], 0}, wording.Say("this is not an SPF record"), wording.Say("begin it with %q and a space", version))
		return p.record, p.faults
	}
	for at := len(version); at < len(text); {
		if text[at] == ' ' { // RFC 7208 4.6.1: terms are parted by spaces, and by nothing else
			at++
			continue
		}
		end := len(text)
		if n := strings.IndexByte(text[at:], ' '); n >= 0 {
			end = at + n
		}
		p.term(Span{text[at:end], at})
		at = end
	}
	if len(p.faults) > 0 {
		return p.record, p.faults
	}
	return p.record, nil
}

type parser struct {
	record *Record
	faults Faults
}

func (p *parser) fault(at Span, problem, change wording.Text) {
	p.faults = append(p.faults, &SyntaxError{at, problem, change})
}

func (p *parser) term(at Span) {
	end := strings.IndexAny(at.Text, ":/=")
	if end > 0 && at.Text[end] == '=' && isModifierName(at.Text[:end]) {
		p.modifier(at, strings.ToLower(at.Text[:end]), at.Text[end+1:], at.Offset+end+1)
		return
	}
	p.mechanism(at)
}

// isModifierName: name = ALPHA *( ALPHA / DIGIT / "-" / "_" / "." ).
func isModifierName(s string) bool {
	if s == "" || !isAlpha(s[0]) {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isAlpha(c) && !isDigit(c) && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

func (p *parser) modifier(at Span, name, value string, offset int) {
	mod := Modifier{Span: at, Name: name}
	if name != "redirect" && name != "exp" {
		var err *SyntaxError
		if mod.Value, err = parseMacro(value, offset, explainLetters, false); err != nil {
			p.faults = append(p.faults, err)
			return
		}
		p.record.Unknown = append(p.record.Unknown, mod)
		return
	}
	slot := &p.record.Redirect
	if name == "exp" {
		slot = &p.record.Exp
	}
	if *slot != nil { // RFC 7208 6
		p.fault(at, wording.Say("%s= stands in the record twice", name), wording.Say("keep one"))
		return
	}
	if mod.Value = p.domain(at, value, offset); mod.Value != nil {
		*slot = &mod
	}
}

// verdictOf reads a qualifier (RFC 7208 4.6.2); any other octet gives "".
func verdictOf(c byte) Verdict {
	switch c {
	case '+':
		return Pass
	case '-':
		return Fail
	case '~':
		return SoftFail
	case '?':
		return Neutral
	}
	return ""
}

func (p *parser) mechanism(at Span) {
	m := Mechanism{Span: at, Verdict: Pass, Bits4: 32, Bits6: 128}
	text, offset := at.Text, at.Offset
	if v := verdictOf(text[0]); v != "" {
		m.Verdict, text, offset = v, text[1:], offset+1
	}
	end := strings.IndexAny(text, ":/=")
	if end < 0 {
		end = len(text)
	}
	m.Kind = Kind(strings.ToLower(text[:end]))
	rest, offset := text[end:], offset+end
	ok := false
	switch m.Kind {
	case All:
		if ok = rest == ""; !ok {
			p.fault(at, wording.Say("nothing may follow %q", "all"), wording.Say("write %q with a space behind it", at.Text[:len(at.Text)-len(rest)]))
		}
	case IP4, IP6:
		ok = p.network(&m, rest)
	case A, MX:
		if rest, ok = p.lengths(&m, rest); ok {
			ok = p.target(&m, rest, offset)
		}
	case Include, Exists, PTR:
		if ok = rest != "" || m.Kind == PTR; !ok {
			p.fault(at, wording.Say("%s names no domain", m.Kind), wording.Say("write %s", string(m.Kind)+":example.org"))
			break
		}
		ok = p.target(&m, rest, offset)
	default:
		p.fault(at, wording.Say("there is no mechanism %q", text[:end]), p.advice(at, text[:end]))
	}
	if ok {
		p.record.Mechanisms = append(p.record.Mechanisms, m)
	}
}

func kinds() []Kind { return []Kind{All, Include, A, MX, PTR, IP4, IP6, Exists} }

// advice guesses what an unknown mechanism was meant to be.
func (p *parser) advice(at Span, name string) wording.Text {
	if _, err := netip.ParseAddr(at.Text); err == nil {
		return wording.Say("write ip4: or ip6: in front of an address")
	}
	if i := strings.IndexFunc(name, func(r rune) bool { return r < ' ' || r > '~' }); i >= 0 {
		return wording.Say("remove octet %s; terms are parted by spaces", hex(name[i]))
	}
	sorted := func(s string) string {
		b := []byte(strings.ToLower(s))
		slices.Sort(b)
		return string(b)
	}
	low := strings.ToLower(name)
	for _, k := range kinds() {
		if string(k) == strings.Trim(low, ".,;:\"'()") || string(k) == strings.Replace(low, "ipv", "ip", 1) {
			return wording.Say("did you mean %s?", string(k))
		}
	}
	for _, k := range kinds() { // letters that changed places, and a digit that is missing
		if sorted(string(k)) == sorted(name) || len(name) > 1 && strings.HasPrefix(string(k), low) {
			return wording.Say("did you mean %s?", string(k))
		}
	}
	return wording.Say("use one of %s", "all include a mx ip4 ip6 exists")
}
