package cli

import (
	"context"

	"github.com/budkavle/budkavle/internal/flow/digest"
	"github.com/budkavle/budkavle/internal/model"
)

type accountNotify struct {
	Name    string `arg:"" help:"Name of the account."`
	DSN     string `name:"dsn" help:"Reports on bulk mail that failed, to the systems that sent it by SMTP: on or off. On other mail they are sent always." enum:"on,off,unchanged" default:"unchanged" placeholder:"on|off"`
	Digest  string `help:"The daily letter to the contact: on or off." enum:"on,off,unchanged" default:"unchanged" placeholder:"on|off"`
	Replies string `help:"Answers that come to the return paths of personal mail: forward to its sender, or drop." enum:"forward,drop,unchanged" default:"unchanged" placeholder:"forward|drop"`
}

// Run changes what is given and shows what holds.
func (c *accountNotify) Run(a *app) error {
	return a.withOffice(func(ctx context.Context, o *office) error {
		acc, err := o.store.Account(ctx, c.Name)
		if err != nil {
			return a.explain(err, "account %q", c.Name)
		}
		q := acc.Quiet
		for _, set := range []struct {
			quiet     *bool
			word, off string
		}{{&q.BulkDSN, c.DSN, "off"}, {&q.Digest, c.Digest, "off"}, {&q.Replies, c.Replies, "drop"}} {
			if set.word != "unchanged" {
				*set.quiet = set.word == set.off
			}
		}
		if q != acc.Quiet {
			if err := o.store.SetAccountQuiet(ctx, acc.ID, q); err != nil {
				return a.explain(err, "account %q", c.Name)
			}
			acc.Quiet = q
		}
		if a.json {
			return a.printJSON(acc)
		}
		a.tellQuiet(&acc)
		return nil
	})
}

// tellQuiet says who is told what.
func (a *app) tellQuiet(acc *model.Account) {
	a.say("Reports on bulk mail that failed, by SMTP: %s", a.yesNo(!acc.Quiet.BulkDSN))
	if acc.Contact == "" {
		a.say("Daily letter: no, the account has no contact. Name one with: budkavle account contact %s ADDRESS", acc.Name)
	} else {
		a.say("Daily letter to %s: %s", acc.Contact, a.yesNo(!acc.Quiet.Digest))
	}
	a.say("Answers to personal mail are forwarded to its sender: %s", a.yesNo(!acc.Quiet.Replies))
}

type accountDigest struct {
	Name string `arg:"" help:"Name of the account."`
	Day  string `help:"The day, such as 2026-11-24; none: yesterday." placeholder:"DAY"`
}

// Run shows the letter of a day, whether or not it was or will be sent.
func (c *accountDigest) Run(a *app) error {
	return a.withOffice(func(ctx context.Context, o *office) error {
		zone := o.config.Feedback.Location()
		day := digest.DayOf(o.clock.Now().In(zone).AddDate(0, 0, -1))
		if c.Day != "" {
			var err error
			if day, err = digest.ParseDay(c.Day); err != nil {
				return &usageError{err}
			}
		}
		acc, err := o.store.Account(ctx, c.Name)
		if err != nil {
			return a.explain(err, "account %q", c.Name)
		}
		d, err := digest.New(digest.Config{Store: o.store, Clock: o.clock, Location: zone, Hour: o.config.Feedback.DigestHour}).Of(ctx, &acc, day)
		if err != nil {
			return a.explain(err, "account %q", c.Name)
		}
		if a.json {
			return a.printJSON(d)
		}
		if !d.Urgent() {
			a.say("Nothing happened that a person has to know of: no letter is sent about this day.")
		}
		subject, text := d.Letter()
		a.say("Subject: %s", subject)
		_, err = a.Out.Write([]byte("\n" + text))
		return err
	})
}
