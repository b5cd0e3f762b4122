package lab

import (
	"fmt"
	"io"
	"strings"

	mdns "github.com/miekg/dns"
)

// describe writes the records of a provider's domains and servers. Domains with records of their own keep those.
func (t *tree) describe(w io.Writer, p *Provider) {
	hosts := map[string]bool{}
	for _, domain := range p.Domains {
		if p.Answer == AnswerNullMX {
			fmt.Fprintf(w, "%s. MX 0 .\n", domain)
		}
		own := t.has(domain, mdns.TypeMX) || t.has(domain, mdns.TypeA) || t.has(domain, mdns.TypeCNAME)
		for i := range p.Servers {
			s := &p.Servers[i]
			host := s.hostFor([]string{domain})
			switch {
			case p.Answer == AnswerImplicit && own:
				continue
			case p.Answer == AnswerImplicit:
				host = domain
			case !own:
				fmt.Fprintf(w, "%s. MX %d %s.\n", domain, s.Preference, host)
			}
			if p.Answer == AnswerMX && hosts[host] {
				continue
			}
			hosts[host] = true
			for _, a := range s.Addresses {
				kind := "A"
				if strings.Contains(a, ":") {
					kind = "AAAA"
				}
				fmt.Fprintf(w, "%s. %s %s\n", host, kind, a)
			}
		}
	}
}
