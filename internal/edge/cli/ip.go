package cli

import (
	"context"
	"log/slog"
	"net/netip"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/flow/addresses"
	"github.com/budkavle/budkavle/internal/node"
)

type ipCommand struct {
	Check       ipCheck       `cmd:"" help:"Look at addresses from outside: PTR, EHLO name, SPF and blocklists. Exit status 1 if mail suffers."`
	Add         ipAdd         `cmd:"" help:"Send from an address, and tell those who asked of it."`
	List        ipList        `cmd:"" help:"List the addresses that mail is sent from."`
	Verify      ipVerify      `cmd:"" help:"Look at an address now, as the node does daily, for instance when its PTR record was mended. Exit status 1 if it is not in order."`
	Set         ipSet         `cmd:"" help:"Bring an address into full use, or retire it, and tell those who asked of it."`
	Remove      ipRemove      `cmd:"" help:"Remove a retired address. The page /senders then names it no longer."`
	Subscribe   ipSubscribe   `cmd:"" help:"Have somebody told when the addresses change, by mail or by a signed call to a URL."`
	Subscribers ipSubscribers `cmd:"" help:"List those who are told when the addresses change."`
	Unsubscribe ipUnsubscribe `cmd:"" help:"Tell somebody no longer."`
}

// withAddresses opens the store for what a command does with source addresses.
func (a *app) withAddresses(f func(ctx context.Context, o *office, s *addresses.Service) error) error {
	return a.withOffice(func(ctx context.Context, o *office) error {
		s, err := node.NewAddresses(o.config, o.store, o.ring, o.ids, node.NewSystem(slog.New(slog.DiscardHandler)))
		if err != nil {
			return err
		}
		return f(ctx, o, s)
	})
}

func parseIP(text string) (netip.Addr, error) {
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return ip, &usageError{wording.Errorf("%q is not an IP address", text)}
	}
	return ip, nil
}
