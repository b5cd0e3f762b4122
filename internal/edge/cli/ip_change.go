package cli

import (
	"context"
	"time"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/flow/addresses"
	"github.com/budkavle/budkavle/internal/model"
)

type ipAdd struct {
	Address string `arg:"" help:"Address of a server that sends."`
	State   string `help:"warming: new to receivers; active: in use already." enum:"warming,active" default:"warming"`
	EHLO    string `name:"ehlo" help:"Name given with EHLO from it (default: the node's). Its PTR record should give the same." placeholder:"NAME"`
	Pool    string `help:"Pool it belongs to." default:"default"`
	Node    string `help:"Hostname of the node that has it (default: every node)." placeholder:"NAME"`
	Note    string `help:"A note of your own." placeholder:"TEXT"`
}

func (c *ipAdd) Run(a *app) error {
	ip, err := parseIP(c.Address)
	if err != nil {
		return err
	}
	return a.withAddresses(func(ctx context.Context, _ *office, s *addresses.Service) error {
		added, err := s.Add(ctx, model.SourceAddress{Address: ip, State: model.AddressState(c.State), Helo: c.EHLO, Pool: c.Pool, Node: c.Node, Note: c.Note})
		if err != nil {
			return a.explain(err, "address %s", c.Address)
		}
		if added.State == model.AddressActive {
			return a.done(added, "Address %s is in full use. Those who asked are told now.", added.Address)
		}
		return a.done(added, "Address %s is warming. Those who asked are told now; from %s it may come into full use, with: budkavle ip set %s --state active", added.Address, day(added.ReadyAt), added.Address)
	})
}

type ipSet struct {
	Address string `arg:"" help:"Address of a server that sends."`
	State   string `help:"State to come to: warming, active, retiring or retired." required:"" enum:"warming,active,retiring,retired"`
	On      string `help:"Day on which a retiring address goes out of use (default: when the notice is over)." placeholder:"YYYY-MM-DD"`
	Now     bool   `help:"Into full use before those who asked have had their notice."`
}

func (c *ipSet) Run(a *app) error {
	ip, err := parseIP(c.Address)
	if err != nil {
		return err
	}
	change := addresses.Change{State: model.AddressState(c.State), Now: c.Now}
	if c.On != "" {
		if change.On, err = time.ParseInLocation(time.DateOnly, c.On, time.Local); err != nil {
			return &usageError{wording.Errorf("%q is not a day such as 2027-01-31", c.On)}
		}
	}
	return a.withAddresses(func(ctx context.Context, _ *office, s *addresses.Service) error {
		set, err := s.Set(ctx, ip, change)
		if err != nil {
			return a.explain(err, "address %s", c.Address)
		}
		if set.State == model.AddressRetiring {
			return a.done(set, "Address %s goes out of use on %s. Those who asked are told now.", set.Address, day(set.RetiresAt))
		}
		return a.done(set, "Address %s is now %s. Those who asked are told now.", set.Address, a.T(string(set.State)))
	})
}

type ipRemove struct {
	Address string `arg:"" help:"Address of a server that sends."`
}

func (c *ipRemove) Run(a *app) error {
	ip, err := parseIP(c.Address)
	if err != nil {
		return err
	}
	return a.withAddresses(func(ctx context.Context, _ *office, s *addresses.Service) error {
		if err := s.Remove(ctx, ip); err != nil {
			return a.explain(err, "address %s", c.Address)
		}
		return a.done(map[string]string{"removed": ip.String()}, "Address %s removed.", ip)
	})
}
