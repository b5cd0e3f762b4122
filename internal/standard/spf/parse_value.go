package spf

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/budkavle/budkavle/internal/base/wording"
)

// network reads the address and prefix length of ip4 and ip6 (RFC 7208 5.6).
func (p *parser) network(m *Mechanism, rest string) bool {
	example, family, bits := "ip4:192.0.2.0/24", "IPv4", 32
	if m.Kind == IP6 {
		example, family, bits = "ip6:2001:db8::/32", "IPv6", 128
	}
	if !strings.HasPrefix(rest, ":") {
		p.fault(m.Span, wording.Say("%s names no network", m.Kind), wording.Say("write it like %s", example))
		return false
	}
	text, length, has := strings.Cut(rest[1:], "/")
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" || (addr.BitLen() != bits) {
		p.fault(m.Span, wording.Say("%q is not an %s address", text, family), wording.Say("write it like %s", example))
		return false
	}
	if has {
		n, ok := prefixLength(length, bits)
		if !ok {
			p.fault(m.Span, wording.Say("%q is not a prefix length", "/"+length), wording.Say("give a number from 0 to %d without zeros in front", bits))
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
			p.fault(m.Span, wording.Say("%q is not a prefix length", part.mark+digits), wording.Say("give a number from 0 to %d without zeros in front", *part.bits))
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
		p.fault(m.Span, wording.Say("%q is not understood", rest), wording.Say("put a colon and a domain, or nothing, after %s", m.Kind))
		return false
	}
	m.Domain = p.domain(m.Span, rest[1:], offset+1)
	return m.Domain != nil
}

// domain reads domain-spec: a macro-string that ends in a top label or in a macro (RFC 7208 7.1).
func (p *parser) domain(at Span, text string, offset int) *Macro {
	if text == "" {
		p.fault(at, wording.Say("the domain is missing"), wording.Say("name one, or remove the term"))
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
		p.fault(at, wording.Say("%q is an address and no domain", text), wording.Say("write ip4: or ip6: in front of an address"))
		return nil
	}
	if label := bare[dot+1:]; dot < 0 || !isTopLabel(label) {
		p.fault(at, wording.Say("%q does not end in a top-level domain", text), wording.Say("write the whole domain name"))
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
