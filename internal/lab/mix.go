package lab

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"

	"github.com/budkavle/budkavle/internal/base/wording"
)

// Behaviour is what a mailbox does with mail.
type Behaviour string

// Behaviours.
const (
	Accepts   Behaviour = "accepts"
	Unknown   Behaviour = "unknown"   // 550 5.1.1 at RCPT
	Full      Behaviour = "full"      // 452 4.2.2 for a while, then 552 5.2.2
	Greylists Behaviour = "greylists" // 451 4.7.1 for a while, then accepts
	Spam      Behaviour = "spam"      // 554 5.7.1 at the end of DATA
	Drops     Behaviour = "drops"     // the first message is cut off in the middle of DATA
	Returns   Behaviour = "returns"   // accepts, and sends a failure report (RFC 3464) later
	Loses     Behaviour = "loses"     // says 250 and keeps nothing: shows that a check of counts finds it
)

// behaviours is the order in which the weights of a mix are laid out; a new one goes to the end.
func behaviours() []Behaviour {
	return []Behaviour{Accepts, Unknown, Full, Greylists, Spam, Drops, Returns, Loses}
}

// alone reports a behaviour that hangs on the message, not on RCPT: such a recipient wants a transaction of its own,
// lest others share its fate.
func (b Behaviour) alone() bool { return b == Spam || b == Drops || b == Returns || b == Loses }

func checkMix(mix map[Behaviour]int) (errs []error) {
	known, total := 0, 0
	for _, b := range behaviours() {
		w, ok := mix[b]
		if ok {
			known++
		}
		if w < 0 || w > 1_000_000 {
			errs = append(errs, wording.Errorf("mix: weight %d of %s is not between 0 and 1000000", w, b))
		}
		total += max(w, 0)
	}
	if known < len(mix) {
		errs = append(errs, wording.Errorf("mix: knows %v", behaviours()))
	}
	if len(mix) > 0 && total == 0 {
		errs = append(errs, wording.Errorf("mix: all weights are 0"))
	}
	return errs
}

// behaviour is what the mailbox does: always the same for one address and seed.
func (p *Provider) behaviour(seed uint64, address string) Behaviour {
	total := 0
	for _, w := range p.Mix {
		total += w
	}
	if total == 0 {
		return Accepts
	}
	at := int(hash(seed, address) % uint64(total))
	for _, b := range behaviours() {
		if at < p.Mix[b] {
			return b
		}
		at -= p.Mix[b]
	}
	return Accepts
}

func hash(seed uint64, text string) uint64 {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(text), seed))
	return binary.BigEndian.Uint64(sum[:])
}

// Final is what must have become of a recipient in the end.
type Final string

// Finals.
const (
	Delivered Final = "delivered"
	Bounced   Final = "bounced"  // refused for good, or known to be undeliverable
	Returned  Final = "returned" // delivered first, then a failure report came
	Waiting   Final = "waiting"  // only failures that may pass: still in the queue
)

// Outcome is what the lab does to one recipient.
type Outcome struct {
	Provider  string
	Behaviour Behaviour // empty: DNS or the servers decide before the mailbox is met
	Final     Final
	Status    string // enhanced code of the final refusal or report; empty: there is none, or it is the sender's own
	Deferred  bool   // the first attempt fails for a time. Limits (421) may defer any other
	Taken     int    // times the lab takes the message: 0 or 1
}

// Expect tells what must become of mail to an address. It reports false for one in no domain of the lab.
func (l *Lab) Expect(address string) (Outcome, bool) {
	address = canonical(address)
	p := l.providers[domainOf(address)]
	if p == nil {
		return Outcome{}, false
	}
	o := Outcome{Provider: p.Name, Final: Bounced}
	switch {
	case p.Answer == AnswerNullMX || p.Answer == AnswerNXDomain:
		return o, true
	case p.Answer == AnswerServFail || p.Answer == AnswerNothing || p.closed():
		o.Final, o.Deferred = Waiting, true
		return o, true
	}
	o.Behaviour = p.behaviour(l.config.Seed, address)
	o.Deferred = o.Behaviour == Greylists || o.Behaviour == Full || o.Behaviour == Drops
	switch o.Behaviour {
	case Accepts, Greylists, Drops, Loses:
		o.Final, o.Taken = Delivered, 1
	case Returns:
		o.Final, o.Taken, o.Status = Returned, 1, "5.1.1"
	case Unknown:
		o.Status = "5.1.1"
	case Full:
		o.Status = "5.2.2"
	case Spam:
		o.Status = "5.7.1"
	}
	return o, true
}

// closed reports that none of the servers can be reached.
func (p *Provider) closed() bool {
	for i := range p.Servers {
		if !p.Servers[i].Refuses {
			return false
		}
	}
	return true
}

// canonical is an address in the form that everything here goes by: the domain in lower case.
func canonical(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return address
	}
	return address[:at+1] + plain(address[at+1:])
}

func domainOf(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }
