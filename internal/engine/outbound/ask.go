package outbound

import (
	"context"
	"net"
)

// Ask opens a transaction from the null sender, names one recipient and takes both back: nothing is sent. The reply is that
// to RCPT, whatever it is. The error is an *Error: the session is lost, or MAIL was refused.
func (s *Session) Ask(ctx context.Context, recipient string) (Reply, error) {
	return s.AskFrom(ctx, "", recipient)
}

// AskFrom is Ask from a sender: a server that wants a login may take mail of its own user only.
func (s *Session) AskFrom(ctx context.Context, sender, recipient string) (Reply, error) {
	t := transaction{Session: s, mail: &Mail{From: sender, Recipients: []Recipient{{Address: recipient}}}, results: make([]Result, 1)}
	if fault := t.unfit(0); fault != nil {
		return Reply{}, fault
	}
	release := s.wire.begin(ctx)
	reply, fault := s.ask("MAIL FROM:<"+sender+">", t.rcptCommand(0))
	if !release() {
		s.ended = true
	}
	if fault != nil {
		return Reply{}, fault
	}
	return reply, nil
}

func (s *Session) ask(mail, rcpt string) (Reply, *Error) {
	if s.ended {
		return Reply{}, s.lost(StageMail, net.ErrClosed)
	}
	r, fault := s.exchange(StageMail, mail)
	if fault == nil && r.Code != 250 {
		fault = s.refused(StageMail, r)
	}
	if fault != nil {
		return r, fault
	}
	reply, fault := s.exchange(StageRcpt, rcpt)
	if fault != nil {
		return reply, fault
	}
	if r, fault = s.exchange(StageMail, "RSET"); fault != nil || r.Code != 250 {
		s.ended = true // the answer to RCPT holds all the same
	}
	return reply, nil
}
