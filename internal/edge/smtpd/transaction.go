package smtpd

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/flow/submit"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// transaction is one message on its way, from MAIL to the end of its text. The zero value is none.
type transaction struct {
	open      bool
	envelope  submit.Envelope
	startedAt time.Time
	surplus   int   // recipients over the limit
	body      *body // DATA or BDAT is under way
}

// reset ends the transaction (RFC 5321 4.1.1.5).
func (s *session) reset() {
	if s.body != nil {
		s.body.abort()
	}
	s.transaction = transaction{}
}

// mailFrom is MAIL (RFC 5321 4.1.1.2).
func (s *session) mailFrom(rest string) {
	err := s.mayBegin()
	if err != nil {
		s.refuse(err)
		return
	}
	path, err := smtp.ParsePath(rest, "FROM")
	if err == nil {
		err = s.mailParams(path.Params)
	}
	if err == nil {
		err = s.server.DiskCheck()
		if err != nil {
			err = smtp.Wrap(err, 421, "4.3.1", "Out of room for mail now, try again later")
		}
	}
	if err == nil {
		err = s.server.Handler.Mail(s.context(), &s.peer, path.Mailbox)
	}
	s.envelope.Sender = path.Mailbox
	if err != nil {
		s.refuse(err)
		s.reset()
		return
	}
	s.open, s.startedAt = true, s.now()
	s.reply(250, "2.1.0", "Ok")
}

// context ends when the server gives up its sessions.
func (s *session) context() context.Context { return s.server.group.Context() }

func (s *session) mayBegin() error {
	switch {
	case s.peer.Helo == "":
		return smtp.Errorf(503, "5.5.1", "Say EHLO first")
	case s.open:
		return smtp.Errorf(503, "5.5.1", "A transaction is open; finish it or say RSET")
	case s.server.group.IsDraining():
		return smtp.Errorf(421, "4.3.2", shuttingDown)
	}
	return nil
}

func (s *session) mailParams(params []smtp.Param) error {
	for _, p := range params {
		switch p.Key {
		case "SIZE": // RFC 1870; a number that does not fit is too large as well
			n, err := strconv.ParseUint(p.Value, 10, 64)
			if err != nil && !errors.Is(err, strconv.ErrRange) {
				return smtp.Errorf(501, "5.5.4", "SIZE=%.20s is not a number of octets", p.Value)
			}
			if n > uint64(s.server.MaxSize) {
				return tooLarge(s.server.MaxSize)
			}
			s.envelope.Size = int64(n)
		case "BODY": // RFC 6152; BINARYMIME is not offered
			if v := strings.ToUpper(p.Value); v != "7BIT" && v != "8BITMIME" {
				return smtp.Errorf(501, "5.5.4", "BODY=%.20s is not offered; use 7BIT or 8BITMIME", p.Value)
			}
		case "SMTPUTF8": // RFC 6531 3.4
			if p.Value != "" {
				return smtp.Errorf(501, "5.5.4", "SMTPUTF8 takes no value")
			}
			s.envelope.UTF8 = true
		case "RET": // RFC 3461 4.3
			r := model.DSNReturn(strings.ToUpper(p.Value))
			if r != model.ReturnFull && r != model.ReturnHeaders {
				return smtp.Errorf(501, "5.5.4", "RET=%.20s is neither FULL nor HDRS", p.Value)
			}
			s.envelope.Return = r
		case "ENVID": // RFC 3461 4.4
			id, err := smtp.DecodeXtext(p.Value)
			if err != nil || len(p.Value) > 100 {
				return smtp.Errorf(501, "5.5.4", "ENVID is not xtext of at most 100 printable characters")
			}
			s.envelope.EnvelopeID = id
		case "AUTH": // RFC 4954 5: who first submitted it; nobody here asks
		default:
			return smtp.Errorf(555, "5.5.4", "The parameter %.30s of MAIL is not known", p.Key)
		}
	}
	return nil
}

// rcptTo is RCPT (RFC 5321 4.1.1.3).
func (s *session) rcptTo(rest string) {
	if err := s.mayAddress(); err != nil {
		s.refuse(err)
		return
	}
	if len(s.envelope.Recipients) >= s.server.MaxRecipients {
		s.tooManyRecipients()
		return
	}
	path, err := smtp.ParsePath(rest, "TO")
	r := submit.Recipient{Address: path.Mailbox}
	if err == nil {
		err = rcptParams(&r, path.Params)
	}
	if err == nil {
		err = s.server.Handler.Rcpt(s.context(), &s.peer, path.Mailbox)
	}
	if err != nil {
		s.refuse(err)
		return
	}
	s.envelope.Recipients = append(s.envelope.Recipients, r)
	s.fruitless--
	s.reply(250, "2.1.5", "Ok")
}

func (s *session) mayAddress() error {
	switch {
	case !s.open:
		return smtp.Errorf(503, "5.5.1", "Say MAIL first")
	case s.body != nil:
		return bdatUnderWay()
	}
	return nil
}

// maxSurplus is how many times the allowed recipients a client may name in vain before it is cut off.
const maxSurplus = 20

// tooManyRecipients lets the client go on with those it has, and send the message again for the rest (RFC 5321 4.5.3.1.10).
func (s *session) tooManyRecipients() {
	if s.surplus++; s.surplus > maxSurplus*s.server.MaxRecipients {
		s.refuse(smtp.Errorf(421, "4.5.3", "Far too many recipients, goodbye"))
		return
	}
	s.fruitless--
	s.reply(452, "4.5.3", "Too many recipients; send the message again for the rest")
}

func rcptParams(r *submit.Recipient, params []smtp.Param) error {
	for _, p := range params {
		var err error
		switch p.Key {
		case "NOTIFY": // RFC 3461 4.1
			r.Notify, err = parseNotify(p.Value)
		case "ORCPT": // RFC 3461 4.2; kept as it came, for the next server
			_, _, err = smtp.ParseORcpt(p.Value)
			r.ORcpt = p.Value
		default:
			err = smtp.Errorf(555, "5.5.4", "The parameter %.30s of RCPT is not known", p.Key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func parseNotify(value string) (model.Notify, error) {
	var n model.Notify
	for word := range strings.SplitSeq(strings.ToUpper(value), ",") {
		switch word {
		case "NEVER":
			n |= model.NotifyNever
		case "SUCCESS":
			n |= model.NotifySuccess
		case "FAILURE":
			n |= model.NotifyFailure
		case "DELAY":
			n |= model.NotifyDelay
		default:
			return 0, smtp.Errorf(501, "5.5.4", "NOTIFY=%.40s has a word that is not NEVER, SUCCESS, FAILURE or DELAY", value)
		}
	}
	if n&model.NotifyNever != 0 && n != model.NotifyNever {
		return 0, smtp.Errorf(501, "5.5.4", "NOTIFY=NEVER stands alone")
	}
	return n, nil
}
