package smtpd

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// bounces takes mail to b@bounce.example.
type bounces struct {
	came  []string
	fault error
}

func (b *bounces) CheckRecipient(_ context.Context, address string) error {
	if address != "b@bounce.example" {
		return smtp.Errorf(550, "5.1.1", "There is no %s here", address)
	}
	return nil
}

func (b *bounces) Receive(_ context.Context, client netip.Addr, helo, sender string, recipients []string, raw []byte) error {
	b.came = append(b.came, client.String()+" "+helo+" <"+sender+"> "+strings.Join(recipients, ",")+" "+string(raw))
	return b.fault
}

func mx(r Returned) func(*Config, *mailbox) {
	return func(c *Config, _ *mailbox) { c.Name, c.Handler, c.MaxSize = "mx", NewMX(r), mxMemory }
}

func TestMXTakesBouncesAndNothingElse(t *testing.T) {
	b := &bounces{}
	inBubble(t, func(w *world) {
		w.play(`
			S: 220 *
			C: EHLO mx.example.org
			S: 250-mx.example
			S: 250-PIPELINING
			S: 250-SIZE *
			S: 250-8BITMIME
			S: 250-SMTPUTF8
			S: 250-CHUNKING
			S: 250-DSN
			S: 250-ENHANCEDSTATUSCODES
			S: 250 STARTTLS
			C: AUTH PLAIN AGFubmEAaGVtbGln
			S: 538 5.7.11 *
			C: MAIL FROM:<>
			C: RCPT TO:<anna@elsewhere.example>
			C: RCPT TO:<b@bounce.example>
			C: DATA
			S: 250 *
			S: 550 5.1.1 *
			S: 250 *
			S: 354 *
			C: Subject: returned
			C: .
			S: 250 2.0.0 Ok`)
		if diff := cmp.Diff([]string{"192.0.2.1 mx.example.org <> b@bounce.example Subject: returned\r\n"}, b.came); diff != "" {
			t.Error(diff)
		}
	}, mx(b))
}

func TestMXPutsOffWhatIsNotDealtWith(t *testing.T) {
	inBubble(t, func(w *world) {
		w.play("S: 220 *\nC: EHLO x\n-- greeting\nC: MAIL FROM:<>\nC: RCPT TO:<b@bounce.example>\nC: DATA\nS: 250 *\nS: 250 *\nS: 354 *\nC: .\nS: 451 4.3.0 Local error*")
	}, mx(&bounces{fault: context.DeadlineExceeded}))
}

func TestMXMemoryIsOneBudget(t *testing.T) {
	m := NewMX(&bounces{})
	first, second := &returnedMail{handler: m}, &returnedMail{handler: m}
	if _, err := first.Write(make([]byte, mxMemory-1000)); err != nil {
		t.Fatal(err)
	}
	if _, err := second.Write([]byte("x")); smtp.AsError(err).Code != 452 {
		t.Errorf("over the budget: %v", err)
	}
	first.Abort()
	first.Abort()
	if _, err := second.Write([]byte("x")); err != nil {
		t.Errorf("after the first has gone: %v", err)
	}
	second.Abort()
	if !m.memory.TryAcquire(mxMemory) {
		t.Error("memory is not given back")
	}
}
