package spf

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
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
		p.fault(Span{text[:min(len(text), len(version)+1)], 0}, say("this is not an SPF record"), say("begin it with %q and a space", version))
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

func (p *parser) fault(at Span, problem, change Text) {
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
		p.fault(at, say("%s= stands in the record twice", name), say("keep one"))
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
			p.fault(at, say("nothing may follow %q", "all"), say("write %q with a space behind it", at.Text[:len(at.Text)-len(rest)]))
		}
	case IP4, IP6:
		ok = p.network(&m, rest)
	case A, MX:
		if rest, ok = p.lengths(&m, rest); ok {
			ok = p.target(&m, rest, offset)
		}
	case Include, Exists, PTR:
		if ok = rest != "" || m.Kind == PTR; !ok {
			p.fault(at, say("%s names no domain", m.Kind), say("write %s", string(m.Kind)+":example.org"))
			break
		}
		ok = p.target(&m, rest, offset)
	default:
		p.fault(at, say("there is no mechanism %q", text[:end]), p.advice(at, text[:end]))
	}
	if ok {
		p.record.Mechanisms = append(p.record.Mechanisms, m)
	}
}

func kinds() []Kind { return []Kind{All, Include, A, MX, PTR, IP4, IP6, Exists} }

// advice guesses what an unknown mechanism was meant to be.
func (p *parser) advice(at Span, name string) Text {
	if _, err := netip.ParseAddr(at.Text); err == nil {
		return say("write ip4: or ip6: in front of an address")
	}
	if i := strings.IndexFunc(name, func(r rune) bool { return r < ' ' || r > '~' }); i >= 0 {
		return say("remove octet %s; terms are parted by spaces", hex(name[i]))
	}
	sorted := func(s string) string {
		b := []byte(strings.ToLower(s))
		slices.Sort(b)
		return string(b)
	}
	low := strings.ToLower(name)
	for _, k := range kinds() {
		if string(k) == strings.Trim(low, ".,;:\"'()") || string(k) == strings.Replace(low, "ipv", "ip", 1) {
			return say("did you mean %s?", string(k))
		}
	}
	for _, k := range kinds() { // letters that changed places, and a digit that is missing
		if sorted(string(k)) == sorted(name) || len(name) > 1 && strings.HasPrefix(string(k), low) {
			return say("did you mean %s?", string(k))
		}
	}
	return say("use one of %s", "all include a mx ip4 ip6 exists")
}

// network reads the address and prefix length of ip4 and ip6 (RFC 7208 5.6).
func (p *parser) network(m *Mechanism, rest string) bool {
	example, family, bits := "ip4:192.0.2.0/24", "IPv4", 32
	if m.Kind == IP6 {
		example, family, bits = "ip6:2001:db8::/32", "IPv6", 128
	}
	if !strings.HasPrefix(rest, ":") {
		p.fault(m.Span, say("%s names no network", m.Kind), say("write it like %s", example))
		return false
	}
	text, length, has := strings.Cut(rest[1:], "/")
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" || (addr.BitLen() != bits) {
		p.fault(m.Span, say("%q is not an %s address", text, family), say("write it like %s", example))
		return false
	}
	if has {
		n, ok := prefixLength(length, bits)
		if !ok {
			p.fault(m.Span, say("%q is not a prefix length", "/"+length), say("give a number from 0 to %d without zeros in front", bits))
			return false
		}
		bits = n
	}
	m.Network = netip.PrefixFrom(addr, bits)
	return true
}

// lengths takes dual-cidr-length off the end of an a or mx mechanism (RFC 7208 5).
func (p *parser) lengths(m *Mechanism, rest string) (string, bool) {
	for _, part := range []struct {
		mark string
		bits *int
	}{{"//", &m.Bits6}, {"/", &m.Bits4}} {
		digits := rest[len(strings.TrimRight(rest, "0123456789")):]
		head, found := strings.CutSuffix(rest[:len(rest)-len(digits)], part.mark)
		if digits == "" || !found {
			continue
		}
		n, ok := prefixLength(digits, *part.bits)
		if !ok {
			p.fault(m.Span, say("%q is not a prefix length", part.mark+digits), say("give a number from 0 to %d without zeros in front", *part.bits))
			return "", false
		}
		rest, *part.bits = head, n
	}
	return rest, true
}

func prefixLength(s string, most int) (int, bool) {
	if s == "" || len(s) > 3 || strings.Trim(s, "0123456789") != "" || s[0] == '0' && s != "0" {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n <= most
}

// target reads the optional ":" domain-spec of a mechanism.
func (p *parser) target(m *Mechanism, rest string, offset int) bool {
	if rest == "" {
		return true
	}
	if rest[0] != ':' {
		p.fault(m.Span, say("%q is not understood", rest), say("put a colon and a domain, or nothing, after %s", m.Kind))
		return false
	}
	m.Domain = p.domain(m.Span, rest[1:], offset+1)
	return m.Domain != nil
}

// domain reads domain-spec: a macro-string that ends in a top label or in a macro (RFC 7208 7.1).
func (p *parser) domain(at Span, text string, offset int) *Macro {
	if text == "" {
		p.fault(at, say("the domain is missing"), say("name one, or remove the term"))
		return nil
	}
	m, err := parseMacro(text, offset, domainLetters, false)
	if err != nil {
		p.faults = append(p.faults, err)
		return nil
	}
	if endsInMacro(text) {
		return m
	}
	bare := strings.TrimSuffix(text, ".")
	dot := strings.LastIndexByte(bare, '.')
	if _, err := netip.ParseAddr(text); err == nil {
		p.fault(at, say("%q is an address and no domain", text), say("write ip4: or ip6: in front of an address"))
		return nil
	}
	if label := bare[dot+1:]; dot < 0 || !isTopLabel(label) {
		p.fault(at, say("%q does not end in a top-level domain", text), say("write the whole domain name"))
		return nil
	}
	return m
}

func endsInMacro(text string) bool {
	if strings.HasSuffix(text, "}") {
		return strings.Contains(text, "%{") && !strings.Contains(text[strings.LastIndex(text, "%{"):len(text)-1], "}")
	}
	return strings.HasSuffix(text, "%%") || strings.HasSuffix(text, "%_") || strings.HasSuffix(text, "%-")
}

// isTopLabel: letters, digits and inner hyphens, not digits alone.
func isTopLabel(s string) bool {
	if s == "" || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	digits := true
	for i := range len(s) {
		if c := s[i]; !isDigit(c) {
			digits = false
			if !isAlpha(c) && c != '-' {
				return false
			}
		}
	}
	return !digits
}
