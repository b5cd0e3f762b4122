package cli

import (
	"cmp"
	"context"
	"errors"

	"github.com/budkavle/budkavle/internal/base/finding"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/flow/relay"
	"github.com/budkavle/budkavle/internal/model"
)

type routeTest struct {
	Name   string `arg:"" help:"Name of the account."`
	To     string `help:"Send a test letter to this address." xor:"how" placeholder:"ADDRESS"`
	Ask    string `help:"Ask with MAIL and RCPT whether mail to this address is taken, and send none (default: the contact's)." xor:"how" placeholder:"ADDRESS"`
	NoMail bool   `help:"No further than the login." xor:"how"`
	From   string `help:"Address to send as (default: the user, or postmaster of the account's first domain)." placeholder:"ADDRESS"`
}

func (c *routeTest) Run(a *app) error {
	return a.withRoute(c.Name, func(ctx context.Context, acc model.Account, s *relay.Service) error {
		t := relay.Trial{From: c.From, To: cmp.Or(c.To, c.Ask), Letter: c.To != ""}
		if t.To == "" && !c.NoMail {
			r, err := s.Route(ctx, acc.ID)
			if err != nil {
				return err
			}
			if t.To = cmp.Or(r.Contact, acc.Contact); t.To == "" {
				return &usageError{wording.Errorf("nobody is the contact: say what to try with --to ADDRESS, --ask ADDRESS or --no-mail")}
			}
		}
		v, err := s.Test(ctx, acc, t, func(st relay.Step) {
			if !a.json {
				a.say("%s: %s", a.T("ok"), a.text(st.Text))
			}
		})
		if err != nil {
			return err
		}
		return errors.Join(a.tellVerdict(&v), faults(v.OK))
	})
}

func faults(ok bool) error {
	if ok {
		return nil
	}
	return errFaults
}

func (a *app) tellVerdict(v *relay.Verdict) error {
	if a.json {
		return a.printJSON(v)
	}
	if v.OK {
		a.say("The account's own server works. Mail that waits for it goes within minutes, or at once with: budkavle queue retry")
		return nil
	}
	a.tellFindings([]finding.Finding{*v.Finding})
	return nil
}
