package route

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/standard/dns/dnstest"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

func addrs(list ...string) []netip.Addr {
	out := make([]netip.Addr, len(list))
	for i, s := range list {
		out[i] = netip.MustParseAddr(s)
	}
	return out
}

func mx(pairs ...any) []dns.MX {
	var out []dns.MX
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, dns.MX{Preference: uint16(pairs[i].(int)), Host: pairs[i+1].(string)})
	}
	return out
}

// zone is the Internet of these tests.
func zone() *dnstest.Fake {
	return &dnstest.Fake{
		MX: map[string][]dns.MX{
			"two.example":      mx(20, "mx2.two.example", 10, "mx1.two.example"),
			"null.example":     mx(0, ""),
			"nullish.example":  mx(0, "", 10, "mx1.two.example"),
			"onlynull.example": mx(0, "", 0, ""),
			"twice.example":    mx(10, "mx1.two.example", 20, "mx1.two.example"),
			"target.example":   mx(10, "mx1.two.example"),
			"alias-mx.example": mx(10, "alias.two.example"),
			"literal.example":  mx(10, "192.0.2.9"),
			"dead.example":     mx(10, "gone.two.example", 20, "text.example"),
			"halfdead.example": mx(10, "gone.two.example", 20, "mx1.two.example"),
			"sick.example":     mx(10, "servfail.example", 20, "gone.two.example"),
			"halfsick.example": mx(10, "servfail.example", 20, "mx1.two.example"),
			"six.example":      mx(10, "mx.six.example"),
			"both.example":     mx(10, "mx.both.example"),
			"we.example":       mx(10, "self.example"),
			"backup.example":   mx(10, "mx1.two.example", 20, "self.example", 20, "mx.both.example", 30, "mx2.two.example"),
			"by-addr.example":  mx(10, "mx1.two.example", 20, "sneaky.example"),
			"bogon.example":    mx(10, "bogon-mx.example"),
			"many.example":     manyMX(),
		},
		A: map[string][]netip.Addr{
			"mx1.two.example":  addrs("192.0.2.1"),
			"mx2.two.example":  addrs("192.0.2.2", "192.0.2.3"),
			"mx.both.example":  addrs("192.0.2.4"),
			"implicit.example": addrs("192.0.2.5"),
			"self.example":     addrs("198.51.100.1"),
			"sneaky.example":   addrs("198.51.100.1"),
			"relay.example":    addrs("192.0.2.25"),
			"bogon-mx.example": addrs("0.0.0.0", "224.0.0.1", "255.255.255.255"),
			"m14.many.example": addrs("192.0.2.14"),
			"wide.example":     addrs("203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4", "203.0.113.5", "203.0.113.6", "203.0.113.7", "203.0.113.8", "203.0.113.9"),
		},
		AAAA: map[string][]netip.Addr{
			"mx.six.example":    addrs("2001:db8::6"),
			"mx.both.example":   addrs("2001:db8::4"),
			"implicit6.example": addrs("2001:db8::5"),
		},
		TXT: map[string][]string{"text.example": {"v=spf1 -all"}},
		CNAME: map[string]string{
			"www.example": "target.example", "alias.two.example": "mx1.two.example", "www2.example": "implicit.example",
		},
		Faults: map[string]dns.Kind{
			"servfail.example": dns.ServFail, "timeout.example": dns.Timeout, "refused.example": dns.Refused,
			"loop.example": dns.Loop, "bad..example": dns.BadName, "A flaky.example": dns.Timeout,
			"MX flaky.example": dns.NoData, "AAAA flaky.example": dns.NoData,
		},
	}
}

func manyMX() []dns.MX {
	var out []dns.MX
	for i := range 15 {
		out = append(out, dns.MX{Preference: uint16(i), Host: fmt.Sprintf("m%d.many.example", i)})
	}
	return append(out, dns.MX{Preference: 3, Host: "mx1.two.example"})
}

func router(t *testing.T, change func(*Config)) *Router {
	t.Helper()
	c := Config{
		Resolver: zone(), Clock: clock.System{}, SelfNames: []string{"Self.example."}, SelfAddrs: addrs("198.51.100.1"),
		Shuffle: func(int, func(int, int)) {},
	}
	if change != nil {
		change(&c)
	}
	r, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// inWords writes a plan in one line: "site: host=addr,addr host=addr".
func inWords(p *Plan, err error) string {
	if err != nil {
		var e *smtp.Error
		if !errors.As(err, &e) {
			return "not an *smtp.Error: " + err.Error()
		}
		return fmt.Sprintf("%d %s %s", e.Code, e.Enhanced, e.Class)
	}
	s := p.Site + ":"
	for _, h := range p.Hosts {
		s += " " + h.Name + "="
		for i, a := range h.Addrs {
			if i > 0 {
				s += ","
			}
			s += a.String()
		}
	}
	return s
}

func TestRoute(t *testing.T) {
	tests := map[string]struct{ domain, want string }{
		"two hosts by preference":         {"Two.Example.", "(mx1|mx2).two.example: mx1.two.example=192.0.2.1 mx2.two.example=192.0.2.2,192.0.2.3"},
		"null MX":                         {"null.example", "556 5.1.10 permanent"},
		"null MX among others is nothing": {"nullish.example", "mx1.two.example: mx1.two.example=192.0.2.1"},
		"only null MX, twice":             {"onlynull.example", "550 5.4.4 permanent"},
		"one host twice":                  {"twice.example", "mx1.two.example: mx1.two.example=192.0.2.1"},
		"no such domain":                  {"nowhere.example", "550 5.1.2 permanent"},
		"implicit MX":                     {"implicit.example", "implicit.example: implicit.example=192.0.2.5"},
		"implicit MX by IPv6":             {"implicit6.example", "implicit6.example: implicit6.example=2001:db8::5"},
		"neither MX nor address":          {"text.example", "550 5.1.2 permanent"},
		"domain is a CNAME":               {"www.example", "mx1.two.example: mx1.two.example=192.0.2.1"},
		"CNAME to an implicit MX":         {"www2.example", "implicit.example: implicit.example=192.0.2.5"},
		"MX host is a CNAME":              {"alias-mx.example", "alias.two.example: alias.two.example=192.0.2.1"},
		"MX host is an address":           {"literal.example", "550 5.4.4 permanent"},
		"no host has an address":          {"dead.example", "550 5.4.4 permanent"},
		"one host has no address":         {"halfdead.example", "(gone|mx1).two.example: mx1.two.example=192.0.2.1"},
		"hosts cannot be looked up":       {"sick.example", "451 4.4.3 temporary"},
		"one host cannot be looked up":    {"halfsick.example", "(servfail|mx1.two).example: mx1.two.example=192.0.2.1"},
		"IPv4 before IPv6":                {"both.example", "mx.both.example: mx.both.example=192.0.2.4,2001:db8::4"},
		"SERVFAIL":                        {"servfail.example", "451 4.4.3 temporary"},
		"timeout":                         {"timeout.example", "451 4.4.3 temporary"},
		"refused":                         {"refused.example", "451 4.4.3 temporary"},
		"aliases in a circle":             {"loop.example", "451 4.4.3 temporary"},
		"implicit MX, timeout":            {"flaky.example", "451 4.4.3 temporary"},
		"not a name":                      {"bad..example", "501 5.1.3 permanent"},
		"we are the only host":            {"we.example", "554 5.4.6 permanent"},
		"we are a backup":                 {"backup.example", "(mx.both|self|(mx1|mx2).two).example: mx1.two.example=192.0.2.1"},
		"we are a backup by address":      {"by-addr.example", "(sneaky|mx1.two).example: mx1.two.example=192.0.2.1"},
		"we are the domain":               {"sneaky.example", "554 5.4.6 permanent"},
		"addresses of no server":          {"bogon.example", "550 5.4.4 permanent"},
		"hosts after the tenth are left":  {"many.example", "((" + numbered("m", 15) + ").many|mx1.two).example: mx1.two.example=192.0.2.1"},
		"many addresses":                  {"wide.example", "wide.example: wide.example=203.0.113.1,203.0.113.2,203.0.113.3,203.0.113.4,203.0.113.5,203.0.113.6,203.0.113.7,203.0.113.8"},
		"IPv4 literal":                    {"[192.0.2.7]", "[192.0.2.7]: [192.0.2.7]=192.0.2.7"},
		"IPv6 literal":                    {"[IPv6:2001:DB8::7]", "[ipv6:2001:db8::7]: [ipv6:2001:db8::7]=2001:db8::7"},
		"literal without tag":             {"[2001:db8::7]", "501 5.1.3 permanent"},
		"IPv4 literal with tag":           {"[ipv6:192.0.2.7]", "501 5.1.3 permanent"},
		"literal in disguise":             {"[ipv6:::ffff:192.0.2.7]", "501 5.1.3 permanent"},
		"literal left open":               {"[192.0.2.7", "501 5.1.3 permanent"},
		"literal with zone":               {"[ipv6:fe80::1%eth0]", "501 5.1.3 permanent"},
		"literal of all":                  {"[0.0.0.0]", "501 5.1.3 permanent"},
		"our literal":                     {"[198.51.100.1]", "554 5.4.6 permanent"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := inWords(router(t, nil).Route(t.Context(), 1, tt.domain))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRouteUsesTheFamiliesWeSendFrom(t *testing.T) {
	tests := []struct {
		sources, domain, want string
	}{
		{"192.0.2.100", "both.example", "mx.both.example: mx.both.example=192.0.2.4"},
		{"2001:db8::100", "both.example", "mx.both.example: mx.both.example=2001:db8::4"},
		{"2001:db8::100 192.0.2.100", "both.example", "mx.both.example: mx.both.example=2001:db8::4,192.0.2.4"},
		{"192.0.2.100 2001:db8::100", "both.example", "mx.both.example: mx.both.example=192.0.2.4,2001:db8::4"},
		{"192.0.2.100", "six.example", "550 5.4.4 permanent"},
		{"192.0.2.100", "implicit6.example", "550 5.4.4 permanent"},
		{"192.0.2.100", "nowhere.example", "550 5.1.2 permanent"},
		{"192.0.2.100", "[ipv6:2001:db8::7]", "550 5.4.4 permanent"},
		{"2001:db8::100", "[192.0.2.7]", "550 5.4.4 permanent"},
	}
	for _, tt := range tests {
		r := router(t, func(c *Config) { c.Sources = addrs(strings.Fields(tt.sources)...) })
		if got := inWords(r.Route(t.Context(), 1, tt.domain)); got != tt.want {
			t.Errorf("%s from %s: got %s, want %s", tt.domain, tt.sources, got, tt.want)
		}
	}
}

func TestCandidatesAreOfTheSourcesFamily(t *testing.T) {
	p := &Plan{Port: 2525, Hosts: []Host{
		{Name: "a", Addrs: addrs("192.0.2.1", "2001:db8::1")}, {Name: "b", Addrs: addrs("192.0.2.2")},
	}}
	tests := []struct {
		source netip.Addr
		limit  int
		want   string
	}{
		{netip.Addr{}, 9, "a 192.0.2.1:2525, a [2001:db8::1]:2525, b 192.0.2.2:2525"},
		{netip.Addr{}, 3, "a 192.0.2.1:2525, a [2001:db8::1]:2525, b 192.0.2.2:2525"},
		{netip.Addr{}, 2, "a 192.0.2.1:2525, b 192.0.2.2:2525"}, // the second host before the first one's second address
		{netip.Addr{}, 1, "a 192.0.2.1:2525"},
		{netip.MustParseAddr("2001:db8::100"), 2, "a [2001:db8::1]:2525"},
		{netip.MustParseAddr("192.0.2.100"), 9, "a 192.0.2.1:2525, b 192.0.2.2:2525"},
		{netip.MustParseAddr("::ffff:192.0.2.100"), 1, "a 192.0.2.1:2525"},
		{netip.MustParseAddr("2001:db8::100"), 9, "a [2001:db8::1]:2525"},
	}
	for _, tt := range tests {
		var got []string
		for _, c := range p.Candidates(tt.source, tt.limit) {
			got = append(got, c.Host+" "+c.Addr.String())
		}
		if s := strings.Join(got, ", "); s != tt.want {
			t.Errorf("from %v: got %s, want %s", tt.source, s, tt.want)
		}
	}
	if names := strings.Join(p.HostNames(), " "); names != "a b" {
		t.Errorf("host names %q", names)
	}
}

func TestEqualPreferencesAreShuffled(t *testing.T) {
	source := rand.New(rand.NewPCG(1, 2))
	r := router(t, func(c *Config) { c.Shuffle = source.Shuffle })
	first := map[string]int{}
	for range 300 {
		hosts := r.order(mx(10, "c.example", 5, "a.example", 5, "b.example", 10, "d.example"))
		if len(hosts) != 4 || hosts[1].Preference != 5 || hosts[2].Preference != 10 {
			t.Fatalf("order %v", hosts)
		}
		first[hosts[0].Name]++
		first[hosts[2].Name]++
	}
	for _, name := range []string{"a.example", "b.example", "c.example", "d.example"} {
		if n := first[name]; n < 100 || n > 200 {
			t.Errorf("%s came first %d times of 300", name, n)
		}
	}
}

func TestPlansExpireWithDNS(t *testing.T) {
	tests := []struct {
		domain      string
		ttl, expect time.Duration
	}{
		{"two.example", 10 * time.Minute, 10 * time.Minute},
		{"two.example", time.Second, time.Minute},
		{"two.example", 48 * time.Hour, time.Hour},
		{"implicit.example", 20 * time.Minute, 20 * time.Minute},
		{"halfsick.example", 20 * time.Minute, time.Minute},
		{"halfdead.example", 20 * time.Minute, 20 * time.Minute},
		{"[192.0.2.7]", time.Minute, time.Hour},
		{"relayed.example", 20 * time.Minute, 20 * time.Minute},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			z := zone()
			z.Expires = time.Now().Add(tt.ttl)
			r := router(t, func(c *Config) {
				c.Resolver = z
				c.Routes = []Route{{Match: "relayed.example", Host: "relay.example"}}
			})
			p, err := r.Route(t.Context(), 1, tt.domain)
			if err != nil {
				t.Fatal(err)
			}
			if got := time.Until(p.Expires); got != tt.expect {
				t.Errorf("%s with a TTL of %v is kept for %v, want %v", tt.domain, tt.ttl, got, tt.expect)
			}
		})
	}
}

func TestFixedRoutes(t *testing.T) {
	routes := []Route{
		{Match: "one.example", Host: "192.0.2.25", Port: 2526, TLS: smtp.TLSRequired, Username: "u", Password: "p", Connections: 3},
		{Match: "*.sub.example", Host: "RELAY.example."},
		{Match: "blåbär.example", Host: "::1", TLS: smtp.TLSImplicit},
		{Match: "acc.example", Account: "school", Host: "192.0.2.25", Port: 2526, TLS: smtp.TLSRequired, Username: "u", Password: "p", Connections: 3},
		{Match: "acc.example", Account: "church", Host: "192.0.2.25", Port: 2526},
		{Match: "gone.example", Host: "gone.example"},
		{Match: "sick.example", Host: "servfail.example"},
		{Match: "*", Account: "school", Host: "192.0.2.99"},
	}
	tests := []struct {
		account model.AccountID
		domain  string
		want    string
	}{
		{1, "one.example", "route:[192.0.2.25]:2526 2526 required u:*** 3"},
		{1, "x.sub.example", "route:relay.example:25 25 opportunistic <nil> 0"},
		{2, "sub.example", "550 5.1.2 permanent"},
		{1, "xn--blbr-noae.example", "route:[::1]:465 465 implicit <nil> 0"},
		{1, "acc.example", "route:[192.0.2.25]:2526 2526 required u:*** 3"},
		{2, "acc.example", "route:[192.0.2.25]:2526#2 2526 opportunistic <nil> 0"},
		{3, "acc.example", "451 4.3.0 temporary"},
		{1, "gone.example", "451 4.4.4 temporary"},
		{1, "sick.example", "451 4.4.3 temporary"},
		{1, "anything.example", "route:[192.0.2.99]:25 25 opportunistic <nil> 0"},
		{1, "[192.0.2.7]", "route:[192.0.2.99]:25 25 opportunistic <nil> 0"},
		{2, "two.example", "mx"},
	}
	r := router(t, func(c *Config) {
		c.Routes = routes
		c.AccountName = func(_ context.Context, id model.AccountID) (string, error) {
			switch id {
			case 1:
				return "school", nil
			case 2:
				return "church", nil
			}
			return "", errors.New("no such account")
		}
	})
	for _, tt := range tests {
		p, err := r.Route(t.Context(), tt.account, tt.domain)
		got := "mx"
		if err != nil {
			got = inWords(p, err)
		} else if p.Fixed {
			got = fmt.Sprintf("%s %d %s %v %d", p.Site, p.Port, p.TLS, p.Auth, p.Connections)
		}
		if got != tt.want {
			t.Errorf("account %d to %s: got %s, want %s", tt.account, tt.domain, got, tt.want)
		}
	}
}

func TestFixedRouteOfAFamilyWithoutSourceIsTemporary(t *testing.T) {
	r := router(t, func(c *Config) {
		c.Sources = addrs("192.0.2.100")
		c.Routes = []Route{{Match: "*", Host: "[2001:db8::1]"}}
	})
	if got := inWords(r.Route(t.Context(), 1, "two.example")); got != "451 4.4.4 temporary" {
		t.Error(got)
	}
}

func TestNewRefusesRoutes(t *testing.T) {
	for _, bad := range []Route{
		{Match: "", Host: "a.example"},
		{Match: "*.", Host: "a.example"},
		{Match: "*", Host: ""},
		{Match: "*", Host: "a b"},
		{Match: "*", Host: "a.example", TLS: "maybe"},
		{Match: "a b", Host: "a.example"},
	} {
		if _, err := New(Config{Routes: []Route{bad}}); err == nil || !strings.HasPrefix(err.Error(), "delivery.route 1: ") {
			t.Errorf("%+v: got %v", bad, err)
		}
	}
}

func TestPasswordsStayOutOfWords(t *testing.T) {
	a := &Auth{Username: "u", Password: "secret"}
	for _, s := range []string{fmt.Sprint(a), fmt.Sprintf("%#v", a), fmt.Sprintf("%+v", a), a.LogValue().String()} {
		if strings.Contains(s, "secret") {
			t.Error(s)
		}
	}
}

// numbered is "m0|m1|m10|…", as a site lists n hosts.
func numbered(prefix string, n int) string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprint(prefix, i))
	}
	slices.Sort(names)
	return strings.Join(names, "|")
}
