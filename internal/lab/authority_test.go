package lab

import (
	"context"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"
)

// startWith runs a lab of a zone text as c says.
func startWith(t *testing.T, zone string, c Config) *Lab {
	t.Helper()
	z, err := ParseZone(zone)
	if err != nil {
		t.Fatal(err)
	}
	c.Zone = z
	l, err := Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Stop(context.Background()); err != nil {
			t.Errorf("Stop: %v", err)
		}
	})
	return l
}

const zones = `
bk._domainkey.mail.school.example.  TXT    "v=DKIM1; p="
*.wild.school.example.              TXT    "any"
*.wild.school.example.              MX     10 mx.one.example.
here.wild.school.example.           A      127.0.0.5
below.taken.wild.school.example.    A      127.0.0.5
*.alias.school.example.             CNAME  bk._domainkey.mail.school.example.
shop.school.example.                NS     ns.shop.school.example.
ns.shop.school.example.             A      127.0.0.6
own.example.                        SOA    a.own.example. b.own.example. 7 1 1 1 30
www.city.co.uk.                     A      127.0.0.7
1.1.0.127.in-addr.arpa.             PTR    mx.one.example.
`

func TestZonesBeginWhereARegistryWouldHandThemOut(t *testing.T) {
	l := start(t, one("", ""), newClock())
	if err := l.Replace(zones); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, qtype, want string
		soa               string // of a denial
	}{
		{"school.example", "NS", "ns1.lab.example.", ""},
		{"school.example", "SOA", "ns1.lab.example. postmaster.lab.example. 1 3600 600 86400 60", ""},
		{"mail.school.example", "NS", "", "school.example."},
		{"gone.mail.school.example", "A", "", "school.example."},
		{"ns1.lab.example", "A", "127.0.0.1", ""},
		{"lab.example", "NS", "ns1.lab.example.", ""},
		{"one.example", "NS", "ns1.lab.example.", ""},
		{"shop.school.example", "NS", "ns.shop.school.example.", ""},
		{"gone.shop.school.example", "A", "", "shop.school.example."},
		{"own.example", "SOA", "a.own.example. b.own.example. 7 1 1 1 30", ""},
		{"gone.own.example", "A", "", "own.example."},
		{"city.co.uk", "NS", "ns1.lab.example.", ""},
		{"co.uk", "NS", "", "."},
		{"example", "SOA", "", "."},
		{".", "NS", "ns1.lab.example.", ""},
		{"1.1.0.127.in-addr.arpa", "PTR", "mx.one.example.", ""},
		{"127.in-addr.arpa", "NS", "ns1.lab.example.", ""},
		{"any.wild.school.example", "TXT", `"any"`, ""},
		{"two.labels.wild.school.example", "MX", "10 mx.one.example.", ""},
		{"here.wild.school.example", "TXT", "", "school.example."},      // it exists
		{"not.taken.wild.school.example", "TXT", "", "school.example."}, // RFC 4592 2.2.1: the encloser is taken.wild
		{"any.wild.school.example", "A", "", "school.example."},
		{"x.alias.school.example", "TXT", `bk._domainkey.mail.school.example. "v=DKIM1; p="`, ""},
	} {
		q := new(mdns.Msg).SetQuestion(mdns.Fqdn(tt.name), mdns.StringToType[tt.qtype])
		q.RecursionDesired = false
		m, err := mdns.Exchange(q, l.DNSAddr())
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(values(m.Answer), " "); got != tt.want || !m.Authoritative || m.RecursionAvailable {
			t.Errorf("%s %s: %q, want %q\n%s", tt.name, tt.qtype, got, tt.want, m)
		}
		if len(m.Answer) > 0 && tt.soa == "" && m.Answer[0].Header().Name != mdns.Fqdn(tt.name) {
			t.Errorf("%s %s: the answer is of %s", tt.name, tt.qtype, m.Answer[0].Header().Name)
		}
		if (tt.soa != "") != (len(m.Ns) == 1) || tt.soa != "" && m.Ns[0].Header().Name != tt.soa {
			t.Errorf("%s %s: denied by %v, want %s", tt.name, tt.qtype, m.Ns, tt.soa)
		}
	}
}

func TestNamesAndServerFailUntilMended(t *testing.T) {
	l := start(t, dnsZone, newClock())
	said := func(name string) string {
		m, _, err := (&mdns.Client{Timeout: 50 * time.Millisecond}).Exchange(new(mdns.Msg).SetQuestion(name, mdns.TypeTXT), l.DNSAddr())
		if err != nil {
			return "nothing"
		}
		return mdns.RcodeToString[m.Rcode]
	}
	for _, tt := range []struct {
		fails  string
		answer Answer
		want   string // of one.example and of its neighbour
	}{
		{"", AnswerServFail, "SERVFAIL SERVFAIL"},
		{"", AnswerNothing, "nothing nothing"},
		{"", AnswerRefused, "REFUSED REFUSED"},
		{"One.example.", AnswerServFail, "SERVFAIL NOERROR"},
		{"one.example", AnswerNothing, "nothing NOERROR"},
		{"one.example", AnswerRefused, "REFUSED NOERROR"},
		{"one.example", AnswerNXDomain, "NXDOMAIN NOERROR"},
	} {
		l.Fail(tt.fails, tt.answer)
		if got := said("one.example.") + " " + said("own.example."); got != tt.want {
			t.Errorf("%q %s: %s, want %s", tt.fails, tt.answer, got, tt.want)
		}
		l.Mend(tt.fails)
		if got := said("one.example."); got != "NOERROR" {
			t.Errorf("%q %s, mended: %s", tt.fails, tt.answer, got)
		}
	}
	l.Mend("broken.example")
	if got := said("broken.example."); got != "NXDOMAIN" {
		t.Errorf("a provider's domain that was mended: %s", got)
	}
	if got, want := l.Queries(), map[string]int{"TXT": 22}; !maps.Equal(got, want) {
		t.Errorf("queries %v, want %v", got, want)
	}
}

func TestCacheGivesOldAnswersUntilTheirTimeIsUp(t *testing.T) {
	c := newClock()
	l := startWith(t, one("", ""), Config{Clock: c, Cache: true})
	if l.CacheAddr() == l.DNSAddr() || !netip.MustParseAddrPort(l.CacheAddr()).Addr().IsLoopback() {
		t.Fatalf("cache on %s", l.CacheAddr())
	}
	says := func(addr string) (string, uint32) {
		m, err := mdns.Exchange(new(mdns.Msg).SetQuestion("School.example.", mdns.TypeTXT), addr)
		if err != nil {
			t.Fatal(err)
		}
		if len(m.Answer) == 0 {
			return mdns.RcodeToString[m.Rcode], m.Ns[0].Header().Ttl
		}
		return values(m.Answer)[0], m.Answer[0].Header().Ttl
	}
	for _, step := range []struct {
		after     time.Duration
		records   string
		authority string
		cache     string
		ttl       uint32
	}{
		{0, "", "NXDOMAIN", "NXDOMAIN", 60},
		{20 * time.Second, `school.example. 100 TXT "a"`, `"a"`, "NXDOMAIN", 40},
		{40 * time.Second, `school.example. 100 TXT "a"`, `"a"`, `"a"`, 100},
		{99 * time.Second, `school.example. 100 TXT "b"`, `"b"`, `"a"`, 1},
		{1 * time.Second, `school.example. 100 TXT "b"`, `"b"`, `"b"`, 100},
	} {
		c.move(step.after)
		if err := l.Replace(step.records); err != nil {
			t.Fatal(err)
		}
		authority, _ := says(l.DNSAddr())
		if cached, ttl := says(l.CacheAddr()); authority != step.authority || cached != step.cache || ttl != step.ttl {
			t.Errorf("%+v: authority %s, cache %s for %d s", step, authority, cached, ttl)
		}
	}
	before := l.Queries()["TXT"]
	l.Fail("", AnswerServFail)
	if got, _ := says(l.CacheAddr()); got != `"b"` || l.Queries()["TXT"] != before {
		t.Errorf("while the authority is down the cache says %s", got)
	}
}

func TestCacheIsBounded(t *testing.T) {
	n, err := newNames(BuiltinZone())
	if err != nil {
		t.Fatal(err)
	}
	clock := newClock()
	c := &cache{authority: &authority{names: n, queries: map[string]int{}}, clock: clock, kept: map[question]kept{}}
	for i := range maxCached + 1 {
		c.keep(question{Question: mdns.Question{Qtype: uint16(i)}}, &mdns.Msg{Ns: []mdns.RR{soa(".")}})
	}
	if len(c.kept) != maxCached {
		t.Errorf("%d answers are kept", len(c.kept))
	}
	clock.move(soaTTL * time.Second)
	c.keep(question{}, &mdns.Msg{Ns: []mdns.RR{soa(".")}})
	if len(c.kept) != 1 {
		t.Errorf("%d answers are kept when all but one are old", len(c.kept))
	}
}

// A client that asks the servers of a zone themselves finds them as it would in the world.
func TestServersOfANameAreFoundByWalkingUp(t *testing.T) {
	l := start(t, one("", ""), newClock())
	if err := l.Replace(zones); err != nil {
		t.Fatal(err)
	}
	name := "bk._domainkey.mail.school.example."
	var servers []string
	for _, i := range mdns.Split(name) {
		if servers = values(ask(t, l, "udp", name[i:], "NS").Answer); len(servers) > 0 {
			break
		}
	}
	if !slices.Equal(servers, []string{nameServer}) {
		t.Fatalf("servers %q", servers)
	}
	address := values(ask(t, l, "udp", servers[0], "A").Answer)
	_, port, _ := net.SplitHostPort(l.DNSAddr())
	if len(address) != 1 || net.JoinHostPort(address[0], port) != l.DNSAddr() {
		t.Errorf("%s has %q; the lab is on %s", servers[0], address, l.DNSAddr())
	}
}
