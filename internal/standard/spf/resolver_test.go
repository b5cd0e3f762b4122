package spf_test

import (
	"context"
	"net/netip"

	"github.com/budkavle/budkavle/internal/standard/dns"
)

// counting counts TXT, A and AAAA questions and keeps the names asked for.
type counting struct {
	dns.Resolver
	names []string
}

func (c *counting) LookupTXT(ctx context.Context, name string) (dns.Answer[string], error) {
	c.names = append(c.names, name)
	return c.Resolver.LookupTXT(ctx, name)
}

func (c *counting) LookupA(ctx context.Context, name string) (dns.Answer[netip.Addr], error) {
	c.names = append(c.names, name)
	return c.Resolver.LookupA(ctx, name)
}

func (c *counting) LookupAAAA(ctx context.Context, name string) (dns.Answer[netip.Addr], error) {
	c.names = append(c.names, name)
	return c.Resolver.LookupAAAA(ctx, name)
}

// address is a client.
var address = netip.MustParseAddr("192.0.2.1")
