package main

import (
	"fmt"
	"net"
	"strings"

	mdns "github.com/miekg/dns"
)

// names answers for all domains: each has one MX, shared by the domains of its site, at 127.0.0.1.
type names struct {
	sites  int
	server *mdns.Server
	addr   string
}

func startNames(sites int) (*names, error) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	n := &names{sites: sites, addr: conn.LocalAddr().String()}
	n.server = &mdns.Server{PacketConn: conn, Handler: n}
	go func() { _ = n.server.ActivateAndServe() }() // ends with stop
	return n, nil
}

func (n *names) stop() { _ = n.server.Shutdown() }

// ServeDNS implements dns.Handler.
func (n *names) ServeDNS(w mdns.ResponseWriter, q *mdns.Msg) {
	m := new(mdns.Msg)
	m.SetReply(q)
	name := q.Question[0].Name
	header := mdns.RR_Header{Name: name, Rrtype: q.Question[0].Qtype, Class: mdns.ClassINET, Ttl: 3600}
	var number int
	switch _, err := fmt.Sscanf(strings.ToLower(name), "d%d.example.", &number); {
	case q.Question[0].Qtype == mdns.TypeMX && err == nil:
		m.Answer = append(m.Answer, &mdns.MX{Hdr: header, Preference: 10, Mx: fmt.Sprintf("mx.site%d.example.", number%n.sites)})
	case q.Question[0].Qtype == mdns.TypeA && err != nil:
		m.Answer = append(m.Answer, &mdns.A{Hdr: header, A: net.IPv4(127, 0, 0, 1)})
	}
	_ = w.WriteMsg(m) // a question that gets no answer is asked again
}
