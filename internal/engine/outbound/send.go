package outbound

import (
	"cmp"
	"context"
	"time"

	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// groupSize is how many octets of commands go out before their replies are read. It is far below what the buffers of
// two TCP stacks hold, so that neither side can wait for the other (RFC 2920 3.1).
const groupSize = 8 << 10

// repliesAfterReset is how long to look for what a peer said before it cut the connection.
const repliesAfterReset = 5 * time.Second

// expect is a reply outstanding.
type expect struct {
	stage     Stage
	recipient int // of StageRcpt
	reset     bool
}

// transaction is one Send under way.
type transaction struct {
	*Session
	mail     *Mail
	results  []Result
	open     bool   // MAIL was accepted
	accepted int    // recipients taken so far
	full     bool   // the peer takes no more recipients in this transaction
	refusal  *Error // of MAIL or DATA: it holds for every recipient not yet decided
	goAhead  bool   // 354
}

// Send runs one transaction. Whatever happens, each recipient has a result; the session may be at its end after.
func (s *Session) Send(ctx context.Context, m *Mail) Results {
	t := transaction{Session: s, mail: m, results: make([]Result, len(m.Recipients))}
	s.wire.log.restart()
	if s.ended {
		t.settle(&Error{
			Stage: StageMail, Lost: true, Stale: true,
			Err: smtp.Errorf(451, "4.4.2", "The session with %s was already closed", s.target.name()),
		})
		return Results{Recipients: t.results}
	}
	if fault := s.precheck(m); fault != nil {
		t.settle(fault)
		return Results{Recipients: t.results}
	}
	if !t.sift() {
		return Results{Recipients: t.results}
	}
	release := s.wire.begin(ctx)
	if fault := t.run(); fault != nil {
		t.settle(fault)
	}
	s.served = true
	if !release() {
		s.ended = true // the time limit set for our context may yet fall on it
	}
	return Results{Recipients: t.results, DSN: s.ext.dsn}
}

// precheck finds what the peer cannot take, without asking it.
func (s *Session) precheck(m *Mail) *Error {
	switch {
	case s.ext.size > 0 && int64(len(m.Raw)) > s.ext.size: // RFC 1870 6.1
		return &Error{Stage: StageMail, Err: smtp.Errorf(552, "5.3.4",
			"The message has %d octets, and %s takes at most %d", len(m.Raw), s.target.name(), s.ext.size)}
	case !s.ext.utf8 && (m.UTF8 || !ascii(m.From)): // RFC 6531 3.2
		return &Error{Stage: StageMail, Err: smtp.Errorf(550, "5.6.7",
			"The message needs SMTPUTF8, which %s does not offer", s.target.name())}
	case !printable(m.From):
		return &Error{Stage: StageMail, Err: smtp.Errorf(501, "5.1.7", "The sender's address has a control character")}
	}
	return nil
}

// sift refuses the recipients that cannot be sent to this peer, and reports whether others remain.
func (t *transaction) sift() bool {
	fit := 0
	for i := range t.results {
		if t.results[i].Err = t.unfit(i); t.results[i].Err == nil {
			fit++
		}
	}
	return fit > 0
}

// run gives the fault that ended the transaction for every recipient not yet decided, or nil.
func (t *transaction) run() *Error {
	if fault := t.envelope(); fault != nil {
		return fault
	}
	switch {
	case !t.goAhead:
		t.owesRset = t.owesRset || t.open
		return t.refusal
	case t.accepted == 0:
		return t.loneDot()
	}
	return t.data()
}

// envelope sends MAIL, RCPT and DATA and reads their replies. The refusals of recipients are already in their results.
func (t *transaction) envelope() *Error {
	t.expected = t.expected[:0]
	if t.owesRset {
		t.owesRset = false
		t.queue("RSET", expect{stage: StageMail, reset: true})
	}
	if fault := t.makeRoom(); fault != nil {
		return fault
	}
	t.queue(t.mailCommand(), expect{stage: StageMail})
	for i := range t.mail.Recipients {
		if t.results[i].Err != nil {
			continue
		}
		if fault := t.makeRoom(); fault != nil {
			return fault
		}
		if t.refusal != nil {
			return nil
		}
		if t.full {
			t.tooMany(i)
			continue
		}
		t.queue(t.rcptCommand(i), expect{stage: StageRcpt, recipient: i})
	}
	if fault := t.makeRoom(); fault != nil {
		return fault
	}
	if len(t.expected) == 0 && t.accepted == 0 || t.refusal != nil {
		return nil // it is known that there is nobody to send to
	}
	t.queue("DATA", expect{stage: StageData})
	return t.collect()
}

func (t *transaction) queue(line string, e expect) {
	t.wire.command(line)
	t.expected = append(t.expected, e)
}

// makeRoom collects the outstanding replies when the group is full: after each command without PIPELINING.
func (t *transaction) makeRoom() *Error {
	if len(t.expected) == 0 || t.ext.pipelining && len(t.wire.out) < groupSize {
		return nil
	}
	return t.collect()
}

// collect writes the queued commands and reads a reply for each.
func (t *transaction) collect() *Error {
	first := t.expected[0]
	err := t.wire.flush(t.timeouts.Command)
	if err != nil && t.wire.ctx.Err() != nil {
		return t.lost(first.stage, err)
	}
	// When the write failed, the peer's last words may still be there to read.
	for _, e := range t.expected {
		r, fault := t.await(e.stage)
		if fault != nil {
			// A session that had served and is closed ahead of this transaction was only idle for too long.
			fault.Stale = e == first && t.served && (fault.Lost || fault.Closing) && !t.open && t.wire.ctx.Err() == nil
			return fault
		}
		if fault := t.take(e, r); fault != nil {
			return fault
		}
	}
	t.expected = t.expected[:0]
	if err != nil {
		return t.lost(first.stage, err)
	}
	return nil
}

// take notes one reply of the envelope.
func (t *transaction) take(e expect, r Reply) *Error {
	switch {
	case e.reset:
		return nil // no server refuses; if one did, MAIL is refused next
	case e.stage == StageMail && r.Code/100 == 2:
		t.open = true
	case e.stage == StageMail:
		t.refusal = t.refused(StageMail, r)
	case e.stage == StageRcpt && t.refusal != nil:
		return nil // "503 need MAIL first" tells nothing about the recipient
	case e.stage == StageRcpt && r.Code/100 == 2:
		t.results[e.recipient].Reply = r
		t.accepted++
	case e.stage == StageRcpt:
		return t.refuseRecipient(e.recipient, r)
	case r.Code == 354:
		t.goAhead = true
	case r.Code < 400: // the peer may wait for a message that nobody would send: out of step, whoever was accepted
		return cmp.Or(t.refusal, t.confused(StageData, r))
	case t.refusal == nil && t.accepted > 0:
		t.refusal = t.refused(StageData, r)
	}
	if t.ended {
		return t.refusal
	}
	return nil
}

// refuseRecipient gives a fault only if the reply is no refusal and no success either.
func (t *transaction) refuseRecipient(i int, r Reply) *Error {
	refusal := t.refused(StageRcpt, r)
	if t.ended {
		return refusal
	}
	t.results[i].Reply, t.results[i].Err = r, refusal
	// RFC 5321 4.5.3.1.10: 452, or 552 from the days of RFC 821. Both also tell of full mailboxes, so that without the
	// enhanced code only 452 is taken to mean the transaction, and either only once it has a recipient.
	full := r.Code == 452 && (r.Enhanced == "" || r.Enhanced == "4.5.3") || r.Code == 552 && r.Enhanced == "5.5.3"
	if full && t.accepted > 0 {
		t.full = true
		t.tooMany(i)
	}
	return nil
}

func (t *transaction) tooMany(i int) {
	t.results[i].Again = true
	t.results[i].Err = &Error{Stage: StageRcpt, Reply: t.results[i].Reply, Err: smtp.Errorf(452, "4.5.3",
		"%s takes no more recipients in this transaction", t.target.name())}
}

// loneDot ends a DATA that the peer began though it refused every recipient (RFC 2920 3.1).
func (t *transaction) loneDot() *Error {
	refusal := t.refusal
	t.wire.command(".")
	if err := t.wire.flush(t.timeouts.Block); err != nil {
		t.ended = true
	} else {
		_, _ = t.await(StageEnd) // nobody was accepted, so it delivers to nobody
	}
	return refusal
}

// data sends the message and reads the reply that decides for the accepted recipients.
func (t *transaction) data() *Error {
	if err := t.wire.message(t.mail.Raw, t.timeouts.Block); err != nil {
		return t.lastWords(err)
	}
	r, fault := t.await(StageEnd)
	if fault != nil {
		return fault
	}
	if r.Code/100 != 2 {
		return t.refused(StageEnd, r)
	}
	for i := range t.results {
		if t.results[i].Err == nil {
			t.results[i].Reply = r
		}
	}
	return nil
}

// lastWords looks for a refusal that the peer sent before it cut the connection in the middle of the message.
func (t *transaction) lastWords(cause error) *Error {
	fault := t.lost(StageBody, cause)
	if t.wire.ctx.Err() != nil {
		return fault
	}
	if r, err := t.wire.reply(repliesAfterReset); err == nil && r.Code >= 400 {
		fault = t.refused(StageBody, r)
		t.ended = true
	}
	return fault
}

// settle gives the fault to every recipient not yet decided.
func (t *transaction) settle(fault *Error) {
	for i := range t.results {
		if t.results[i].Err == nil {
			t.results[i] = Result{Err: fault, Reply: fault.Reply}
		}
	}
}
