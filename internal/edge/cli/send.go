package cli

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/wneessen/go-mail"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/flow/submit"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/node"
	"github.com/budkavle/budkavle/internal/store"
)

type sendCommand struct {
	From    string   `help:"Sender; its domain decides the account." required:""`
	To      []string `help:"Recipients." required:""`
	Subject string   `help:"Subject."`
	File    string   `arg:"" optional:"" help:"Text of the message (default: standard input)."`
}

// maxSendText is the longest text this command takes; larger mail goes by SMTP or HTTP.
const maxSendText = 10 << 20

func (c *sendCommand) Run(a *app) error {
	text, err := c.text(a)
	if err != nil {
		return err
	}
	return a.withOffice(func(ctx context.Context, o *office) error {
		receipt, err := c.submit(ctx, a, o, text)
		if err != nil {
			return err
		}
		if err := o.store.Signal(ctx, store.SignalQueue); err != nil {
			return err
		}
		return a.done(map[string]string{"message": receipt.ID.String(), "id": receipt.MessageID},
			"Queued as %s. Its story: budkavle queue show %s", receipt.ID, receipt.ID)
	})
}

// submit queues the message as the account that has the sender's domain.
func (c *sendCommand) submit(ctx context.Context, a *app, o *office, text string) (submit.Receipt, error) {
	m := mail.NewMsg(mail.WithNoDefaultUserAgent())
	m.Subject(c.Subject)
	m.SetBodyString(mail.TypeTextPlain, text)
	if err := errors.Join(m.From(c.From), m.To(c.To...)); err != nil {
		return submit.Receipt{}, &usageError{err}
	}
	sender := m.GetFrom()[0].Address
	_, domain, _ := strings.Cut(sender, "@")
	d, err := o.store.Domain(ctx, strings.ToLower(domain))
	if err != nil {
		return submit.Receipt{}, a.explain(err, "domain %q", domain)
	}
	m.SetMessageIDWithValue(o.ids.Next().String() + "@" + d.Name) // the library would name this machine
	account, err := o.store.AccountByID(ctx, d.Account)
	if err != nil {
		return submit.Receipt{}, err
	}
	sys := node.NewSystem(slog.New(slog.DiscardHandler))
	envelope := submit.Envelope{Sender: sender}
	for _, to := range m.GetTo() {
		envelope.Recipients = append(envelope.Recipients, submit.Recipient{Address: to.Address})
	}
	t, err := node.NewSubmission(o.config, o.store, o.ring, o.ids, sys).
		Begin(ctx, submit.Principal{Account: account, Origin: model.OriginCLI}, envelope, submit.Options{})
	if err != nil {
		return submit.Receipt{}, err
	}
	defer t.Abort()
	if _, err := m.WriteTo(t); err != nil {
		return submit.Receipt{}, err
	}
	return t.Commit(ctx)
}

func (c *sendCommand) text(a *app) (string, error) {
	in := a.In
	if c.File != "" && c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return "", wording.Errorf("text of the message: %w", err)
		}
		defer f.Close()
		in = f
	}
	var b strings.Builder
	n, err := io.Copy(&b, io.LimitReader(in, maxSendText+1))
	if err != nil {
		return "", wording.Errorf("text of the message: %w", err)
	}
	if n > maxSendText {
		return "", wording.Errorf("the text is over %d octets; send it by SMTP or HTTP", maxSendText)
	}
	return b.String(), nil
}
