package smtpd

import (
	"errors"
	"io"
	"net"
	"strconv"
	"strings"

	"github.com/budkavle/budkavle/internal/flow/submit"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// mailFrom is MAIL (RFC 5321 4.1.1.2).
func (s *session) mailFrom(rest string) {
	switch {
	case !s.greeted:
		s.refuse(smtp.Errorf(503, "5.5.1", "Say EHLO first"))
		return
	case s.mail:
		s.refuse(smtp.Errorf(503, "5.5.1", "A transaction is open; finish it or say RSET"))
		return
	case s.server.group.IsDraining():
		s.end(421, "4.3.2", "This server is shutting down, try again later")
		return
	}
	path, err := smtp.ParsePath(rest, "FROM")
	if err == nil {
		err = s.mailParams(path.Params)
	}
	if err == nil {
		if derr := s.server.DiskCheck(); derr != nil {
			err = smtp.Wrap(derr, 421, "4.3.1", "Out of room for mail now, try again later")
		}
	}
	if err == nil {
		err = s.server.Handler.Mail(s.ctx, &s.peer, path.Mailbox)
	}
	if err != nil {
		s.reset()
		s.refuse(err)
		return
	}
	s.mail, s.envelope.Sender, s.startedAt = true, path.Mailbox, s.now()
	s.reply(250, "2.1.0", "Ok")
}

func (s *session) mailParams(params []smtp.Param) error {
	for _, p := range params {
		switch p.Key {
		case "SIZE": // RFC 1870
			n, err := strconv.ParseInt(p.Value, 10, 64)
			if err != nil || n < 0 {
				return smtp.Errorf(501, "5.5.4", "SIZE=%.20s is not a number of octets", p.Value)
			}
			if n > s.server.MaxSize {
				return tooLarge(s.server.MaxSize)
			}
			s.envelope.Size = n
		case "BODY": // RFC 6152; BINARYMIME is not offered
			if v := strings.ToUpper(p.Value); v != "7BIT" && v != "8BITMIME" {
				return smtp.Errorf(501, "5.5.4", "BODY=%.20s is not offered; use 7BIT or 8BITMIME", p.Value)
			}
		case "SMTPUTF8": // RFC 6531
			s.envelope.UTF8 = true
		case "RET": // RFC 3461 4.3
			r := model.DSNReturn(strings.ToUpper(p.Value))
			if r != model.ReturnFull && r != model.ReturnHeaders {
				return smtp.Errorf(501, "5.5.4", "RET=%.20s is neither FULL nor HDRS", p.Value)
			}
			s.envelope.Return = r
		case "ENVID": // RFC 3461 4.4
			id, err := smtp.DecodeXtext(p.Value)
			if err != nil || len(id) > 100 {
				return smtp.Errorf(501, "5.5.4", "ENVID is not xtext of at most 100 characters")
			}
			s.envelope.EnvelopeID = id
		case "AUTH": // RFC 4954 5: who first submitted it; nobody here asks
		default:
			return smtp.Errorf(555, "5.5.4", "The parameter %.30s of MAIL is not known", p.Key)
		}
	}
	return nil
}

func tooLarge(limit int64) *smtp.Error {
	return smtp.Errorf(552, "5.3.4", "The message is larger than %d octets, the most this server takes", limit)
}

// rcptTo is RCPT (RFC 5321 4.1.1.3).
func (s *session) rcptTo(rest string) {
	if !s.mail {
		s.refuse(smtp.Errorf(503, "5.5.1", "Say MAIL first"))
		return
	}
	// RFC 5321 4.5.3.1.10: the client sends the rest in another transaction.
	if len(s.envelope.Recipients) >= s.server.MaxRecipients {
		s.reply(452, "4.5.3", "Too many recipients; send the message again for the rest")
		return
	}
	path, err := smtp.ParsePath(rest, "TO")
	r := submit.Recipient{Address: path.Mailbox}
	if err == nil {
		err = rcptParams(&r, path.Params)
	}
	if err == nil {
		err = s.server.Handler.Rcpt(s.ctx, &s.peer, path.Mailbox)
	}
	if err != nil {
		s.refuse(err)
		return
	}
	s.envelope.Recipients = append(s.envelope.Recipients, r)
	s.reply(250, "2.1.5", "Ok")
}

func rcptParams(r *submit.Recipient, params []smtp.Param) error {
	for _, p := range params {
		switch p.Key {
		case "NOTIFY": // RFC 3461 4.1
			n, err := parseNotify(p.Value)
			if err != nil {
				return err
			}
			r.Notify = n
		case "ORCPT": // RFC 3461 4.2
			kind, addr, ok := strings.Cut(p.Value, ";")
			text, err := smtp.DecodeXtext(addr)
			if !ok || err != nil || len(p.Value) > 500 {
				return smtp.Errorf(501, "5.5.4", "ORCPT is not TYPE;ADDRESS in xtext")
			}
			r.ORcpt = kind + ";" + text
		default:
			return smtp.Errorf(555, "5.5.4", "The parameter %.30s of RCPT is not known", p.Key)
		}
	}
	return nil
}

func parseNotify(value string) (model.Notify, error) {
	var n model.Notify
	for _, word := range strings.Split(strings.ToUpper(value), ",") {
		bit, ok := map[string]model.Notify{
			"NEVER": model.NotifyNever, "SUCCESS": model.NotifySuccess, "FAILURE": model.NotifyFailure, "DELAY": model.NotifyDelay,
		}[word]
		if !ok {
			return 0, smtp.Errorf(501, "5.5.4", "NOTIFY=%.40s has a word that is not NEVER, SUCCESS, FAILURE or DELAY", value)
		}
		n |= bit
	}
	if n&model.NotifyNever != 0 && n != model.NotifyNever {
		return 0, smtp.Errorf(501, "5.5.4", "NOTIFY=NEVER stands alone")
	}
	return n, nil
}

// ready wants a transaction with recipients.
func (s *session) ready() error {
	switch {
	case !s.mail:
		return smtp.Errorf(503, "5.5.1", "Say MAIL first")
	case len(s.envelope.Recipients) == 0:
		return smtp.Errorf(503, "5.5.1", "No recipient was accepted")
	}
	return nil
}

// dataText is DATA (RFC 5321 4.1.1.4).
func (s *session) dataText(rest string) {
	err := s.ready()
	if err == nil && rest != "" {
		err = smtp.Errorf(501, "5.5.4", "DATA takes no parameters")
	}
	if err != nil {
		s.refuse(err)
		return
	}
	m, err := s.server.Handler.Begin(s.ctx, &s.peer, s.envelope, s.startedAt)
	if err != nil {
		s.reset()
		s.refuse(err)
		return
	}
	defer m.Abort()
	s.reply(354, "", "End data with <CR><LF>.<CR><LF>")
	if !s.flush() {
		s.ending = true
		return
	}
	s.beginData()
	refusal, err := s.receive(m)
	if err != nil {
		s.lost(err)
		s.ending = true
		return
	}
	s.finish(m, refusal)
}

// receive reads a message to its true end, whatever is wrong with it, so that none of it is taken for commands. One
// that is far too large is cut off.
func (s *session) receive(m Message) (refusal, err error) {
	reader, octets := smtp.NewDataReader(s.buf.r), int64(0)
	for {
		piece, err := reader.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		octets += int64(len(piece))
		switch {
		case refusal == nil && octets > s.server.MaxSize:
			refusal = tooLarge(s.server.MaxSize)
		case octets > 2*s.server.MaxSize+1<<20:
			s.end(421, "4.3.4", "The message is far larger than this server takes, goodbye")
			return nil, errFarTooLarge
		case refusal == nil:
			_, refusal = m.Write(piece)
		}
	}
	if reader.Bare() {
		refusal = smtp.Errorf(550, "5.6.11", "The message has a CR or LF that stands alone; end every line with CRLF (RFC 5321 2.3.8)")
	}
	return refusal, nil
}

var errFarTooLarge = errors.New("message far too large")

// finish commits or refuses, and ends the transaction.
func (s *session) finish(m Message, refusal error) {
	var text string
	if refusal == nil {
		text, refusal = m.Commit(s.ctx)
	}
	s.reset()
	if refusal != nil {
		e := smtp.AsError(refusal)
		s.server.Log.Info("rejected", "server", s.server.Name, "client", s.client, "reply", e.Code, "enhanced", e.Enhanced, "text", e.Text)
		s.refuse(refusal)
		return
	}
	s.idle = 0
	s.reply(250, "2.0.0", text)
}

func isConnectionFault(err error) bool {
	var ne net.Error
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &ne) || errors.Is(err, errDraining) || errors.Is(err, errTooSlow) || errors.Is(err, net.ErrClosed)
}
