package validate

import (
	"context"
	"net/netip"

	"github.com/budkavle/budkavle/internal/standard/dns"
)

// maxHosts bounds the MX hosts of a domain whose addresses are asked for. One with an address is enough.
const maxHosts = 5

// standing is how a domain stands in DNS: the Code of what is wrong or remarkable, or empty where MX leads to a host.
type standing struct {
	code Code
	kind dns.Kind // of DNSFailure
}

// takesMail reports a domain with MX records of its own that lead somewhere.
func (s standing) takesMail() bool { return s.code == "" }

// deaf reports a domain that certainly takes no mail.
func (s standing) deaf() bool {
	verdict, _ := s.code.effect()
	return verdict == Undeliverable
}

// lookUp asks DNS as a sending server would (RFC 5321 5.1). The error is that of an ended context.
func (v *Validator) lookUp(ctx context.Context, domain string) (standing, error) {
	answer, err := v.config.Resolver.LookupMX(ctx, domain)
	switch {
	case ctx.Err() != nil:
		return standing{}, ctx.Err()
	case dns.Is(err, dns.NXDomain):
		return standing{code: NoDomain}, nil
	case dns.Is(err, dns.NoData): // RFC 5321 5.1: the domain itself is the host then
		return v.asHost(ctx, domain, ImplicitMX, NoMX)
	case err != nil:
		return failed(err), nil
	case len(answer.Records) == 1 && answer.Records[0].Host == "": // RFC 7505 3
		return standing{code: NullMX}, nil
	}
	worst := standing{code: DeadMX}
	for _, mx := range answer.Records[:min(len(answer.Records), maxHosts)] {
		if mx.Host == "" {
			continue
		}
		s, err := v.asHost(ctx, mx.Host, "", DeadMX)
		if err != nil || s.takesMail() {
			return s, err
		}
		if s.code == DNSFailure {
			worst = s
		}
	}
	if len(answer.Records) > maxHosts && worst.code == DeadMX {
		worst.code = "" // those not asked for may do
	}
	return worst, nil
}

// asHost asks whether a host has an address, and gives the code for yes or no.
func (v *Validator) asHost(ctx context.Context, host string, yes, no Code) (standing, error) {
	fault := standing{code: no}
	for _, ask := range []func(context.Context, string) (dns.Answer[netip.Addr], error){v.config.Resolver.LookupA, v.config.Resolver.LookupAAAA} {
		_, err := ask(ctx, host)
		switch {
		case ctx.Err() != nil:
			return standing{}, ctx.Err()
		case err == nil:
			return standing{code: yes}, nil
		case !dns.IsDenied(err) && !dns.Is(err, dns.BadName):
			fault = failed(err)
		case dns.Is(err, dns.NXDomain): // no other type exists either (RFC 8020)
			return fault, nil
		}
	}
	return fault, nil
}

func failed(err error) standing {
	s := standing{code: DNSFailure, kind: dns.ServFail}
	if e, ok := err.(*dns.Error); ok {
		s.kind = e.Kind
	}
	return s
}
