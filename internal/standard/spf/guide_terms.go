package spf

import (
	"net/netip"
	"strings"

	"github.com/budkavle/budkavle/internal/base/wording"
)

// termsOf gives the mechanisms for those who send.
func termsOf(senders []Sender, a Answers) ([]string, error) {
	if a.Nothing && len(a.Senders)+len(a.Includes)+len(a.Servers) > 0 {
		return nil, wording.Errorf("the domain sends nothing, and yet senders are named; leave out one of the two")
	}
	var terms []string
	for _, s := range a.Servers {
		term, err := serverTerm(s)
		if err != nil {
			return nil, err
		}
		terms = append(terms, term)
	}
	for _, s := range senders {
		for _, name := range s.Include {
			terms = append(terms, "include:"+name)
		}
	}
	for _, s := range a.Includes {
		name := aLabels(strings.TrimPrefix(s, "include:"))
		if !strings.Contains(name, "%") && !isHost(name) {
			return nil, wording.Errorf("%q is not a domain name such as _spf.host.example", s)
		}
		terms = append(terms, "include:"+name)
	}
	return terms, nil
}

// serverTerm is the mechanism for one of the domain's own servers.
func serverTerm(s string) (string, error) {
	kind := func(a netip.Addr) string {
		if a.Is4() {
			return "ip4:"
		}
		return "ip6:"
	}
	if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return kind(addr) + addr.String(), nil
	}
	if net, err := netip.ParsePrefix(s); err == nil {
		return kind(net.Addr()) + net.Masked().String(), nil
	}
	if strings.EqualFold(s, string(MX)) || strings.EqualFold(s, string(A)) {
		return strings.ToLower(s), nil
	}
	name := strings.TrimSuffix(aLabels(s), ".")
	if !isHost(name) {
		return "", wording.Errorf("%q is no address, network or host name; give one such as 192.0.2.1, 2001:db8::/32 or mail.school.example, or mx", s)
	}
	return "a:" + name, nil
}

// isHost reports whether a name is one that a person may have meant: no address, web address or lone label.
func isHost(name string) bool {
	name = strings.TrimSuffix(name, ".")
	dot := strings.LastIndexByte(name, '.')
	return dot > 0 && isName(name) && isTopLabel(name[dot+1:]) && !strings.ContainsAny(name, "/:@")
}
