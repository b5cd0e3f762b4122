package spf

import (
	"context"
	"strings"

	"github.com/budkavle/budkavle/internal/standard/dns"
)

// proposed is DNS as it would be with a domain's new record in it.
type proposed struct {
	dns.Resolver
	domain, record string
}

// LookupTXT implements dns.Resolver.
func (p proposed) LookupTXT(ctx context.Context, name string) (dns.Answer[string], error) {
	answer, err := p.Resolver.LookupTXT(ctx, name)
	if !strings.EqualFold(strings.TrimSuffix(name, "."), p.domain) {
		return answer, err
	}
	records := []string{p.record}
	for _, txt := range answer.Records {
		if !IsRecord(txt) {
			records = append(records, txt)
		}
	}
	return dns.Answer[string]{Records: records, Name: p.domain, Expires: answer.Expires}, nil
}

// LookupSPF is that of the resolver, if it has one.
func (p proposed) LookupSPF(ctx context.Context, name string) (dns.Answer[string], error) {
	if r, ok := p.Resolver.(legacyResolver); ok {
		return r.LookupSPF(ctx, name)
	}
	return dns.Answer[string]{}, &dns.Error{Kind: dns.NoData, Name: name, Type: "SPF"}
}
