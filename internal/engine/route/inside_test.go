package route

import (
	"net/netip"
	"testing"

	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/standard/dns/dnstest"
)

// Whoever sends through a node chooses recipient domains, and with them MX records: these must not lead it to servers of its
// own network.
func TestMailOfTheWorldStaysOutside(t *testing.T) {
	fake := &dnstest.Fake{
		MX: map[string][]dns.MX{
			"mixed.example": {{Preference: 10, Host: "mx.mixed.example"}}, "all.example": {{Preference: 10, Host: "mx.all.example"}},
		},
		A: map[string][]netip.Addr{
			"mx.mixed.example": addrs("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254", "192.0.2.1"),
			"mx.all.example":   addrs("127.0.0.53"), "bare.example": addrs("10.0.0.1"),
		},
		AAAA: map[string][]netip.Addr{"mx.all.example": addrs("::1", "fd00::1", "fe80::1")},
	}
	for _, tt := range []struct{ domain, outside, inside string }{
		{
			"mixed.example", "mx.mixed.example: mx.mixed.example=192.0.2.1",
			"mx.mixed.example: mx.mixed.example=127.0.0.1,10.1.2.3,172.16.0.1,192.168.0.1,169.254.169.254,192.0.2.1",
		},
		{"all.example", "550 5.4.4 permanent", "mx.all.example: mx.all.example=127.0.0.53,::1,fd00::1,fe80::1"},
		{"bare.example", "550 5.4.4 permanent", "bare.example: bare.example=10.0.0.1"},
		{"[127.0.0.1]", "501 5.1.3 permanent", "[127.0.0.1]: [127.0.0.1]=127.0.0.1"},
		{"[ipv6:fd00::1]", "501 5.1.3 permanent", "[ipv6:fd00::1]: [ipv6:fd00::1]=fd00::1"},
	} {
		for inside, want := range map[bool]string{false: tt.outside, true: tt.inside} {
			r := router(t, func(c *Config) { c.Resolver, c.Inside = fake, inside })
			if got := inWords(r.Route(t.Context(), 1, tt.domain)); got != want {
				t.Errorf("%s, inside %v: %s, want %s", tt.domain, inside, got, want)
			}
		}
	}
	// The operator's own word goes anywhere.
	fixed := router(t, func(c *Config) { c.Resolver, c.Routes = fake, []Route{{Match: "*", Host: "mx.all.example"}} })
	if p, err := fixed.Route(t.Context(), 1, "all.example"); err != nil || len(p.Hosts[0].Addrs) != 4 {
		t.Errorf("fixed route: %+v, %v", p, err)
	}
}
