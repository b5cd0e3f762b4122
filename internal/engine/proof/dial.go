package proof

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"

	"github.com/budkavle/budkavle/internal/standard/dns"
)

// Dial connects to a host that a checked domain names, as MTA-STS policies need: its addresses come from the resolver of the
// check, and those inside the node's own network are refused, since whoever publishes a name must not choose what the node
// speaks to (docs/decisions/0008). inside allows them.
func Dial(r dns.Resolver, inside bool) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		four, ferr := r.LookupA(ctx, host)
		six, serr := r.LookupAAAA(ctx, host)
		addrs := slices.DeleteFunc(slices.Concat(four.Records, six.Records), func(a netip.Addr) bool {
			return a.IsUnspecified() || a.IsMulticast() || !inside && dns.Inside(a)
		})
		if len(addrs) == 0 {
			return nil, errors.Join(errNoAddress, ferr, serr)
		}
		var d net.Dialer
		var last error
		for _, a := range addrs[:min(len(addrs), 3)] {
			conn, err := d.DialContext(ctx, network, net.JoinHostPort(a.String(), port))
			if err == nil {
				return conn, nil
			}
			last = err
		}
		return nil, last
	}
}

var errNoAddress = errors.New("no address that can be reached")
