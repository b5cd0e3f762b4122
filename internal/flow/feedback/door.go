package feedback

import (
	"context"
	"strings"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/address"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// CheckRecipient says whether mail to the address is for us. No person reads mail at the bounce domain, postmaster included
// (docs/decisions/0007).
func (s *Service) CheckRecipient(_ context.Context, mailbox string) error {
	_, err := s.path(mailbox)
	return err
}

// path is a return path as RCPT names it, or a mailbox.
type path struct {
	key     model.RecipientKey
	all     bool
	mailbox string // its address; empty: a return path
}

func (s *Service) path(mailbox string) (p path, err error) {
	if strings.EqualFold(mailbox, "postmaster") { // RFC 5321 4.1.1.3: needs no domain
		return p, smtp.Errorf(550, "5.1.1", "Nobody reads mail here; write to the postmaster of the domain whose mail you ask about")
	}
	a, err := address.Parse(mailbox)
	if err != nil {
		return p, smtp.Wrap(err, 553, "5.1.3", "The recipient "+err.Error())
	}
	if name := strings.ToLower(a.Local) + "@" + a.Domain; s.mailboxes[name] != nil {
		return path{mailbox: name}, nil
	}
	// Sender domains have bounce domains of their own that lead here. Which they are need not be known: the key has signed
	// the local part.
	p.key, p.all, err = s.Paths.Parse(a.Local)
	switch {
	case err != nil && a.Domain != s.Paths.Domain():
		return p, smtp.Errorf(550, "5.7.1", "This server takes only mail that comes back to %s and relays none", s.Paths.Domain())
	case err != nil:
		return p, smtp.Wrap(err, 550, "5.1.1", "There is no such mailbox; this domain takes only reports about mail it sent")
	}
	return p, nil
}
