package dns

import (
	"context"
	"net/netip"
	"strings"
	"time"

	mdns "github.com/miekg/dns"
)

// Resolver answers the questions of mail. Names are A-labels in any case, with or without the closing dot; CNAMEs are
// followed. Errors are *Error; without one, Records has at least one record.
type Resolver interface {
	LookupMX(ctx context.Context, name string) (Answer[MX], error)
	LookupA(ctx context.Context, name string) (Answer[netip.Addr], error)
	LookupAAAA(ctx context.Context, name string) (Answer[netip.Addr], error)
	// LookupTXT gives each record as one string: its character-strings are joined (RFC 7208 3.3, RFC 6376 3.6.2.2).
	LookupTXT(ctx context.Context, name string) (Answer[string], error)
	LookupPTR(ctx context.Context, addr netip.Addr) (Answer[string], error)
}

// Answer is what a lookup found.
type Answer[T any] struct {
	Records []T
	// Name owns the records: the name asked for, or the end of its CNAME chain; lower case, no closing dot.
	Name string
	// Expires is when the answer is to be asked for again.
	Expires time.Time
	// Authentic: the server says it validated the answer with DNSSEC (AD, RFC 4035 3.2.3).
	Authentic bool
}

// MX is one mail exchanger. The host of a null MX (RFC 7505) is empty.
type MX struct {
	Preference uint16
	Host       string // lower case, no closing dot
}

var _ Resolver = (*Client)(nil)

// LookupMX implements Resolver.
func (c *Client) LookupMX(ctx context.Context, name string) (Answer[MX], error) {
	return lookup(ctx, c, name, mdns.TypeMX, readMX)
}

// LookupA implements Resolver.
func (c *Client) LookupA(ctx context.Context, name string) (Answer[netip.Addr], error) {
	return lookup(ctx, c, name, mdns.TypeA, readA)
}

// LookupAAAA implements Resolver.
func (c *Client) LookupAAAA(ctx context.Context, name string) (Answer[netip.Addr], error) {
	return lookup(ctx, c, name, mdns.TypeAAAA, readAAAA)
}

// LookupTXT implements Resolver.
func (c *Client) LookupTXT(ctx context.Context, name string) (Answer[string], error) {
	return lookup(ctx, c, name, mdns.TypeTXT, readTXT)
}

// LookupSPF asks for records of type SPF (99), which RFC 7208 3.1 withdrew. Only what looks for left-overs does.
func (c *Client) LookupSPF(ctx context.Context, name string) (Answer[string], error) {
	return lookup(ctx, c, name, mdns.TypeSPF, func(rr mdns.RR) (string, bool) {
		spf, ok := rr.(*mdns.SPF)
		if !ok {
			return "", false
		}
		return unescape(strings.Join(spf.Txt, "")), true
	})
}

// LookupPTR implements Resolver.
func (c *Client) LookupPTR(ctx context.Context, addr netip.Addr) (Answer[string], error) {
	name, err := reverse(addr)
	if err != nil {
		return Answer[string]{}, err
	}
	return lookup(ctx, c, name, mdns.TypePTR, readPTR)
}

// reverse is the name at which an address has its PTR records.
func reverse(addr netip.Addr) (string, error) {
	name, err := mdns.ReverseAddr(addr.Unmap().WithZone("").String())
	if err != nil {
		return "", &Error{Kind: BadName, Name: addr.String(), Type: "PTR", Err: err}
	}
	return name, nil
}

// source answers single questions.
type source interface {
	resolve(ctx context.Context, name string, qtype uint16) (*result, error)
}

// lookup turns what a source says into records of one type.
func lookup[T any](ctx context.Context, c source, name string, qtype uint16, read func(mdns.RR) (T, bool)) (Answer[T], error) {
	r, err := c.resolve(ctx, name, qtype)
	if err != nil {
		return Answer[T]{}, err
	}
	a := Answer[T]{Records: make([]T, 0, len(r.records)), Name: r.name, Expires: r.expires, Authentic: r.authentic}
	for _, rr := range r.records {
		if v, ok := read(rr); ok {
			a.Records = append(a.Records, v)
		}
	}
	if len(a.Records) == 0 {
		return Answer[T]{}, &Error{Kind: NoData, Name: plain(name), Type: mdns.TypeToString[qtype]}
	}
	return a, nil
}

func readMX(rr mdns.RR) (MX, bool) {
	mx, ok := rr.(*mdns.MX)
	if !ok {
		return MX{}, false
	}
	return MX{Preference: mx.Preference, Host: plain(mx.Mx)}, true
}

func readA(rr mdns.RR) (netip.Addr, bool) {
	a, ok := rr.(*mdns.A)
	if !ok {
		return netip.Addr{}, false
	}
	addr, ok := netip.AddrFromSlice(a.A)
	return addr.Unmap(), ok
}

func readAAAA(rr mdns.RR) (netip.Addr, bool) {
	a, ok := rr.(*mdns.AAAA)
	if !ok {
		return netip.Addr{}, false
	}
	return netip.AddrFromSlice(a.AAAA)
}

func readPTR(rr mdns.RR) (string, bool) {
	ptr, ok := rr.(*mdns.PTR)
	if !ok {
		return "", false
	}
	return plain(ptr.Ptr), true
}

// plain is a name as the rest of the program writes it. The root is empty.
func plain(name string) string {
	return strings.ToLower(strings.TrimSuffix(name, "."))
}

// asUnpacked writes a name as miekg/dns does when it reads one from a message, odd octets escaped, so that question
// and answer are alike. SPF macros bring such names (RFC 7208 7.4). What cannot be packed is returned as it is.
func asUnpacked(name string) string {
	var wire [256]byte // RFC 1035 3.1: a name has at most 255 octets
	end, err := mdns.PackDomainName(mdns.Fqdn(name), wire[:], 0, nil, false)
	if err != nil {
		return name
	}
	unpacked, _, err := mdns.UnpackDomainName(wire[:end], 0)
	if err != nil {
		return name
	}
	return unpacked
}

// unescape undoes the presentation form in which miekg/dns keeps character-strings: \DDD and \c (RFC 1035 5.1).
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] != '\\' || i+1 == len(s):
			b = append(b, s[i])
		case i+3 < len(s) && isDigit(s[i+1]) && isDigit(s[i+2]) && isDigit(s[i+3]):
			b = append(b, (s[i+1]-'0')*100+(s[i+2]-'0')*10+(s[i+3]-'0'))
			i += 3
		default:
			i++
			b = append(b, s[i])
		}
	}
	return string(b)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
