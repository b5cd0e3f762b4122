package lab

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"

	"github.com/budkavle/budkavle/internal/base/wording"
)

// bindAttempts is how often a port is tried that must be free in several places.
const bindAttempts = 20

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
