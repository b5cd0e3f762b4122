package spf_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	mdns "github.com/miekg/dns"
	"go.yaml.in/yaml/v3"

	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/standard/dns/dnstest"
)

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
