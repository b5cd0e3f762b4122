package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/budkavle/budkavle/internal/base/config"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

type initCommand struct {
	Hostname string `help:"Name of this node, as its address's PTR record gives it (default: the machine's)."`
	DataDir  string `help:"Folder of the store and the keys." default:"data" placeholder:"DIR"`
	Account  string `help:"Name of the first account." default:"first"`
}

func (c *initCommand) Run(a *app) error {
	path := a.configPath
	if path == "" {
		path = "budkavle.toml"
	}
	if err := c.writeConfig(a, path); err != nil {
		return err
	}
	cfg, err := config.Load(path, false, a.environ)
	if err != nil {
		return err
	}
	return a.withOfficeOf(cfg, func(ctx context.Context, o *office) error {
		for _, acc := range []model.Account{{Name: "operator", Operator: true}, {Name: c.Account}} {
			if _, err := o.onboard.AddAccount(ctx, acc); err != nil && !store.Is(err, store.Exists) {
				return a.explain(err, "account %q", acc.Name)
			}
		}
		_, operatorKey, err := o.onboard.AddKey(ctx, "operator", "init")
		if err != nil {
			return err
		}
		_, firstKey, err := o.onboard.AddKey(ctx, c.Account, "init")
		if err != nil {
			return err
		}
		user, password, err := o.onboard.AddCredential(ctx, c.Account, "", "")
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(map[string]any{
				"config": path, "data_dir": cfg.Node.DataDir, "operator_key": operatorKey, "account": c.Account,
				"key": firstKey, "username": user.Username, "password": password,
			})
		}
		a.say("Configuration: %s", path)
		a.say("Store and key file: %s (back up the key file apart from the store)", cfg.Node.DataDir)
		a.say("Operator's API key: %s", operatorKey)
		a.say("Account %s: API key %s", c.Account, firstKey)
		a.say("Account %s: SMTP user %s, password %s", c.Account, user.Username, password)
		a.say("These secrets are not kept and cannot be shown again.")
		a.say("Next: budkavle domain add DOMAIN --account %s, then: budkavle serve", c.Account)
		return nil
	})
}

// writeConfig writes a commented configuration unless there is one already, which stays as it is.
func (c *initCommand) writeConfig(a *app, path string) error {
	host := c.Hostname
	if host == "" {
		var err error
		if host, err = os.Hostname(); err != nil {
			host = config.Default().Node.Hostname
		}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		fmt.Fprintln(a.Err, a.T("%s is there already and stays as it is", path))
		return nil
	}
	if err != nil {
		return wording.Errorf("configuration: %w", err)
	}
	if _, err := f.WriteString(config.Sample(host, filepath.Clean(c.DataDir))); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}
