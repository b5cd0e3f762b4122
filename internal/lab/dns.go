package lab

import (
	"context"
	"net/netip"
	"strings"

	mdns "github.com/miekg/dns"
)

// publish makes what DNS says, with a server at addr.
func (l *Lab) publish(addr netip.Addr) (err error) {
	own := []mdns.RR{address(nameServer, addr)}
	l.authority = &authority{queries: map[string]int{}}
	if l.config.Sign || l.zone.Sign {
		if l.authority.signer, err = newSigner(l.config.Random, l.config.Clock); err != nil {
			return err
		}
		own = append(own, l.authority.signer.key)
	}
	l.names, err = newNames(l.zone, own...)
	l.authority.names = l.names
	return err
}

func (l *Lab) serveDNS(ctx context.Context, addr netip.AddrPort) (err error) {
	if l.dns, err = listenDNS(ctx, addr, l.authority, l.group); err != nil || !l.config.Cache {
		return err
	}
	c := &cache{authority: l.authority, clock: l.config.Clock, kept: map[question]kept{}}
	l.cache, err = listenDNS(ctx, netip.AddrPortFrom(addr.Addr(), 0), c, l.group)
	return err
}

// DNSAddr is ADDRESS:PORT of the DNS server: the authority for all names.
func (l *Lab) DNSAddr() string { return l.dns.addr.String() }

// CacheAddr is ADDRESS:PORT of the caching resolver, with Config.Cache. What the authority no longer says it says until
// the TTL has run out by the lab's clock.
func (l *Lab) CacheAddr() string { return l.cache.addr.String() }

// Publish adds DNS records in the notation of a BIND zone file.
func (l *Lab) Publish(records string) error { return l.names.publish(records) }

// Replace publishes records, in the same notation, in place of the zone's Records and of all that was published. What
// providers need stays. On an error the old ones stay.
func (l *Lab) Replace(records string) error { return l.names.replace(records) }

// Fail makes a name and all below it fail in DNS as a says: AnswerServFail, AnswerNothing, AnswerRefused,
// AnswerNXDomain or AnswerBogus. The name "" is the whole server; its own receivers judge what arrives with another one.
func (l *Lab) Fail(name string, a Answer) {
	if name == "" {
		l.authority.fail(a)
		return
	}
	l.names.fail(name, a)
}

// Mend ends what Fail, or a provider's Answer, did to the name.
func (l *Lab) Mend(name string) { l.Fail(name, "") }

// Queries counts the questions that came to the authority so far, answered or not, by type: "TXT", "MX", …
func (l *Lab) Queries() map[string]int { return l.authority.counted() }

// TrustAnchor is the DS record of the key that signs everything, as resolvers take it in a file; empty if nothing is
// signed.
func (l *Lab) TrustAnchor() string {
	if l.authority.signer == nil {
		return ""
	}
	return strings.ReplaceAll(l.authority.signer.key.ToDS(mdns.SHA256).String(), "\t", " ")
}
