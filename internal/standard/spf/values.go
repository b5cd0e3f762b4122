package spf

import (
	"slices"
	"strconv"
	"strings"
)

// name expands a domain-spec; ok: it can be asked for.
func (c *check) name(m *Macro, domain string) (name string, ok bool) {
	name = fitName(m.expand(func(letter byte) string { return c.value(letter, domain) }))
	return name, isName(name)
}

// value is what a macro letter stands for (RFC 7208 7.2).
func (c *check) value(letter byte, domain string) string {
	at := strings.LastIndexByte(c.q.Sender, '@')
	switch letter {
	case 's':
		return c.q.Sender
	case 'l':
		return c.q.Sender[:at]
	case 'o':
		return c.q.Sender[at+1:]
	case 'd':
		return domain
	case 'i':
		if c.q.IP.Is4() {
			return c.q.IP.String()
		}
		return nibbles(c.q.IP.As16())
	case 'p':
		return c.hostName(domain)
	case 'v':
		if c.q.IP.Is4() {
			return "in-addr"
		}
		return "ip6"
	case 'h':
		return c.q.Helo
	case 'c':
		return c.q.IP.String()
	case 'r':
		if c.q.Receiver == "" {
			return "unknown"
		}
		return c.q.Receiver
	case 't':
		return strconv.FormatInt(c.q.Now.Unix(), 10)
	}
	return ""
}

// nibbles writes an IPv6 address as 32 upper-case hexadecimal digits with dots (RFC 7208 7.3 and its suite).
func nibbles(a [16]byte) string {
	const digits = "0123456789ABCDEF"
	b := make([]byte, 0, 63)
	for i, octet := range a {
		if i > 0 {
			b = append(b, '.')
		}
		b = append(b, digits[octet>>4], '.', digits[octet&15])
	}
	return string(b)
}

// hostName is %{p}: the validated name nearest to the domain, or "unknown" (RFC 7208 7.3). Looking for it counts once
// as a term that looks up (RFC 7208 4.6.4).
func (c *check) hostName(domain string) string {
	if !c.looked {
		if c.result.Lookups++; c.result.Lookups > MaxLookups {
			return "unknown"
		}
	}
	names, _ := c.names()
	for _, fits := range []func(n string) bool{
		func(n string) bool { return strings.EqualFold(n, domain) },
		func(n string) bool { return isBelow(n, domain) },
		func(string) bool { return true },
	} {
		if i := slices.IndexFunc(names, fits); i >= 0 {
			return names[i]
		}
	}
	return "unknown"
}

// explain fetches the domain owner's words (RFC 7208 6.2); whatever is wrong with them, there are none.
func (c *check) explain(exp *Modifier, domain string) string {
	name, ok := c.name(exp.Value, domain)
	if !ok {
		return ""
	}
	answer, err := c.dns.LookupTXT(c.ctx, name)
	if err != nil || len(answer.Records) != 1 {
		return ""
	}
	m, fault := parseMacro(answer.Records[0], 0, explainLetters, true)
	if fault != nil {
		return ""
	}
	text := m.expand(func(letter byte) string { return c.value(letter, domain) })
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) { // the sender's local part may be anything
		return ""
	}
	return text
}
