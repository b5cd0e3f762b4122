package outbound

import (
	"context"
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// Session is a connection on which mail can be sent. It belongs to one caller at a time.
type Session struct {
	target   Target
	wire     *wire
	timeouts Timeouts
	ext      extensions
	tls      string
	served   bool // a transaction came to its end
	ended    bool
	owesRset bool     // a transaction was left open
	expected []expect // replies outstanding, reused
}

// Usable reports whether another Send may follow.
func (s *Session) Usable() bool { return !s.ended }

// TLS is the version and cipher; empty in the clear.
func (s *Session) TLS() string { return s.tls }

// Target is what the session was opened to.
func (s *Session) Target() Target { return s.target }

// Source is our own address.
func (s *Session) Source() netip.Addr {
	if a, err := netip.ParseAddrPort(s.wire.raw.LocalAddr().String()); err == nil {
		return a.Addr()
	}
	return s.target.Source
}

// Transcript is the dialogue of the handshake and the latest transaction, at most 8 KiB; message bytes and credentials
// are left out.
func (s *Session) Transcript() string { return s.wire.log.String() }

// Quit says farewell, if the peer still listens, and closes. It takes a few seconds at most.
func (s *Session) Quit(ctx context.Context) {
	if !s.ended {
		release := s.wire.begin(ctx)
		s.wire.command("QUIT")
		if s.wire.flush(s.timeouts.Quit) == nil {
			_, _ = s.wire.reply(s.timeouts.Quit) // 221 or not, it is over
		}
		release()
	}
	s.Close()
}

// Close ends the session without a word. It may be called again.
func (s *Session) Close() {
	s.ended = true
	_ = s.wire.raw.Close()
}

// exchange sends one command and reads its reply. A fault is a lost connection or a 421; every other reply is for the
// caller to judge.
func (s *Session) exchange(stage Stage, line string) (Reply, *Error) {
	s.wire.command(line)
	if err := s.wire.flush(s.timeouts.Command); err != nil {
		return Reply{}, s.lost(stage, err)
	}
	return s.await(stage)
}

// await reads one reply.
func (s *Session) await(stage Stage) (Reply, *Error) {
	r, err := s.wire.reply(s.limit(stage))
	if err != nil {
		return r, s.lost(stage, err)
	}
	if r.Code == 421 {
		return r, s.refused(stage, r)
	}
	return r, nil
}

// limit is how long the reply at a stage may take.
func (s *Session) limit(stage Stage) time.Duration {
	switch stage {
	case StageGreeting:
		return s.timeouts.Greeting
	case StageData:
		return s.timeouts.Data
	case StageEnd:
		return s.timeouts.End
	}
	return s.timeouts.Command
}

// refused makes the Error for a reply that is no success. 421 ends the session (RFC 5321 3.8).
func (s *Session) refused(stage Stage, r Reply) *Error {
	if r.Code < 400 {
		return s.confused(stage, r)
	}
	e := &Error{Stage: stage, Reply: r, Closing: r.Code == 421}
	e.Err = smtp.Errorf(r.Code, enhancedOf(r), "%s said: %s", s.target.name(), inWords(r))
	if e.Closing {
		s.ended = true
	}
	return e
}

// confused makes the Error for a positive reply that does not fit the command; the dialogue is out of step.
func (s *Session) confused(stage Stage, r Reply) *Error {
	s.ended = true
	text := s.target.name() + " gave an answer that does not fit: " + inWords(r)
	return &Error{Stage: stage, Reply: r, Lost: true, Err: smtp.Errorf(451, "4.5.0", "%s", text)}
}

// lost makes the Error for a connection that broke, ran into a time limit, was cut by our own context, or spoke
// something else than SMTP.
func (s *Session) lost(stage Stage, cause error) *Error {
	s.ended = true
	enhanced, what := "4.4.2", "Connection to "+s.target.name()+" lost"
	if errors.Is(cause, smtp.ErrMalformedReply) {
		enhanced, what = "4.5.0", s.target.name()+" does not speak SMTP"
	}
	text := what + " " + doing(stage) + ": " + reason(cause)
	return &Error{Stage: stage, Lost: true, Err: smtp.Wrap(cause, 451, enhanced, text)}
}

func doing(stage Stage) string {
	switch stage {
	case StageGreeting:
		return "while its greeting was awaited"
	case StageTLS:
		return "during the TLS handshake"
	case StageAuth:
		return "during authentication"
	case StageBody:
		return "while the message was sent"
	case StageEnd:
		return "while its reply to the message was awaited; the message may come twice"
	case StageEHLO:
		return "after EHLO"
	}
	return "in the envelope"
}

// enhancedOf is the reply's enhanced code, or the general one of its class (RFC 3463 2).
func enhancedOf(r Reply) string {
	switch {
	case r.Enhanced != "":
		return r.Enhanced
	case r.Code >= 500:
		return "5.0.0"
	}
	return "4.0.0"
}

func inWords(r Reply) string {
	text := strings.ReplaceAll(r.Text, "\n", " ")
	if r.Enhanced != "" {
		text = r.Enhanced + " " + text
	}
	return strings.TrimSpace(strconv.Itoa(r.Code) + " " + text)
}
