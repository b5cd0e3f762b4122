package smtpd

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/budkavle/budkavle/internal/flow/submit"
	"github.com/budkavle/budkavle/internal/model"
)

var dialogues = map[string]string{
	"all in order": `
			S: 220 mx.example ESMTP Budkavle
			C: EHLO client.example
			S: 250-mx.example
			S: 250-PIPELINING
			S: 250-SIZE 1048576
			S: 250-8BITMIME
			S: 250-SMTPUTF8
			S: 250-CHUNKING
			S: 250-DSN
			S: 250-ENHANCEDSTATUSCODES
			S: 250 STARTTLS
			C: MAIL FROM:<a@example.net>
			S: 250 2.1.0 Ok
			C: RCPT TO:<b@example.org>
			S: 250 2.1.5 Ok
			C: DATA
			S: 354 End data with <CR><LF>.<CR><LF>
			C: From: a@example.net
			C: 
			C: ..
			C: ...dots
			C: .
			S: 250 2.0.0 Queued as 1
			C: QUIT
			S: 221 2.0.0 Bye
			-- closed`,
	"HELO has no extensions": `
			S: 220 *
			C: HELO client.example
			S: 250 mx.example
			C: AUTH PLAIN
			S: 538 5.7.11 *
			C: QUIT
			S: 221 *`,
	"a greeting needs a name": `
			S: 220 *
			C: EHLO
			S: 501 5.5.4 Say EHLO and your host name
			C: HELO two words
			S: 501 5.5.4 *
			C: MAIL FROM:<a@example.net>
			S: 503 5.5.1 Say EHLO first`,
	"out of order": `
			S: 220 *
			C: MAIL FROM:<a@example.net>
			S: 503 5.5.1 Say EHLO first
			C: HELO x
			S: 250 mx.example
			C: RCPT TO:<b@example.org>
			S: 503 5.5.1 Say MAIL first
			C: DATA
			S: 503 5.5.1 Say MAIL first
			C: MAIL FROM:<a@example.net>
			S: 250 *
			C: DATA
			S: 503 5.5.1 No recipient was accepted
			C: MAIL FROM:<c@example.net>
			S: 503 5.5.1 A transaction is open; finish it or say RSET
			C: RCPT TO:<b@example.org>
			S: 250 *
			C: DATA now
			S: 501 5.5.4 DATA takes no parameters
			C: RSET
			S: 250 2.0.0 Ok
			C: RCPT TO:<b@example.org>
			S: 503 5.5.1 Say MAIL first
			C: MAIL FROM:<c@example.net>
			S: 250 *`,
	"a greeting resets": `
			S: 220 *
			C: EHLO x
			-- greeting
			C: MAIL FROM:<a@example.net>
			S: 250 *
			C: EHLO x
			-- greeting
			C: RCPT TO:<b@example.org>
			S: 503 5.5.1 Say MAIL first`,
	"small talk": `
			S: 220 *
			C: NOOP
			S: 250 2.0.0 Ok
			C: noop with words
			S: 250 2.0.0 Ok
			C: VRFY anna
			S: 252 2.5.2 *
			C: EXPN list
			S: 502 5.5.1 *
			C: HELP
			S: 214 2.0.0 *
			C: TURN
			S: 500 5.5.1 There is no such command
			C: 
			S: 500 5.5.2 There is no command on the line
			C: quit
			S: 221 2.0.0 Bye
			-- closed`,
	"pipelining answers in order, in one go": `
			S: 220 *
			C: EHLO x
			-- greeting
			C: MAIL FROM:<a@example.net>
			C: RCPT TO:<b@example.org>
			C: RCPT TO:<no-one@example.org>
			C: RCPT TO:<c@example.org>
			C: DATA
			S: 250 2.1.0 *
			S: 250 2.1.5 *
			S: 550 5.1.1 There is no no-one@example.org here
			S: 250 2.1.5 *
			S: 354 *
			C: Subject: x
			C: .
			C: MAIL FROM:<a@example.net>
			C: QUIT
			C: NOOP
			S: 250 2.0.0 Queued as 1
			S: 250 2.1.0 *
			S: 221 *
			-- closed`,
	"half a command pipelined": `
			S: 220 *
			R: "NOOP\r\nHELO "
			S: 250 2.0.0 Ok
			-- quiet
			C: x
			S: 250 mx.example`,
	"parameters": `
			S: 220 *
			C: EHLO x
			-- greeting
			C: MAIL FROM:<a@example.net> SIZE=1048577
			S: 552 5.3.4 *
			C: MAIL FROM:<a@example.net> SIZE=99999999999999999999999
			S: 552 5.3.4 *
			C: MAIL FROM:<a@example.net> SIZE=-1
			S: 501 5.5.4 SIZE=-1 is not a number of octets
			C: MAIL FROM:<a@example.net> SIZE
			S: 501 5.5.4 *
			C: MAIL FROM:<a@example.net> BODY=BINARYMIME
			S: 501 5.5.4 *
			C: MAIL FROM:<a@example.net> SMTPUTF8=yes
			S: 501 5.5.4 *
			C: MAIL FROM:<a@example.net> RET=SOME
			S: 501 5.5.4 *
			C: MAIL FROM:<a@example.net> ENVID=a+0Ab
			S: 501 5.5.4 *
			C: MAIL FROM:<a@example.net> RET=FULL RET=HDRS
			S: 501 5.5.4 The parameter RET stands there twice
			C: MAIL FROM:<a@example.net> XEXOTIC=1
			S: 555 5.5.4 *
			C: MAIL a@example.net
			S: 501 5.5.4 After MAIL the syntax is FROM:<address> and parameters
			C: MAIL FROM:<a@example.net> BODY=8bitmime AUTH=<> SIZE=1048576
			S: 250 *
			C: RCPT TO:<b@example.org> NOTIFY=NEVER,DELAY
			S: 501 5.5.4 NOTIFY=NEVER stands alone
			C: RCPT TO:<b@example.org> NOTIFY=OFTEN
			S: 501 5.5.4 *
			C: RCPT TO:<b@example.org> ORCPT=b@example.org
			S: 501 5.5.4 *
			C: RCPT TO:<b@example.org> SIZE=5
			S: 555 5.5.4 *`,
	"a refused sender opens nothing": `
			S: 220 *
			C: EHLO x
			-- greeting
			C: MAIL FROM:<no-one@example.net> RET=FULL
			C: RCPT TO:<b@example.org>
			C: DATA
			S: 550 5.7.1 The envelope sender no-one@example.net is not yours
			S: 503 5.5.1 *
			S: 503 5.5.1 *
			C: MAIL FROM:<>
			S: 250 *`,
	"put off at DATA": `
			S: 220 *
			C: EHLO x
			-- greeting
			C: MAIL FROM:<full@example.net>
			C: RCPT TO:<b@example.org>
			C: DATA
			S: 250 *
			S: 250 *
			S: 452 4.3.1 Too much mail is on its way in
			C: MAIL FROM:<a@example.net>
			S: 250 *`,
	"what a client says comes back as text": `
			S: 220 *
			C: EHLO x
			-- greeting
			C: MAIL FROM:<a@example.net>
			S: 250 *
			C: RCPT TO:<no-åäö@example.org>
			S: 550 5.1.1 There is no no-???@example.org here`,
	"control characters in commands": `
			S: 220 *
			R: "HELO a\x00b\r\n"
			S: 500 5.5.2 *
			R: "HELO a\rMAIL FROM:<a@example.net>\r\n"
			S: 500 5.5.2 *
			R: "HELO a\x7f\r\n"
			S: 500 5.5.2 *
			C: MAIL FROM:<a@example.net>
			S: 503 5.5.1 Say EHLO first`,
	"a bare LF in a command ends all": `
			S: 220 *
			R: "HELO x\nMAIL FROM:<a@example.net>\r\nNOOP\r\n"
			S: 500 5.5.2 The line ends with a bare LF*
			-- closed`,
	"a browser": `
			S: 220 *
			R: "POST / HTTP/1.1\r\nHost: mx\r\n\r\nMAIL FROM:<a@example.net>\r\n"
			S: 421 4.7.0 This is SMTP, not HTTP, goodbye
			-- closed`,
}

func TestDialogues(t *testing.T) {
	for name, script := range dialogues {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(w *world) { w.play(script) })
		})
	}
}

func TestEnvelopeIsCarried(t *testing.T) {
	inBubble(t, func(w *world) {
		w.play(`
			S: 220 *
			C: EHLO client.example
			-- greeting
			C: MAIL FROM:<@relay.example:åsa@example.net> SIZE=5 BODY=8BITMIME SMTPUTF8 RET=hdrs ENVID=QQ+2B3
			C: RCPT TO: <b@example.org> NOTIFY=success,FAILURE ORCPT=rfc822;b+2Bx@example.org
			C: RCPT TO:<"c d>"@example.org> notify=NEVER
			C: DATA
			S: 250 *
			S: 250 *
			S: 250 *
			S: 354 *
			C: å
			C: .
			S: 250 2.0.0 Queued as 1
			C: MAIL FROM:<>
			C: RCPT TO:<d@example.org>
			C: DATA
			S: 250 *
			S: 250 *
			S: 354 *
			C: .
			S: 250 2.0.0 Queued as 2`)
		want := []submit.Envelope{
			{
				Sender: "åsa@example.net", UTF8: true, Size: 5, Return: model.ReturnHeaders, EnvelopeID: "QQ+3",
				Recipients: []submit.Recipient{
					{Address: "b@example.org", Notify: model.NotifySuccess | model.NotifyFailure, ORcpt: "rfc822;b+2Bx@example.org"},
					{Address: `"c d>"@example.org`, Notify: model.NotifyNever},
				},
			},
			{Recipients: []submit.Recipient{{Address: "d@example.org"}}},
		}
		var got []submit.Envelope
		for _, m := range w.box.messages {
			got = append(got, m.envelope)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"å\r\n", ""}, w.box.texts()); diff != "" {
			t.Error(diff)
		}
		if p := w.box.messages[0].peer; p.Helo != "client.example" || p.Client.String() != "192.0.2.1" || p.TLS != "" || p.User != nil {
			t.Errorf("peer %+v", p)
		}
	})
}

func TestFullDiskIsTold(t *testing.T) {
	inBubble(t, func(w *world) {
		w.play(`
			S: 220 *
			C: EHLO x
			-- greeting
			C: MAIL FROM:<a@example.net>
			S: 421 4.3.1 Out of room for mail now, try again later
			-- closed`)
		w.stop()
		if !strings.Contains(w.log.String(), "level=WARN msg=rejected") || !strings.Contains(w.log.String(), "1 MiB free") {
			t.Errorf("the operator reads %s", w.log)
		}
	}, func(c *Config, _ *mailbox) { c.DiskCheck = func() error { return errors.New("1 MiB free") } })
}

func TestTooManyRecipientsAreForAnotherTransaction(t *testing.T) {
	inBubble(t, func(w *world) {
		c := w.ehlo()
		defer c.close()
		script := "C: MAIL FROM:<a@example.net>\n" + strings.Repeat("C: RCPT TO:<b@example.org>\n", 5200) + "C: DATA\nS: 250 2.1.0 *\n" +
			strings.Repeat("S: 250 2.1.5 *\n", 5000) + strings.Repeat("S: 452 4.5.3 Too many recipients*\n", 200) + "S: 354 *\nC: x\nC: .\nS: 250 2.0.0 Queued as 1\n"
		c.play(script + script[:len(script)-2] + "2\nC: QUIT\nS: 221 *\n-- closed")
		for _, m := range w.box.messages {
			if n := len(m.envelope.Recipients); n != 5000 {
				t.Errorf("%d recipients", n)
			}
		}
	})
}

func TestRecipientsWithoutEndAreCutOff(t *testing.T) {
	inBubble(t, func(w *world) {
		c := w.ehlo()
		defer c.close()
		c.play("C: MAIL FROM:<a@example.net>\n" + strings.Repeat("C: RCPT TO:<b@example.org>\n", 2+2*maxSurplus+1) + "S: 250 *\nS: 250 *\nS: 250 *\n" +
			strings.Repeat("S: 452 *\n", 2*maxSurplus) + "S: 421 4.5.3 *\n-- closed")
	}, func(c *Config, _ *mailbox) { c.MaxRecipients = 2 })
}

func TestOversizeIsRefusedAndTheSessionGoesOn(t *testing.T) {
	inBubble(t, func(w *world) {
		c := w.ehlo()
		defer c.close()
		c.play("C: MAIL FROM:<a@example.net>\nC: RCPT TO:<b@example.org>\nC: DATA\nS: 250 *\nS: 250 *\nS: 354 *\n" +
			strings.Repeat("C: "+strings.Repeat("x", 1000)+"\n", 1100) + "C: .\nS: 552 5.3.4 *\nC: NOOP\nS: 250 *\n")
		c.play("C: MAIL FROM:<a@example.net>\nC: RCPT TO:<b@example.org>\nC: DATA\nS: 250 *\nS: 250 *\nS: 354 *\n" +
			strings.Repeat("C: "+strings.Repeat("x", 1000)+"\n", 3200) + "S: 552 5.3.4 *\n-- closed")
		if got := w.box.texts(); got != nil {
			t.Errorf("%d messages kept", len(got))
		}
	})
}

func TestLongLines(t *testing.T) {
	long := strings.Repeat("x", 2040)
	inBubble(t, func(w *world) {
		w.play("S: 220 *\nC: NOOP " + long + "\nS: 250 *\nC: NOOP " + long + "xxx\nS: 500 5.5.2 The line is longer than 2048 octets\nC: NOOP " +
			strings.Repeat("x", 100_000) + "\nS: 500 5.5.2 *\nR: \"NOOP " + strings.Repeat("x", 20_000) + `\nNOOP\r\n"` + "\nS: 500 5.5.2 The line ends with a bare LF*\n-- closed")
		// A message's lines may be longer.
		w.play("S: 220 *\nC: HELO x\nS: 250 *\nC: MAIL FROM:<a@example.net>\nC: RCPT TO:<b@example.org>\nC: DATA\nS: 250 *\nS: 250 *\nS: 354 *\nC: " +
			strings.Repeat("x", 100_000) + "\nC: .\nS: 250 2.0.0 Queued as 1")
	})
}

func TestRepliesStayInTheirLimit(t *testing.T) {
	inBubble(t, func(w *world) {
		c := w.ehlo()
		defer c.close()
		c.play("C: MAIL FROM:<no-" + strings.Repeat("x", 1000) + "@example.net>")
		line, err := c.r.ReadString('\n')
		if err != nil || len(line) > 512 || !strings.HasPrefix(line, "550 5.7.1 The envelope sender no-xxx") {
			t.Errorf("%d octets, %v: %.60s", len(line), err, line)
		}
	})
}
