package cli

import (
	"context"
	"fmt"

	"github.com/budkavle/budkavle/internal/flow/onboard"
	"github.com/budkavle/budkavle/internal/model"
)

type domainVerify struct {
	nodeDNSFlag
	Domain string `arg:"" help:"Domain."`
}

func (c *domainVerify) Run(a *app) error {
	return a.withOfficeAsking(c.nodeDNSFlag, func(ctx context.Context, o *office) error {
		checked, err := o.onboard.Verify(ctx, c.Domain)
		if err != nil {
			return a.explain(err, "domain %q", c.Domain)
		}
		if a.json {
			err = a.printJSON(map[string]any{"domain": checked.Domain, "keys": orEmpty(checked.Keys), "report": checked.Report})
		} else {
			err = a.tellVerified(&checked)
		}
		if err == nil && !checked.Ready() {
			err = errFaults
		}
		return err
	})
}

func (a *app) tellVerified(c *onboard.Checked) error {
	if err := a.tellDomain(&c.Report); err != nil {
		return err
	}
	fmt.Fprintln(a.Out)
	for _, k := range c.Keys {
		switch k.State {
		case model.KeyLost:
			a.say("Key %s is not in DNS, and mail is not signed with it.", k.Selector)
		case model.KeyComing:
			a.say("Key %s is not in DNS everywhere yet; the old one signs.", k.Selector)
		}
	}
	d := &c.Domain
	if d.State != c.Before {
		a.say("Domain %s was %s and is now %s.", d.Name, a.T(string(c.Before)), a.T(string(d.State)))
	} else {
		a.say("Domain %s is %s.", d.Name, a.T(string(d.State)))
	}
	if len(d.Lacks) > 0 {
		a.say("It lacks: %s", a.lacks(d.Lacks))
	}
	if !c.Ready() {
		a.say("What to publish is shown by: budkavle domain show %s", d.Name)
	}
	return nil
}
