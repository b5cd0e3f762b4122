package cli

import (
	"context"

	"github.com/budkavle/budkavle/internal/model"
)

type accountCommand struct {
	Add     accountAdd     `cmd:"" help:"Add an account."`
	List    accountList    `cmd:"" help:"List accounts."`
	Show    accountShow    `cmd:"" help:"Show an account."`
	Suspend accountSuspend `cmd:"" help:"Stop an account from sending; what it has queued is held."`
	Resume  accountResume  `cmd:"" help:"Let a suspended account send again."`
	Unlock  accountUnlock  `cmd:"" help:"Let an account that the node locked send again."`
	Limits  accountLimits  `cmd:"" help:"Show how much an account may send and has sent, or set it."`
	Route   accountRoute   `cmd:"" help:"The customer's own SMTP server, by which mail of an account goes out."`
	Notify  accountNotify  `cmd:"" help:"Say or show who is told what of an account's mail."`
	Digest  accountDigest  `cmd:"" help:"Show the letter about a day of an account's mail, as its contact is sent it."`
	Contact accountContact `cmd:"" help:"Set the mail address to which warnings about an account's domains go."`
}

type accountAdd struct {
	Name    string `arg:"" help:"Name: lower-case letters, digits, dot and hyphen."`
	Bulk    bool   `help:"Cleared for bulk sends: slowed at limits instead of locked."`
	Weight  int    `help:"Share against other accounts, 1 to 100." default:"1"`
	Contact string `help:"Mail address to which warnings about its domains go." placeholder:"ADDRESS"`
}

func (c *accountAdd) Run(a *app) error {
	return a.withOffice(func(ctx context.Context, o *office) error {
		acc, err := o.onboard.AddAccount(ctx, model.Account{Name: c.Name, Bulk: c.Bulk, Weight: c.Weight, Contact: c.Contact})
		if err != nil {
			return a.explain(err, "account %q", c.Name)
		}
		if a.json {
			return a.printJSON(acc)
		}
		a.say("Account %s added. Next: budkavle domain add DOMAIN --account %s", acc.Name, acc.Name)
		return nil
	})
}

type accountList struct{}

func (c *accountList) Run(a *app) error {
	return a.withOffice(func(ctx context.Context, o *office) error {
		t := a.listing("name", "state", "bulk", "weight", "added", "reason")
		for after := ""; ; {
			page, err := o.store.ListAccounts(ctx, after, pageSize)
			if err != nil {
				return err
			}
			for _, acc := range page {
				if err := t.item(acc, acc.Name, a.T(string(acc.State)), a.yesNo(acc.Bulk), number(acc.Weight), when(acc.CreatedAt), orDash(acc.Reason)); err != nil {
					return err
				}
				after = acc.Name
			}
			if len(page) < pageSize {
				return t.end()
			}
		}
	})
}

type accountShow struct {
	Name string `arg:"" help:"Name of the account."`
}

func (c *accountShow) Run(a *app) error {
	return a.withOffice(func(ctx context.Context, o *office) error {
		acc, err := o.store.Account(ctx, c.Name)
		if err != nil {
			return a.explain(err, "account %q", c.Name)
		}
		domains, err := o.store.ListDomains(ctx, acc.ID, "", pageSize)
		if err != nil {
			return err
		}
		users, err := o.store.ListCredentials(ctx, acc.ID, "", pageSize)
		if err != nil {
			return err
		}
		keys, err := o.store.ListKeys(ctx, acc.ID, pageSize)
		if err != nil {
			return err
		}
		allowance, err := o.guard().Allowance(ctx, &acc)
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(map[string]any{
				"account": acc, "limits": allowance, "domains": orEmpty(domains), "credentials": orEmpty(users), "keys": orEmpty(keys),
			})
		}
		a.say("Account %s: %s", acc.Name, a.T(string(acc.State)))
		if acc.Reason != "" {
			a.say("Reason: %s", acc.Reason)
		}
		if acc.State == model.AccountLocked {
			a.say("Locked: %s. Let it send again with: budkavle account unlock %s", when(acc.LockedAt), acc.Name)
		}
		a.say("Bulk: %s, weight %d, added %s", a.yesNo(acc.Bulk), acc.Weight, when(acc.CreatedAt))
		if acc.Contact != "" {
			a.say("Warnings go to: %s", acc.Contact)
		}
		a.tellQuiet(&acc)
		if err := a.tellAllowance(allowance); err != nil {
			return err
		}
		t := a.newTable("kind", "name", "state", "added")
		for _, d := range domains {
			t.row(a.T("domain"), d.Name, a.T(string(d.State)), when(d.CreatedAt))
		}
		for _, u := range users {
			t.row(a.T("SMTP user"), u.Username, "-", when(u.CreatedAt))
		}
		for _, k := range keys {
			t.row(a.T("API key"), k.Prefix+"… "+k.Name, "-", when(k.CreatedAt))
		}
		return t.flush()
	})
}

type accountSuspend struct {
	Name   string `arg:"" help:"Name of the account."`
	Reason string `help:"Why; shown to its owner."`
}

func (c *accountSuspend) Run(a *app) error {
	return a.setAccountState(c.Name, model.AccountSuspended, c.Reason)
}

type accountResume struct {
	Name string `arg:"" help:"Name of the account."`
}

func (c *accountResume) Run(a *app) error {
	return a.setAccountState(c.Name, model.AccountActive, "", model.AccountSuspended)
}

type accountUnlock struct {
	Name  string `arg:"" help:"Name of the account."`
	Owner bool   `help:"As the owner may: only after every SMTP user and API key was replaced."`
}

func (c *accountUnlock) Run(a *app) error {
	return a.withOffice(func(ctx context.Context, o *office) error {
		acc, err := o.guard().Unlock(ctx, c.Name, c.Owner)
		if err != nil {
			return a.explain(err, "account %q", c.Name)
		}
		return a.done(acc, "Account %s: %s", acc.Name, a.T(string(acc.State)))
	})
}

func (a *app) setAccountState(name string, to model.AccountState, reason string, from ...model.AccountState) error {
	return a.withOffice(func(ctx context.Context, o *office) error {
		acc, err := o.onboard.SetAccountState(ctx, name, to, reason, from...)
		if err != nil {
			return a.explain(err, "account %q", name)
		}
		if a.json {
			return a.printJSON(acc)
		}
		a.say("Account %s: %s", acc.Name, a.T(string(acc.State)))
		return nil
	})
}

type accountContact struct {
	Name    string `arg:"" help:"Name of the account."`
	Address string `arg:"" optional:"" help:"Mail address; none: nobody is written to."`
}

func (c *accountContact) Run(a *app) error {
	return a.withOffice(func(ctx context.Context, o *office) error {
		acc, err := o.onboard.SetContact(ctx, c.Name, c.Address)
		if err != nil {
			return a.explain(err, "account %q", c.Name)
		}
		if acc.Contact == "" {
			return a.done(acc, "Nobody is written to about account %s.", acc.Name)
		}
		return a.done(acc, "Warnings about account %s go to %s.", acc.Name, acc.Contact)
	})
}
