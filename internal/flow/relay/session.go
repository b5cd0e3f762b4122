package relay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/mail"
	"time"

	"github.com/budkavle/budkavle/internal/engine/compose"
	"github.com/budkavle/budkavle/internal/engine/outbound"
	"github.com/budkavle/budkavle/internal/engine/route"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// maxTried bounds the addresses that are dialled.
const maxTried = 3

func (s *Service) connect(ctx context.Context, plan *route.Plan) (session *outbound.Session, err error) {
	err = &outbound.Error{Stage: outbound.StageConnect, Err: smtp.Errorf(451, "4.4.4", "no address in the family that is sent from")}
	for _, c := range plan.Candidates(s.Source, maxTried) {
		target := outbound.Target{Host: c.Host, Addr: c.Addr, Source: s.Source, Helo: s.Helo, TLS: plan.TLS}
		if a := plan.Auth; a != nil {
			target.Auth = &outbound.Auth{Username: a.Username, Password: a.Password}
		}
		if session, err = s.Connector.Connect(ctx, target); err == nil {
			return session, nil
		}
		var fault *outbound.Error
		if errors.As(err, &fault) && fault.Stage != outbound.StageConnect {
			return nil, err // it answered: another address would say the same, and a wrong password counts there
		}
	}
	return nil, err
}

func (s *Service) ask(ctx context.Context, session *outbound.Session, t *Trial) error {
	reply, err := session.AskFrom(ctx, t.From, t.To)
	if err == nil && reply.Code >= 400 {
		err = &outbound.Error{Stage: outbound.StageRcpt, Reply: reply, Err: smtp.Errorf(reply.Code, reply.Enhanced, "%s", reply.Text)}
	}
	return err
}

// send sends the letter.
func (s *Service) send(ctx context.Context, session *outbound.Session, t *Trial) error {
	now := s.Clock.Now()
	var raw bytes.Buffer
	fmt.Fprintf(&raw, "Date: %s\r\nMessage-ID: <%s@%s>\r\n", now.Format(time.RFC1123Z), s.IDs.Next(), s.Helo)
	if err := compose.Build(&raw, &compose.Content{
		From: &mail.Address{Name: "Budkavle", Address: t.From}, To: []*mail.Address{{Address: t.To}}, Subject: "Budkavle: prov av er SMTP-server / test of your SMTP server",
		Text:   "Det här brevet sändes genom er egen SMTP-server. Allt fungerar.\n\n--\n\nThis letter was sent by your own SMTP server. All is well.\n",
		Header: []compose.HeaderField{{Name: "Auto-Submitted", Value: "auto-generated"}}, // RFC 3834 5
	}); err != nil {
		return err
	}
	results := session.Send(ctx, &outbound.Mail{From: t.From, Raw: raw.Bytes(), Recipients: []outbound.Recipient{{Address: t.To, Notify: model.NotifyNever}}})
	if fault := results.Recipients[0].Err; fault != nil {
		return fault
	}
	return nil
}
