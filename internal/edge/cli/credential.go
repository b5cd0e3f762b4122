package cli

import (
	"context"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
)

type credentialCommand struct {
	Add    credentialAdd    `cmd:"" help:"Add an SMTP user; its password is shown once."`
	List   credentialList   `cmd:"" help:"List SMTP users."`
	Remove credentialRemove `cmd:"" help:"Remove an SMTP user."`
}

type credentialAdd struct {
	Username string `arg:"" optional:"" help:"User name (default: made from the account's name)."`
	Account  string `help:"Account it sends for." required:""`
	Domain   string `help:"Only for this domain (default: every domain of the account)."`
}

func (c *credentialAdd) Run(a *app) error {
	return a.withOffice(func(ctx context.Context, o *office) error {
		user, password, err := o.onboard.AddCredential(ctx, c.Account, c.Domain, c.Username)
		if err != nil {
			return a.explain(err, "SMTP user for account %q", c.Account)
		}
		if a.json {
			return a.printJSON(map[string]string{"username": user.Username, "password": password})
		}
		a.say("User name: %s", user.Username)
		a.say("Password:  %s", password)
		a.say("The password is not kept and cannot be shown again.")
		return nil
	})
}

type credentialList struct {
	Account string `help:"Only this account."`
}

func (c *credentialList) Run(a *app) error {
	return a.withOffice(func(ctx context.Context, o *office) error {
		id, err := a.accountID(ctx, o, c.Account)
		if err != nil {
			return err
		}
		t := a.listing("user name", "account", "added")
		for after := ""; ; {
			page, err := o.store.ListCredentials(ctx, id, after, pageSize)
			if err != nil {
				return err
			}
			for _, u := range page {
				if err := t.item(u, u.Username, o.accountName(ctx, u.Account), when(u.CreatedAt)); err != nil {
					return err
				}
				after = u.Username
			}
			if len(page) < pageSize {
				return t.end()
			}
		}
	})
}

type credentialRemove struct {
	Username string `arg:"" help:"User name."`
}

func (c *credentialRemove) Run(a *app) error {
	return a.withOffice(func(ctx context.Context, o *office) error {
		if err := o.onboard.RemoveCredential(ctx, c.Username); err != nil {
			return a.explain(err, "SMTP user %q", c.Username)
		}
		return a.done(map[string]string{"removed": c.Username}, "SMTP user %s removed.", c.Username)
	})
}

type keyCommand struct {
	Add    keyAdd    `cmd:"" help:"Add an API key; it is shown once."`
	List   keyList   `cmd:"" help:"List API keys."`
	Remove keyRemove `cmd:"" help:"Remove an API key."`
}

type keyAdd struct {
	Account string `help:"Account it acts for." required:""`
	Name    string `help:"What the key is for." default:"default"`
}

func (c *keyAdd) Run(a *app) error {
	return a.withOffice(func(ctx context.Context, o *office) error {
		key, secret, err := o.onboard.AddKey(ctx, c.Account, c.Name)
		if err != nil {
			return a.explain(err, "API key for account %q", c.Account)
		}
		if a.json {
			return a.printJSON(map[string]string{"key": secret, "id": key.ID.String()})
		}
		a.say("API key: %s", secret)
		a.say("The key is not kept and cannot be shown again.")
		return nil
	})
}

type keyList struct {
	Account string `help:"Account whose keys to list." required:""`
}

func (c *keyList) Run(a *app) error {
	return a.withOffice(func(ctx context.Context, o *office) error {
		id, err := a.accountID(ctx, o, c.Account)
		if err != nil {
			return err
		}
		keys, err := o.store.ListKeys(ctx, id, maxKeys)
		if err != nil {
			return err
		}
		t := a.listing("id", "begins with", "name", "added")
		for _, k := range keys {
			if err := t.item(k, k.ID.String(), k.Prefix+"…", k.Name, when(k.CreatedAt)); err != nil {
				return err
			}
		}
		return t.end()
	})
}

type keyRemove struct {
	ID string `arg:"" name:"id" help:"Identifier of the key, as listed."`
}

func (c *keyRemove) Run(a *app) error {
	return a.withOffice(func(ctx context.Context, o *office) error {
		id, err := ident.Parse(c.ID)
		if err != nil {
			return &usageError{err}
		}
		if err := o.onboard.RemoveKey(ctx, id); err != nil {
			return a.explain(err, "API key %s", c.ID)
		}
		return a.done(map[string]string{"removed": c.ID}, "API key %s removed.", c.ID)
	})
}

// accountID finds an account by name; the empty name is 0, every account.
func (a *app) accountID(ctx context.Context, o *office, name string) (model.AccountID, error) {
	if name == "" {
		return 0, nil
	}
	acc, err := o.store.Account(ctx, name)
	if err != nil {
		return 0, a.explain(err, "account %q", name)
	}
	return acc.ID, nil
}
