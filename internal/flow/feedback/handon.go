package feedback

import (
	"bytes"
	"context"

	"github.com/budkavle/budkavle/internal/engine/compose"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/address"
	"github.com/budkavle/budkavle/internal/standard/message"
	"github.com/budkavle/budkavle/internal/store"
)

// handOn queues an answer for the sender of the message, with its event in the same commit. Its octets stay as they are below
// two fields of trace, so that its own DKIM signature holds; its envelope sender is null, so that nothing comes back.
func (s *Service) handOn(ctx context.Context, a *arrival, m *model.Message, to address.Address, ev model.Event) error {
	now, id := s.Clock.Now(), s.IDs.Next()
	trace := compose.Trace{Origin: model.OriginSMTP, Helo: a.helo, Client: a.client, Hostname: s.Hostname, ID: id, For: to.String(), At: now}
	path := s.Paths.Make(model.RecipientKey{Message: m.ID, N: ev.N}, ev.Recipient == "", "")
	raw := bytes.Join([][]byte{trace.Received(), []byte("Delivered-To: " + path + "\r\n"), a.raw}, nil)
	sub := store.Submission{
		// It belongs to the account, whose share it uses, and to none of its sender domains: nobody is billed for answers.
		Message: model.Message{
			ID: id, Account: m.Account, DomainName: s.Paths.Domain(), Class: model.ClassTransactional, Origin: model.OriginSystem, Size: int64(len(raw)),
			UTF8: to.UTF8, EightBit: bytes.ContainsFunc(raw, func(c rune) bool { return c >= 0x80 }), AcceptedAt: now, ExpiresAt: now.Add(s.Expire),
			Meta: model.Meta{MessageID: a.messageID(), Subject: message.Decode(a.header.Get("subject")), From: message.Decode(a.header.Get("from")), To: to.String()},
		},
		Raw: raw,
		Recipients: []model.Recipient{{
			RecipientKey: model.RecipientKey{Message: id}, Lane: model.Lane{Domain: to.Domain, Class: model.ClassTransactional, Account: m.Account},
			Address: to.String(), State: model.StateWaiting, Due: now, Notify: model.NotifyNever,
		}},
		Events: []model.Event{
			ev, {ID: s.IDs.Next(), Kind: model.EventAccepted, At: now, Account: m.Account, Message: id, Recipient: to.String()},
		},
	}
	if err := s.Store.Accept(ctx, []store.Submission{sub}, nil); err != nil {
		return err
	}
	s.Queue.Accepted(&sub.Message, raw, sub.Recipients)
	return nil
}

func (a *arrival) messageID() string {
	id := a.header.Get("message-id")
	if n := len(id); n > 2 && id[0] == '<' && id[n-1] == '>' {
		return id[1 : n-1]
	}
	return id
}
