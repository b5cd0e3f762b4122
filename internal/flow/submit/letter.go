package submit

import (
	"context"
	"net/mail"

	"github.com/budkavle/budkavle/internal/engine/compose"
	"github.com/budkavle/budkavle/internal/model"
)

// WriteLetter queues a letter. Automatic answers to it are not asked for (RFC 3834 5).
func (s *Service) WriteLetter(ctx context.Context, l model.Letter) error {
	account, err := s.Directory.Account(ctx, l.Domain.Account)
	if err != nil {
		return storeFault(err)
	}
	from := "postmaster@" + l.Domain.Name // RFC 5321 4.5.1: somebody reads it
	t, err := s.Begin(ctx, Principal{Account: account, Origin: model.OriginSystem}, Envelope{Sender: from, Recipients: []Recipient{{Address: l.To}}},
		Options{Domain: &l.Domain, Requested: l.Requested})
	if err != nil {
		return err
	}
	defer t.Abort()
	err = compose.Build(t, &compose.Content{
		From: &mail.Address{Name: l.Domain.Name, Address: from}, To: []*mail.Address{{Address: l.To}}, Subject: l.Subject, Text: l.Text,
		Header: []compose.HeaderField{{Name: "Auto-Submitted", Value: "auto-generated"}},
	})
	if err != nil {
		return err
	}
	_, err = t.Commit(ctx)
	return err
}
