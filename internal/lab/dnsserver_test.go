package lab

import (
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"
)

const dnsZone = `
records = """
own.example.            MX     5 elsewhere.example.
elsewhere.example.      A      127.0.9.9
elsewhere.example.      AAAA   ::1
alias.example.          CNAME  one.example.
dangling.example.       CNAME  nowhere.example.
loop.example.           CNAME  loop.example.
one.example.            TXT    "v=spf1 -all"
_dmarc.deep.example.    TXT    "v=DMARC1; p=none"
"""
[[provider]]
name = "One"
domains = ["one.example", "own.example"]
[[provider.server]]
host = "*.mx.example"
preference = 10
addresses = ["127.0.9.1", "127.0.9.2"]
[[provider]]
name = "Implicit"
domains = ["implicit.example"]
answer = "implicit"
[[provider.server]]
host = "implicit.example"
addresses = ["127.0.9.3"]
[[provider]]
name = "Null"
domains = ["null.example"]
answer = "null-mx"
[[provider]]
name = "Gone"
domains = ["gone.example"]
answer = "nxdomain"
[[provider]]
name = "Broken"
domains = ["broken.example"]
answer = "servfail"
[[provider]]
name = "Silent"
domains = ["silent.example"]
answer = "timeout"
`

func TestDNSAnswersWhatTheZoneSays(t *testing.T) {
	l := start(t, dnsZone, newClock())
	if err := l.Publish(`bk._domainkey.school.example. TXT "v=DKIM1; p=" "` + strings.Repeat("A", 200) + `" "` + strings.Repeat("B", 200) + `" "` + strings.Repeat("C", 200) + `"`); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, qtype string
		rcode       int
		want        []string
	}{
		{"one.example", "MX", mdns.RcodeSuccess, []string{"10 one-example.mx.example."}},
		{"ONE.example", "MX", mdns.RcodeSuccess, []string{"10 one-example.mx.example."}},
		{"one-example.mx.example", "A", mdns.RcodeSuccess, []string{"127.0.9.1", "127.0.9.2"}},
		{"one.example", "TXT", mdns.RcodeSuccess, []string{`"v=spf1 -all"`}},
		{"one.example", "A", mdns.RcodeSuccess, nil},
		{"own.example", "MX", mdns.RcodeSuccess, []string{"5 elsewhere.example."}},
		{"elsewhere.example", "AAAA", mdns.RcodeSuccess, []string{"::1"}},
		{"alias.example", "MX", mdns.RcodeSuccess, []string{"one.example.", "10 one-example.mx.example."}},
		{"dangling.example", "MX", mdns.RcodeNameError, []string{"nowhere.example."}},
		{"loop.example", "MX", mdns.RcodeServerFailure, nil},
		{"implicit.example", "MX", mdns.RcodeSuccess, nil},
		{"implicit.example", "A", mdns.RcodeSuccess, []string{"127.0.9.3"}},
		{"null.example", "MX", mdns.RcodeSuccess, []string{"0 ."}},
		{"gone.example", "MX", mdns.RcodeNameError, nil},
		{"deep.example", "MX", mdns.RcodeSuccess, nil}, // exists: something is below it
		{"broken.example", "MX", mdns.RcodeServerFailure, nil},
		{"www.broken.example", "A", mdns.RcodeServerFailure, nil},
		{"nobody.knows.example", "A", mdns.RcodeNameError, nil},
	} {
		for _, network := range []string{"udp", "tcp"} {
			m := ask(t, l, network, tt.name, tt.qtype)
			if got := values(m.Answer); m.Rcode != tt.rcode || !slices.Equal(got, tt.want) {
				t.Errorf("%s %s by %s: %s %q, want %s %q", tt.name, tt.qtype, network, mdns.RcodeToString[m.Rcode], got, mdns.RcodeToString[tt.rcode], tt.want)
			}
			if denied := tt.rcode == mdns.RcodeNameError || len(tt.want) == 0 && tt.rcode != mdns.RcodeServerFailure; denied != (len(m.Ns) == 1) {
				t.Errorf("%s %s: authority %v", tt.name, tt.qtype, m.Ns)
			}
		}
	}
	if m := ask(t, l, "udp", "bk._domainkey.school.example", "TXT"); !m.Truncated {
		t.Error("600 octets fit into 512")
	}
	if m := ask(t, l, "tcp", "bk._domainkey.school.example", "TXT"); len(values(m.Answer)) != 1 {
		t.Errorf("by TCP: %v", m.Answer)
	}
	if txt, err := (resolver{l.names}).txt("bk._domainkey.school.example"); err != nil || len(txt) != 1 || len(txt[0]) != 611 {
		t.Errorf("DKIM key %q, %v", txt, err)
	}
}

func TestDNSSaysNothingWhereItIsToTimeOut(t *testing.T) {
	l := start(t, dnsZone, newClock())
	q := new(mdns.Msg).SetQuestion("silent.example.", mdns.TypeMX)
	c := mdns.Client{Timeout: 50 * time.Millisecond}
	var timeout net.Error
	if m, _, err := c.Exchange(q, l.DNSAddr()); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("answer %v, %v", m, err)
	}
}

func ask(t *testing.T, l *Lab, network, name, qtype string) *mdns.Msg {
	t.Helper()
	q := new(mdns.Msg).SetQuestion(mdns.Fqdn(name), mdns.StringToType[qtype])
	m, _, err := (&mdns.Client{Net: network}).Exchange(q, l.DNSAddr())
	if err != nil {
		t.Fatalf("%s %s by %s: %v", name, qtype, network, err)
	}
	return m
}

// values are the records without their headers.
func values(list []mdns.RR) []string {
	var out []string
	for _, rr := range list {
		out = append(out, strings.TrimPrefix(rr.String(), rr.Header().String()))
	}
	return out
}
