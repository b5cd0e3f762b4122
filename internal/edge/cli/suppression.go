package cli

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/flow/suppression"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

type suppressionCommand struct {
	List   suppressionList   `cmd:"" help:"List addresses that are not sent to, with reason and date."`
	Add    suppressionAdd    `cmd:"" help:"Put addresses on a list."`
	Remove suppressionRemove `cmd:"" help:"Take an address off the lists."`
	Import suppressionImport `cmd:"" help:"Read a file of addresses: CSV as export or Mailgun writes it, with any delimiter and charset, or JSON lines. Exit status 1 if a row cannot be used."`
	Export suppressionExport `cmd:"" help:"Write the lists of an account, or a part of them, as CSV or JSON lines."`
}

// whose says whose lists are meant.
type whose struct {
	Account  string `help:"Account whose lists are meant (default: the domain's)." placeholder:"NAME"`
	Domain   string `help:"Only the lists of this sender domain." placeholder:"DOMAIN"`
	Operator bool   `help:"The operator's own lists, which count for every account."`
}

// byOperator says in events and entries who changed a list.
const byOperator = "operator"

// find checks the flags against the store. domain is nil where none was named.
func (w *whose) find(ctx context.Context, a *app, o *office) (account model.AccountID, domain *model.Domain, err error) {
	switch {
	case w.Operator && w.Account+w.Domain != "":
		return 0, nil, &usageError{wording.Errorf("--operator goes with neither --account nor --domain: the operator's lists count for all")}
	case w.Operator:
		return 0, nil, nil
	case w.Account+w.Domain == "":
		return 0, nil, &usageError{wording.Errorf("say whose list: --account, --domain or --operator")}
	}
	if account, err = a.accountID(ctx, o, w.Account); err != nil || w.Domain == "" {
		return account, nil, err
	}
	d, err := o.onboard.Domain(ctx, w.Domain)
	if err != nil {
		return 0, nil, a.explain(err, "domain %q", w.Domain)
	}
	if w.Account != "" && d.Account != account {
		return 0, nil, wording.Errorf("domain %s is not of account %q", d.Name, w.Account)
	}
	return d.Account, &d, nil
}

// lists is the service over the office's store.
func (o *office) lists() *suppression.Service {
	return suppression.New(suppression.Config{Store: o.store, Clock: o.clock, IDs: o.ids, Log: slog.New(slog.DiscardHandler)})
}

// filter selects entries by flags, of which the empty ones select all.
func (w *whose) filter(ctx context.Context, a *app, o *office, kind, address string) (store.SuppressionFilter, error) {
	account, domain, err := w.find(ctx, a, o)
	f := store.SuppressionFilter{Account: account}
	if err != nil {
		return f, err
	}
	if domain != nil {
		f.Domain = &domain.ID
	}
	if kind != "" {
		if f.Kind, err = suppression.ParseKind(kind); err != nil {
			return f, &usageError{err}
		}
	}
	if address != "" {
		form := f.Kind
		if form == "" { // it may be on the allow list, which also has domains
			form = model.SuppressAllow
		}
		if f.Key, err = suppression.Key(form, address); err != nil {
			return f, &usageError{err}
		}
	}
	return f, nil
}

type suppressionList struct {
	whose
	Kind    string `help:"Only this list: bounce, unsubscribe, complaint or allow." placeholder:"LIST"`
	Address string `help:"Only this address." placeholder:"ADDRESS"`
	Limit   int    `help:"How many at most." default:"1000"`
}

func (c *suppressionList) Run(a *app) error {
	return a.withOffice(func(ctx context.Context, o *office) error {
		f, err := c.filter(ctx, a, o, c.Kind, c.Address)
		if err != nil {
			return err
		}
		t := a.listing("list", "address", "domain", "tag", "code", "reason", "count", "since")
		shown := 0
		err = o.lists().Each(ctx, f, func(_ model.Suppression, r suppression.Record) error {
			if shown++; shown > c.Limit {
				return errEnough
			}
			return t.item(r, a.T(r.Kind), printable(r.Address), orDash(r.Domain), orDash(printable(r.Tag)), orDash(r.Code), orDash(printable(r.Reason)), number(r.Count), when(r.CreatedAt))
		})
		if err != nil && err != errEnough {
			return err
		}
		return t.end()
	})
}

// errEnough ends a listing at its limit.
var errEnough = errors.New("enough")

type suppressionAdd struct {
	whose
	Addresses []string `arg:"" name:"address" help:"Addresses; for the allow list also domains."`
	Kind      string   `help:"List: bounce, unsubscribe, complaint or allow." required:"" placeholder:"LIST"`
	Tag       string   `help:"Unsubscribe from mail with this tag only." placeholder:"TAG"`
	Code      string   `help:"Reply code of SMTP." placeholder:"CODE"`
	Reason    string   `help:"Why, in words." placeholder:"TEXT"`
}

func (c *suppressionAdd) Run(a *app) error {
	return a.withOffice(func(ctx context.Context, o *office) error {
		account, domain, err := c.find(ctx, a, o)
		if err != nil {
			return err
		}
		l := suppression.List{Account: account}
		if domain != nil {
			l.Domain = domain.ID
		}
		var entries []model.Suppression
		for _, address := range c.Addresses {
			e, err := o.lists().Entry(l, suppression.Record{Kind: c.Kind, Address: address, Tag: c.Tag, Code: c.Code, Reason: c.Reason, Source: byOperator})
			if err != nil {
				return &usageError{err}
			}
			entries = append(entries, e)
		}
		added, err := o.lists().Add(ctx, entries)
		if err != nil {
			return err
		}
		spared := len(entries) - added
		if spared > 0 && !a.json {
			a.say("%d on the allow list, and not added", spared)
		}
		return a.done(map[string]int{"added": added, "allowed": spared}, "%d added", added)
	})
}

type suppressionRemove struct {
	whose
	Address string `arg:"" optional:"" help:"Address; for the allow list also a domain."`
	All     bool   `help:"Every address of the list."`
	Kind    string `help:"Only from this list (default: from all but the allow list)." placeholder:"LIST"`
	Tag     string `help:"Only the unsubscription from mail with this tag; * is that from all mail." placeholder:"TAG"`
}

func (c *suppressionRemove) Run(a *app) error {
	switch {
	case (c.Address == "") != c.All:
		return &usageError{wording.Errorf("give an address, or --all")}
	case c.All && c.Kind == "":
		return &usageError{wording.Errorf("--all empties one list; say which with --kind")}
	}
	return a.withOffice(func(ctx context.Context, o *office) error {
		f, err := c.filter(ctx, a, o, c.Kind, c.Address)
		if err != nil {
			return err
		}
		if c.Tag != "" {
			f.Tag = new(string)
			if c.Tag != "*" {
				*f.Tag = c.Tag
			}
		}
		kinds := suppression.Kinds()[:3] // without the allow list
		if f.Kind != "" {
			kinds = []model.SuppressionKind{f.Kind}
		}
		removed := 0
		for _, f.Kind = range kinds {
			n, err := o.lists().Remove(ctx, f, byOperator)
			removed += n
			if err != nil {
				return err
			}
		}
		if removed == 0 && c.Address != "" {
			return wording.Errorf("%s is on none of these lists; suppression list --address shows where it is", c.Address)
		}
		return a.done(map[string]int{"removed": removed}, "%d removed", removed)
	})
}

// rate is how many a second.
func rate(n int, began time.Time) float64 { return float64(n) / max(time.Since(began).Seconds(), 1e-3) }
