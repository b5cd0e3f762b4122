package cli

import (
	"context"
	"fmt"

	"github.com/budkavle/budkavle/internal/flow/onboard"
	"github.com/budkavle/budkavle/internal/model"
)

type domainCommand struct {
	Add    domainAdd    `cmd:"" help:"Add a sender domain and make its DKIM keys."`
	List   domainList   `cmd:"" help:"List sender domains."`
	Check  domainCheck  `cmd:"" help:"Check what DNS says of any domain, its mail servers, and what large providers demand; needs no node. Exit status 1 if mail suffers."`
	Show   domainShow   `cmd:"" help:"Show a sender domain and the DNS records to publish."`
	Remove domainRemove `cmd:"" help:"Remove a sender domain, its keys and its SMTP users."`
}

type domainAdd struct {
	Domain  string `arg:"" help:"Domain, such as school.example."`
	Account string `help:"Account that sends from it." required:""`
	Waive   string `help:"The operator's reason to let it send before DNS is proved; recorded." placeholder:"REASON"`
}

func (c *domainAdd) Run(a *app) error {
	return a.withOffice(func(ctx context.Context, o *office) error {
		d, err := o.onboard.AddDomain(ctx, c.Account, c.Domain, c.Waive)
		if err != nil {
			return a.explain(err, "domain %q for account %q", c.Domain, c.Account)
		}
		if !a.json {
			a.say("Domain %s added: %s", d.Name, a.T(string(d.State)))
		}
		return a.showDomain(ctx, o, d)
	})
}

type domainList struct {
	Account string `help:"Only this account."`
}

func (c *domainList) Run(a *app) error {
	return a.withOffice(func(ctx context.Context, o *office) error {
		id, err := a.accountID(ctx, o, c.Account)
		if err != nil {
			return err
		}
		t := a.listing("domain", "account", "state", "added", "waiver", "reason")
		for after := ""; ; {
			page, err := o.store.ListDomains(ctx, id, after, pageSize)
			if err != nil {
				return err
			}
			for _, d := range page {
				err := t.item(d, d.Name, o.accountName(ctx, d.Account), a.T(string(d.State)), when(d.CreatedAt), orDash(d.Waiver), orDash(d.Reason))
				if err != nil {
					return err
				}
				after = d.Name
			}
			if len(page) < pageSize {
				return t.end()
			}
		}
	})
}

type domainShow struct {
	Domain string `arg:"" help:"Domain."`
}

func (c *domainShow) Run(a *app) error {
	return a.withOffice(func(ctx context.Context, o *office) error {
		d, err := o.store.Domain(ctx, c.Domain)
		if err != nil {
			return a.explain(err, "domain %q", c.Domain)
		}
		return a.showDomain(ctx, o, d)
	})
}

type domainRemove struct {
	Domain string `arg:"" help:"Domain."`
}

func (c *domainRemove) Run(a *app) error {
	return a.withOffice(func(ctx context.Context, o *office) error {
		if err := o.onboard.RemoveDomain(ctx, c.Domain); err != nil {
			return a.explain(err, "domain %q", c.Domain)
		}
		return a.done(map[string]string{"removed": c.Domain}, "Domain %s removed. Its messages and events stay until they expire.", c.Domain)
	})
}

// showDomain prints a domain and its records, ready to paste into a BIND zone.
func (a *app) showDomain(ctx context.Context, o *office, d model.Domain) error {
	records, err := o.onboard.Records(ctx, d)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(struct {
			Domain  model.Domain     `json:"domain"`
			Records []onboard.Record `json:"records"`
		}{d, records})
	}
	a.say("Domain %s of account %s: %s, since %s", d.Name, o.accountName(ctx, d.Account), a.T(string(d.State)), when(d.ChangedAt))
	if d.Waiver != "" {
		a.say("May send by the operator's word: %s", d.Waiver)
	}
	a.say("Publish these records:")
	for _, r := range records {
		fmt.Fprintln(a.Out, r.Zone())
	}
	return nil
}
