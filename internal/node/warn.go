package node

import (
	"bytes"
	"context"
	"fmt"
	"net/mail"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/engine/compose"
	"github.com/budkavle/budkavle/internal/flow/onboard"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/address"
	"github.com/budkavle/budkavle/internal/store"
)

// warnings writes to the owners of domains: as the bounce domain, since the owner's own may be what is broken, and from the
// null sender, so that nothing answers.
type warnings struct {
	store  store.Store
	ids    *ident.Source
	clock  clock.Clock
	domain string        // the bounce domain
	expire time.Duration // a letter is given up this long after it was queued
}

var _ onboard.Notifier = (*warnings)(nil)

// Warn implements onboard.Notifier.
func (w *warnings) Warn(ctx context.Context, account model.Account, l onboard.Letter) error {
	to, err := address.Parse(account.Contact)
	if err != nil {
		return err
	}
	now, id := w.clock.Now(), w.ids.Next()
	m := model.Message{
		ID: id, Account: account.ID, DomainName: w.domain, Class: model.ClassTransactional, Origin: model.OriginSystem, UTF8: to.UTF8,
		AcceptedAt: now, ExpiresAt: now.Add(w.expire),
		Meta: model.Meta{MessageID: id.String() + "@" + w.domain, Subject: l.Subject, From: "postmaster@" + w.domain, To: to.String()},
	}
	var raw bytes.Buffer
	fmt.Fprintf(&raw, "Date: %s\r\nMessage-ID: <%s>\r\n", now.Format(time.RFC1123Z), m.Meta.MessageID)
	if err := compose.Build(&raw, &compose.Content{
		From: &mail.Address{Name: "Budkavle", Address: m.Meta.From}, To: []*mail.Address{{Address: m.Meta.To}}, Subject: l.Subject, Text: l.Text,
		Header: []compose.HeaderField{{Name: "Auto-Submitted", Value: "auto-generated"}}, // RFC 3834 5
	}); err != nil {
		return err
	}
	m.Size = int64(raw.Len())
	err = w.store.Accept(ctx, []store.Submission{{
		Message: m, Raw: raw.Bytes(),
		Recipients: []model.Recipient{{
			RecipientKey: model.RecipientKey{Message: id}, Lane: model.Lane{Domain: to.Domain, Class: m.Class, Account: m.Account},
			Address: to.String(), State: model.StateWaiting, Due: now, Notify: model.NotifyNever,
		}},
		Events: []model.Event{{ID: w.ids.Next(), Kind: model.EventAccepted, At: now, Account: m.Account, Message: id, Recipient: to.String()}},
	}}, nil)
	if err != nil {
		return err
	}
	return w.store.Signal(ctx, store.SignalQueue)
}
