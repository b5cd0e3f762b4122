package lab

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"

	mdns "github.com/miekg/dns"

	"github.com/budkavle/budkavle/internal/base/lifecycle"
	"github.com/budkavle/budkavle/internal/base/wording"
)

// bindAttempts is how often a port is tried that must be free in several places.
const bindAttempts = 20

// dnsServer answers by UDP and TCP on one address.
type dnsServer struct {
	names   *names
	addr    netip.AddrPort
	servers []*mdns.Server
}

// listenDNS binds both sockets and serves them in the group.
func listenDNS(ctx context.Context, addr netip.AddrPort, n *names, g *lifecycle.Group) (*dnsServer, error) {
	packets, stream, err := bindBoth(ctx, addr)
	if err != nil {
		return nil, wording.Errorf("DNS server: %w", err)
	}
	d := &dnsServer{names: n, addr: netip.MustParseAddrPort(stream.Addr().String())}
	d.servers = []*mdns.Server{{PacketConn: packets, Handler: d}, {Listener: stream, Handler: d}}
	for _, s := range d.servers {
		started := make(chan struct{})
		failed := make(chan error, 1)
		s.NotifyStartedFunc = func() { close(started) }
		g.Go(func(context.Context) error {
			err := s.ActivateAndServe()
			failed <- err
			return err
		})
		select {
		case <-started: // before that, Shutdown would not stop it
		case err := <-failed:
			return d, wording.Errorf("DNS server: %w", err)
		}
	}
	return d, nil
}

// bindBoth binds UDP and TCP to one port, any that is free in both if the port is 0.
func bindBoth(ctx context.Context, addr netip.AddrPort) (net.PacketConn, net.Listener, error) {
	var lc net.ListenConfig
	for attempt := 1; ; attempt++ {
		l, err := lc.Listen(ctx, "tcp", addr.String())
		if err != nil {
			return nil, nil, err
		}
		p, err := lc.ListenPacket(ctx, "udp", l.Addr().String())
		if err == nil {
			return p, l, nil
		}
		err = errors.Join(err, l.Close())
		if addr.Port() != 0 || attempt == bindAttempts {
			return nil, nil, err
		}
	}
}

func (d *dnsServer) stop(ctx context.Context) error {
	var errs []error
	for _, s := range d.servers {
		errs = append(errs, s.ShutdownContext(ctx))
	}
	return errors.Join(errs...)
}

// ServeDNS implements dns.Handler.
func (d *dnsServer) ServeDNS(w mdns.ResponseWriter, q *mdns.Msg) {
	m := new(mdns.Msg)
	switch {
	case q.Opcode != mdns.OpcodeQuery:
		m.SetRcode(q, mdns.RcodeNotImplemented)
	case len(q.Question) != 1 || q.Question[0].Qclass != mdns.ClassINET:
		m.SetRcode(q, mdns.RcodeRefused)
	default:
		answer, rcode, fault := d.names.lookup(q.Question[0].Name, q.Question[0].Qtype)
		if fault == AnswerNothing {
			return
		}
		m.SetRcode(q, rcode)
		m.Authoritative, m.Answer = fault == "", answer
		if len(answer) == 0 && fault == "" { // RFC 2308 2: a denial carries the SOA
			m.Ns = []mdns.RR{soa()}
		}
	}
	if opt := q.IsEdns0(); opt != nil {
		m.SetEdns0(max(opt.UDPSize(), mdns.MinMsgSize), false)
	}
	if _, udp := w.LocalAddr().(*net.UDPAddr); udp {
		size := mdns.MinMsgSize
		if opt := q.IsEdns0(); opt != nil {
			size = int(max(opt.UDPSize(), mdns.MinMsgSize))
		}
		m.Truncate(size)
	}
	_ = w.WriteMsg(m) // the client asks again
}

func soa() mdns.RR {
	return &mdns.SOA{
		Hdr: mdns.RR_Header{Name: ".", Rrtype: mdns.TypeSOA, Class: mdns.ClassINET, Ttl: soaTTL},
		Ns:  "lab.example.", Mbox: "postmaster.lab.example.", Serial: 1, Refresh: 3600, Retry: 600, Expire: 86400, Minttl: soaTTL,
	}
}

// bindAll binds one port on all addresses, any that is free on all if port is 0.
func bindAll(ctx context.Context, addrs []netip.Addr, port uint16) ([]net.Listener, uint16, error) {
	for attempt := 1; ; attempt++ {
		list, got, err := bindEach(ctx, addrs, port)
		if err == nil {
			return list, got, nil
		}
		for _, l := range list {
			err = errors.Join(err, l.Close())
		}
		if port != 0 || attempt == bindAttempts {
			return nil, 0, err
		}
	}
}

func bindEach(ctx context.Context, addrs []netip.Addr, port uint16) ([]net.Listener, uint16, error) {
	var list []net.Listener
	for _, a := range addrs {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(a.String(), strconv.Itoa(int(port))))
		if err != nil {
			return list, port, wording.Errorf("mail server: %w", err)
		}
		list = append(list, l)
		port = uint16(l.Addr().(*net.TCPAddr).Port)
	}
	return list, port, nil
}
