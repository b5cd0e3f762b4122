package cli

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/flow/guard"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/node"
)

type accountLimits struct {
	Name       string `arg:"" help:"Name of the account."`
	Credential string `help:"Of this SMTP user, or API key by its first characters; * for each one." xor:"scope" placeholder:"USER"`
	Class      string `help:"Of mail of this class: transactional or bulk." xor:"scope"`
	Domain     string `help:"Of mail from this sender domain; * for each one." xor:"scope"`
	HalfHour   string `help:"Messages in any 30 minutes, each recipient counted; none, or default." placeholder:"N"`
	Day        string `help:"Messages in a day of UTC; none, or default." placeholder:"N"`
	Month      string `help:"Messages in a month of UTC; none, or default." placeholder:"N"`
	Recipients string `help:"Recipients of one message; none, or default." placeholder:"N"`
	Size       string `help:"Octets of one message; none, or default." placeholder:"N"`
}

func (c *accountLimits) Run(a *app) error {
	return a.withOffice(func(ctx context.Context, o *office) error {
		acc, err := o.store.Account(ctx, c.Name)
		if err != nil {
			return a.explain(err, "account %q", c.Name)
		}
		if c.sets() {
			rule, err := c.rule(ctx, o, &acc)
			if err != nil {
				return err
			}
			if err := o.guard().SetLimit(ctx, rule); err != nil {
				return a.explain(err, "account %q", c.Name)
			}
		} else if c.Credential+c.Class+c.Domain != "" {
			return &usageError{wording.Errorf("say which limit to set, such as --half-hour 200")}
		}
		w, err := o.guard().Allowance(ctx, &acc)
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(w)
		}
		return a.tellAllowance(w)
	})
}

func (c *accountLimits) sets() bool {
	return c.HalfHour+c.Day+c.Month+c.Recipients+c.Size != ""
}

// rule is what there is for the name, changed by the flags.
func (c *accountLimits) rule(ctx context.Context, o *office, acc *model.Account) (model.LimitRule, error) {
	r := model.LimitRule{Account: acc.ID, Scope: model.ScopeAccount}
	switch {
	case c.Credential != "":
		r.Scope, r.Name = model.ScopeCredential, c.Credential
	case c.Class != "":
		r.Scope, r.Name = model.ScopeClass, c.Class
	case c.Domain != "":
		r.Scope, r.Name = model.ScopeDomain, strings.ToLower(c.Domain)
	}
	r, err := o.guard().Rule(ctx, acc.ID, r.Scope, r.Name)
	if err != nil {
		return r, err
	}
	var errs []error
	set := func(flag, text string, to *int64) {
		if text == "" {
			return
		}
		n, err := guard.ParseLimit(text)
		if err != nil {
			errs = append(errs, wording.Errorf("--%s %w", flag, err))
		}
		*to = n
	}
	set("half-hour", c.HalfHour, &r.HalfHour)
	set("day", c.Day, &r.Day)
	set("month", c.Month, &r.Month)
	set("recipients", c.Recipients, &r.Recipients)
	set("size", c.Size, &r.Size)
	if len(errs) > 0 {
		return r, &usageError{errors.Join(errs...)}
	}
	return r, nil
}

func (o *office) guard() *guard.Service {
	return node.NewGuard(o.config, o.store, o.ids, node.NewSystem(slog.New(slog.DiscardHandler)))
}

// tellAllowance prints a row for each counter that has a limit or counted something.
func (a *app) tellAllowance(w guard.Allowance) error {
	t := a.newTable("sent / limit", "name", "half hour", "day", "month", "recipients", "octets")
	row := func(scope model.LimitScope, name string, l model.Limits) {
		var s guard.Sent
		for _, have := range w.Sent {
			if have.Scope == scope && have.Name == name {
				s = have
			}
		}
		t.row(a.T(string(scope)), orDash(name), a.of(s.HalfHour, l.HalfHour), a.of(s.Day, l.Day), a.of(s.Month, l.Month), a.most(l.Recipients), a.most(l.Size))
	}
	row(model.ScopeAccount, "", w.Account)
	listed := map[string]bool{} // at most one a rule
	for _, r := range w.Rules {
		if r.Scope != model.ScopeAccount {
			row(r.Scope, r.Name, r.Limits)
			listed[string(r.Scope)+" "+r.Name] = true
		}
	}
	for _, s := range w.Sent { // counted by a rule for each name
		if s.Scope != model.ScopeAccount && !listed[string(s.Scope)+" "+s.Name] {
			row(s.Scope, s.Name, model.Limits{})
		}
	}
	return t.flush()
}

func (a *app) of(n, limit int64) string {
	return strconv.FormatInt(n, 10) + " / " + a.most(limit)
}

func (a *app) most(limit int64) string {
	if limit <= 0 {
		return "-"
	}
	return strconv.FormatInt(limit, 10)
}
