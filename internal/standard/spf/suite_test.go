package spf_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	mdns "github.com/miekg/dns"
	"go.yaml.in/yaml/v3"

	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/standard/dns/dnstest"
	"github.com/budkavle/budkavle/internal/standard/spf"
)

// suite is where the test suite of RFC 7208 lies, beside the repository.
const suite = "../../../../shared/data/spf/rfc7208-tests.yml"

const suiteCases = 203

type scenario struct {
	Description string
	Tests       map[string]struct {
		Helo, Host, Mailfrom, Explanation string
		Result                            yaml.Node
	}
	Zonedata map[string][]yaml.Node
}

func scenarios(t *testing.T) []scenario {
	t.Helper()
	text, err := os.ReadFile(suite)
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("the test suite of RFC 7208 is not at %s", suite)
	}
	if err != nil {
		t.Fatal(err)
	}
	var list []scenario
	cases := 0
	for d := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var s scenario
		if err := d.Decode(&s); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		cases += len(s.Tests)
		list = append(list, s)
	}
	if cases != suiteCases {
		t.Fatalf("the suite has %d cases, want %d", cases, suiteCases)
	}
	return list
}

// zone is a scenario's DNS: records by type and lower-case name. A nil list stands for a server that does not answer.
type zone map[string]map[string][]string

var zoneTypes = []string{"A", "AAAA", "MX", "TXT", "PTR", "CNAME"}

func emptyZone() zone {
	z := zone{"SPF": {}}
	for _, kind := range zoneTypes {
		z[kind] = map[string][]string{}
	}
	return z
}

// zone reads zonedata. An SPF record is served as TXT too, unless the name has TXT records of its own.
func (s *scenario) zone() zone {
	z := emptyZone()
	for name, nodes := range s.Zonedata {
		name = strings.ToLower(strings.TrimSuffix(name, "."))
		timeout, ownTXT := false, false
		var legacy []string
		for _, n := range nodes {
			if n.Kind == yaml.ScalarNode {
				timeout = timeout || n.Value == "TIMEOUT"
				continue
			}
			kind, value := n.Content[0].Value, ""
			if v := n.Content[1]; v.Kind == yaml.SequenceNode {
				for _, part := range v.Content {
					value += latin(part.Value)
					if kind == "MX" {
						value += " "
					}
				}
			} else {
				value = latin(v.Value)
			}
			switch {
			case kind == "SPF":
				legacy = append(legacy, value)
				z["SPF"][name] = legacy
			case kind == "TXT" && value == "NONE":
				ownTXT = true
			default:
				ownTXT = ownTXT || kind == "TXT"
				z[kind][name] = append(z[kind][name], strings.TrimSpace(value))
			}
		}
		if !ownTXT && len(legacy) > 0 {
			z["TXT"][name] = legacy
		}
		for _, kind := range zoneTypes {
			if _, has := z[kind][name]; timeout && !has {
				z[kind][name] = nil
			}
		}
	}
	return z
}

// latin makes octets of the characters U+0080 to U+00FF that \xNN gives in YAML.
func latin(s string) string {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if r > 0xff {
			return s
		}
		b = append(b, byte(r))
	}
	return string(b)
}

func (z zone) fake() *dnstest.Fake {
	f := &dnstest.Fake{
		A: map[string][]netip.Addr{}, AAAA: map[string][]netip.Addr{}, MX: map[string][]dns.MX{}, TXT: z["TXT"], SPF: z["SPF"],
		PTR: map[netip.Addr][]string{}, CNAME: map[string]string{}, Faults: map[string]dns.Kind{},
	}
	for kind, names := range z {
		for name, values := range names {
			if values == nil {
				f.Faults[kind+" "+name] = dns.Timeout
			}
			for _, v := range values {
				switch kind {
				case "A":
					f.A[name] = append(f.A[name], netip.MustParseAddr(v))
				case "AAAA":
					f.AAAA[name] = append(f.AAAA[name], netip.MustParseAddr(v))
				case "MX":
					var mx dns.MX
					_, _ = fmt.Sscan(v, &mx.Preference, &mx.Host) // the host of a null MX is empty
					f.MX[name] = append(f.MX[name], mx)
				case "PTR":
					f.PTR[forward(name)] = append(f.PTR[forward(name)], strings.TrimSuffix(v, "."))
				case "CNAME":
					f.CNAME[name] = strings.ToLower(strings.TrimSuffix(v, "."))
				}
			}
		}
	}
	return f
}

// forward is the address of a name below in-addr.arpa or ip6.arpa.
func forward(name string) netip.Addr {
	labels := strings.Split(name, ".")
	slices.Reverse(labels)
	text := strings.Join(labels[2:], ".")
	if labels[1] == "ip6" {
		text = strings.Join(labels[2:], "")
		for i := 28; i > 0; i -= 4 {
			text = text[:i] + ":" + text[i:]
		}
	}
	return netip.MustParseAddr(text)
}

// serve answers from the zone. A server that fails stands for one that does not answer: both give temperror.
func (z zone) serve(w mdns.ResponseWriter, q *mdns.Msg) {
	m := new(mdns.Msg).SetReply(q)
	name, kind := strings.ToLower(strings.TrimSuffix(strings.ReplaceAll(q.Question[0].Name, `\ `, " "), ".")), mdns.TypeToString[q.Question[0].Qtype]
	values, known := z[kind][name]
	if known && values == nil {
		m.Rcode = mdns.RcodeServerFailure
	}
	if alias := z["CNAME"][name]; !known && len(alias) > 0 {
		kind, values = "CNAME", alias
	}
	for _, v := range values {
		m.Answer = append(m.Answer, rr(name, kind, v))
	}
	_ = w.WriteMsg(m)
}

func rr(name, kind, value string) mdns.RR {
	name = strings.ReplaceAll(name, " ", `\ `)
	header := mdns.RR_Header{Name: name + ".", Rrtype: mdns.StringToType[kind], Class: mdns.ClassINET, Ttl: 60}
	texts := func() (list []string) {
		for part := range slices.Chunk([]byte(value), 255) {
			escaped := ""
			for _, c := range part {
				escaped += fmt.Sprintf(`\%03d`, c)
			}
			list = append(list, escaped)
		}
		return list
	}
	switch kind {
	case "TXT":
		return &mdns.TXT{Hdr: header, Txt: texts()}
	case "SPF":
		return &mdns.SPF{Hdr: header, Txt: texts()}
	case "MX":
		mx := &mdns.MX{Hdr: header}
		_, _ = fmt.Sscan(value, &mx.Preference, &mx.Mx)
		mx.Mx = mdns.Fqdn(mx.Mx)
		return mx
	}
	if kind == "PTR" || kind == "CNAME" {
		value = mdns.Fqdn(value)
	}
	r, err := mdns.NewRR(fmt.Sprintf("%s. 60 IN %s %s", name, kind, value))
	if err != nil {
		panic(err)
	}
	return r
}

func TestSuite(t *testing.T) {
	for _, s := range scenarios(t) {
		z := s.zone()
		s.run(t, "fake", z.fake())
	}
}

func TestSuiteByRealDNS(t *testing.T) {
	for _, s := range scenarios(t) {
		c, err := dns.New(dns.Config{Servers: []string{serveDNS(t, s.zone().serve)}, Rounds: 1})
		if err != nil {
			t.Fatal(err)
		}
		s.run(t, "dns", c)
	}
}

func (s *scenario) run(t *testing.T, by string, r dns.Resolver) {
	for name, c := range s.Tests {
		t.Run(by+"/"+s.Description+"/"+name, func(t *testing.T) {
			got := spf.Check(t.Context(), r, spf.Query{IP: netip.MustParseAddr(c.Host), Sender: c.Mailfrom, Helo: c.Helo})
			want := []string{c.Result.Value}
			for _, n := range c.Result.Content {
				want = append(want, n.Value)
			}
			if !slices.Contains(want, string(got.Verdict)) {
				t.Errorf("got %s (%s), want %s", got.Verdict, got.Reason, strings.Join(want, " "))
			}
			explanation := c.Explanation
			if explanation == "DEFAULT" {
				explanation = ""
			}
			if c.Explanation != "" && got.Explanation != explanation {
				t.Errorf("explanation %q, want %q", got.Explanation, explanation)
			}
			if got.Reason.String() == "" {
				t.Error("no reason")
			}
			if t.Failed() {
				for _, step := range got.Steps {
					t.Logf("%d %s %s: %s (%d)", step.Depth, step.Domain, step.Term, step.What, step.Lookups)
				}
			}
		})
	}
}
