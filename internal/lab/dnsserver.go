package lab

import (
	"context"
	"errors"
	"net"
	"net/netip"

	mdns "github.com/miekg/dns"

	"github.com/budkavle/budkavle/internal/base/lifecycle"
	"github.com/budkavle/budkavle/internal/base/wording"
)

// answerer makes the answer to a message; nil: none is given.
type answerer interface {
	answer(q *mdns.Msg) *mdns.Msg
}

// dnsServer answers by UDP and TCP on one address.
type dnsServer struct {
	answerer
	addr    netip.AddrPort
	servers []*mdns.Server
}

// listenDNS binds both sockets and serves them in the group.
func listenDNS(ctx context.Context, addr netip.AddrPort, a answerer, g *lifecycle.Group) (*dnsServer, error) {
	packets, stream, err := bindBoth(ctx, addr)
	if err != nil {
		return nil, wording.Errorf("DNS server: %w", err)
	}
	d := &dnsServer{answerer: a, addr: netip.MustParseAddrPort(stream.Addr().String())}
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

func (d *dnsServer) stop(ctx context.Context) error {
	var errs []error
	for _, s := range d.servers {
		errs = append(errs, s.ShutdownContext(ctx))
	}
	return errors.Join(errs...)
}

// ServeDNS implements dns.Handler.
func (d *dnsServer) ServeDNS(w mdns.ResponseWriter, q *mdns.Msg) {
	m := d.answer(q)
	if m == nil {
		return
	}
	size := mdns.MinMsgSize
	if opt := q.IsEdns0(); opt != nil {
		size = int(max(opt.UDPSize(), mdns.MinMsgSize))
		m.SetEdns0(uint16(size), opt.Do())
	}
	if _, udp := w.LocalAddr().(*net.UDPAddr); udp {
		m.Truncate(size)
	}
	_ = w.WriteMsg(m) // the client asks again
}
