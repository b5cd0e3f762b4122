package cli

import (
	"context"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/flow/addresses"
	"github.com/budkavle/budkavle/internal/model"
)

type ipList struct{}

func (c *ipList) Run(a *app) error {
	return a.withAddresses(func(ctx context.Context, o *office, s *addresses.Service) error {
		list, err := o.store.ListAddresses(ctx)
		if err != nil {
			return err
		}
		t := a.listing("address", "state", "date", "pool", "ehlo", "node", "ptr", "blocklists", "remark")
		for _, ip := range list {
			err := t.item(ip, ip.Address.String(), a.T(string(ip.State)), stateDate(&ip), ip.Pool, orDash(ip.Helo), orDash(ip.Node), a.T(string(ip.PTR)),
				orDash(strings.Join(ip.Listed, ", ")), orDash(ip.Note))
			if err != nil {
				return err
			}
		}
		if err := t.end(); err != nil || a.json {
			return err
		}
		return a.tellSources(ctx, s, o.config.Delivery.SourceAddresses)
	})
}

// tellSources says what a node here sends from when that is not what the list shows.
func (a *app) tellSources(ctx context.Context, s *addresses.Service, configured []string) error {
	if err := s.Load(ctx); err != nil {
		return err
	}
	for _, ip := range s.Elsewhere() {
		a.say("This machine does not have %s, so that a node here sends nothing from it.", ip)
	}
	switch {
	case s.Stored():
	case len(configured) > 0:
		a.say("This node sends from delivery.source_addresses (%s) until an address is added for it.", strings.Join(configured, ", "))
	default:
		a.say("No address is named for this node: the system chooses, and nobody knows whether it has a PTR record. Name it with: budkavle ip add ADDRESS --state active")
	}
	return nil
}

// stateDate is the day that belongs to a state: when it may come into full use, or goes out of it.
func stateDate(ip *model.SourceAddress) string {
	switch ip.State {
	case model.AddressWarming:
		return day(ip.ReadyAt)
	case model.AddressRetiring, model.AddressRetired:
		return day(ip.RetiresAt)
	}
	return day(ip.ChangedAt)
}

func day(t time.Time) string { return t.Local().Format(time.DateOnly) }

type ipVerify struct {
	Address string `arg:"" help:"Address of a server that sends."`
}

func (c *ipVerify) Run(a *app) error {
	ip, err := parseIP(c.Address)
	if err != nil {
		return err
	}
	return a.withAddresses(func(ctx context.Context, _ *office, s *addresses.Service) error {
		got, err := s.Verify(ctx, ip)
		if err != nil {
			return a.explain(err, "address %s", c.Address)
		}
		if err := a.done(got, "Address %s: PTR record %s, blocklists: %s", got.Address, a.T(string(got.PTR)), orDash(strings.Join(got.Listed, ", "))); err != nil {
			return err
		}
		if got.PTR != model.PTRProved || len(got.Listed) > 0 {
			if !a.json {
				a.say("What is wrong and what to do is shown by: budkavle ip check %s", got.Address)
			}
			return errFaults
		}
		return nil
	})
}
