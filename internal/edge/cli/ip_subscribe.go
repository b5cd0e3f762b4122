package cli

import (
	"context"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/flow/addresses"
	"github.com/budkavle/budkavle/internal/model"
)

type ipSubscribe struct {
	Mail     string `help:"Mail address to write to." placeholder:"ADDRESS" xor:"target"`
	URL      string `name:"url" help:"URL to call." placeholder:"URL" xor:"target"`
	Language string `help:"Language of letters: sv or en." default:"sv" enum:"sv,en"`
}

func (c *ipSubscribe) Run(a *app) error {
	kind, target := model.SubscriberMail, c.Mail
	if c.URL != "" {
		kind, target = model.SubscriberURL, c.URL
	}
	if target == "" {
		return &usageError{wording.Errorf("say who is told: --mail ADDRESS or --url URL")}
	}
	return a.withAddresses(func(ctx context.Context, _ *office, s *addresses.Service) error {
		u, secret, err := s.Subscribe(ctx, kind, target, c.Language)
		if err != nil {
			return a.explain(err, "subscriber %s", target)
		}
		if kind == model.SubscriberMail {
			return a.done(u, "%s is told by mail when the addresses change.", u.Target)
		}
		if a.json {
			return a.printJSON(struct {
				model.Subscriber
				Secret string `json:"secret"`
			}{u, secret})
		}
		a.say("%s is called when the addresses change.", u.Target)
		a.say("Secret of the signatures, shown this once: %s", secret)
		return nil
	})
}

type ipSubscribers struct{}

func (c *ipSubscribers) Run(a *app) error {
	return a.withAddresses(func(ctx context.Context, o *office, _ *addresses.Service) error {
		list, err := o.store.ListSubscribers(ctx)
		if err != nil {
			return err
		}
		last, err := o.store.LastAnnouncement(ctx)
		if err != nil {
			return err
		}
		t := a.listing("subscriber", "language", "added", "not told yet", "failed attempts", "last failure")
		for _, u := range list {
			err := t.item(u, u.Target, u.Language, when(u.CreatedAt), number(int(last.Number-u.Told)), number(u.Attempts), orDash(u.Failure))
			if err != nil {
				return err
			}
		}
		return t.end()
	})
}

type ipUnsubscribe struct {
	Target string `arg:"" help:"Mail address or URL."`
}

func (c *ipUnsubscribe) Run(a *app) error {
	return a.withAddresses(func(ctx context.Context, _ *office, s *addresses.Service) error {
		if err := s.Unsubscribe(ctx, c.Target); err != nil {
			return a.explain(err, "subscriber %s", c.Target)
		}
		return a.done(map[string]string{"removed": c.Target}, "%s is told no longer.", c.Target)
	})
}
