package outbound

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/budkavle/budkavle/internal/model"
)

// sendCase is one transaction against a server's script.
type sendCase struct {
	server string
	mail   *Mail
	want   string
	usable bool
}

func TestSend(t *testing.T) {
	for _, tests := range []map[string]sendCase{commandCases(), confusedCases(), recipientCases(), fullCases(), brokenCases(), parameterCases()} {
		for name, tt := range tests {
			t.Run(name, tt.run)
		}
	}
}

func (tt sendCase) run(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := connect(t, tt.server)
		defer s.Close()
		got := s.Send(t.Context(), tt.mail)
		if diff := cmp.Diff(tt.want, outcomes(got)); diff != "" {
			t.Errorf("%s\n%s", diff, s.Transcript())
		}
		if s.Usable() != tt.usable {
			t.Errorf("usable %v, want %v", s.Usable(), tt.usable)
		}
		if !strings.HasPrefix(s.Transcript(), "S: 220 mx.example.org") {
			t.Errorf("transcript:\n%s", s.Transcript())
		}
	})
}

// commandCases are replies to the commands and the message.
func commandCases() map[string]sendCase {
	return map[string]sendCase{
		"pipelined in one group": {
			greeting + `
			C: MAIL FROM:<a@example.net> SIZE=22
			C: RCPT TO:<b@example.org>
			C: RCPT TO:<c@example.org>
			C: DATA
			S: 250 ok
			S: 250 ok
			S: 251 will forward
			S: 354 go
			M: Subject: hi
			M:
			M: hello
			S: 250 2.0.0 queued`,
			mailTo("b@example.org", "c@example.org"), "delivered 250; delivered 250", true,
		},
		"one command at a time without PIPELINING": {
			plainGreeting + `
			C: MAIL FROM:<a@example.net>
			S: 250 ok
			C: RCPT TO:<b@example.org>
			S: 250 ok
			C: DATA
			S: 354 go
			M: Subject: hi
			M:
			M: hello
			S: 250 ok`,
			mailTo("b@example.org"), "delivered 250", true,
		},
		"sender refused": {
			greeting + `
			C: MAIL FROM:<a@example.net> SIZE=22
			C: RCPT TO:<b@example.org>
			C: DATA
			S: 550 5.7.1 we do not like you
			S: 503 need MAIL
			S: 503 need RCPT`,
			mailTo("b@example.org"), "mail 550 5.7.1 permanent", true,
		},
		"sender refused, one at a time": {
			plainGreeting + `
			C: MAIL FROM:<a@example.net>
			S: 451 4.7.1 later`,
			mailTo("b@example.org"), "mail 451 4.7.1 temporary", true,
		},
		"sender refused, but DATA taken": {
			greeting + `
			C: MAIL FROM:<a@example.net> SIZE=22
			C: RCPT TO:<b@example.org>
			C: DATA
			S: 450 4.1.8 no such domain
			S: 503 need MAIL
			S: 354 go
			C: .
			S: 554 no recipients`,
			mailTo("b@example.org"), "mail 450 4.1.8 temporary", true,
		},
		"DATA refused": {
			greeting + `
			C: MAIL FROM:<a@example.net> SIZE=22
			C: RCPT TO:<b@example.org>
			C: RCPT TO:<c@example.org>
			C: DATA
			S: 250 ok
			S: 250 ok
			S: 550 5.1.1 no such user
			S: 451 4.3.0 not now`,
			mailTo("b@example.org", "c@example.org"), "data 451 4.3.0 temporary; rcpt 550 5.1.1 permanent", true,
		},
		"message refused": {
			greeting + `
			C: MAIL FROM:<a@example.net> SIZE=22
			C: RCPT TO:<b@example.org>
			C: RCPT TO:<c@example.org>
			C: DATA
			S: 250 ok
			S: 250 ok
			S: 550 5.1.1 no such user
			S: 354 go
			M: Subject: hi
			M:
			M: hello
			S: 554-5.7.1 spam
			S: 554 5.7.1 see our site`,
			mailTo("b@example.org", "c@example.org"), "end 554 5.7.1 permanent; rcpt 550 5.1.1 permanent", true,
		},
		"sender with a line break": {
			greeting, &Mail{From: "a@b\nDATA", Recipients: []Recipient{{Address: "b@example.org"}}},
			"mail 501 5.1.7 permanent", true,
		},
	}
}

// confusedCases are peers out of step with us: their next reply would be read as the answer to something else.
func confusedCases() map[string]sendCase {
	return map[string]sendCase{
		"DATA answered by 250": {
			greeting + `
			C: MAIL FROM:<a@example.net> SIZE=22
			C: RCPT TO:<b@example.org>
			C: DATA
			S: 250 ok
			S: 250 ok
			S: 250 ok`,
			mailTo("b@example.org"), "data 451 4.5.0 temporary +lost", false,
		},
		"every recipient refused, but DATA answered by 250": {
			greeting + `
			C: MAIL FROM:<a@example.net> SIZE=22
			C: RCPT TO:<b@example.org>
			C: DATA
			S: 250 ok
			S: 550 no such user
			S: 250 ok`,
			mailTo("b@example.org"), "rcpt 550 5.0.0 permanent", false,
		},
		"sender refused, but DATA answered by 250": {
			greeting + `
			C: MAIL FROM:<a@example.net> SIZE=22
			C: RCPT TO:<b@example.org>
			C: DATA
			S: 450 4.1.8 no such domain
			S: 503 need MAIL
			S: 250 ok`,
			mailTo("b@example.org"), "mail 450 4.1.8 temporary", false,
		},
		"RCPT answered by 354": {
			greeting + `
			C: MAIL FROM:<a@example.net> SIZE=22
			C: RCPT TO:<b@example.org>
			C: DATA
			S: 250 ok
			S: 354 go
			-- eat`,
			mailTo("b@example.org"), "rcpt 451 4.5.0 temporary +lost", false,
		},
	}
}

// recipientCases are recipients that are refused.
func recipientCases() map[string]sendCase {
	return map[string]sendCase{
		"one recipient refused": {
			greeting + `
			C: MAIL FROM:<a@example.net> SIZE=22
			C: RCPT TO:<b@example.org>
			C: RCPT TO:<c@example.org>
			C: DATA
			S: 250 ok
			S: 550 5.1.1 no such user
			S: 250 ok
			S: 354 go
			M: Subject: hi
			M:
			M: hello
			S: 250 ok`,
			mailTo("b@example.org", "c@example.org"), "rcpt 550 5.1.1 permanent; delivered 250", true,
		},
		"every recipient refused": {
			greeting + `
			C: MAIL FROM:<a@example.net> SIZE=22
			C: RCPT TO:<b@example.org>
			C: RCPT TO:<c@example.org>
			C: DATA
			S: 250 ok
			S: 550 5.1.1 no such user
			S: 450 4.2.0 greylisted
			S: 554 no valid recipients`,
			mailTo("b@example.org", "c@example.org"), "rcpt 550 5.1.1 permanent; rcpt 450 4.2.0 temporary", true,
		},
		"every recipient refused, but DATA taken": {
			greeting + `
			C: MAIL FROM:<a@example.net> SIZE=22
			C: RCPT TO:<b@example.org>
			C: DATA
			S: 250 ok
			S: 550 no such user
			S: 354 go
			C: .
			S: 250 queued, for nobody`,
			mailTo("b@example.org"), "rcpt 550 5.0.0 permanent", true,
		},
		"every recipient refused, one at a time: no DATA": {
			plainGreeting + `
			C: MAIL FROM:<a@example.net>
			S: 250 ok
			C: RCPT TO:<b@example.org>
			S: 550 5.1.1 no such user`,
			mailTo("b@example.org"), "rcpt 550 5.1.1 permanent", true,
		},
	}
}

// fullCases are transactions that are full.
func fullCases() map[string]sendCase {
	return map[string]sendCase{
		"too many recipients": {
			greeting + `
			C: MAIL FROM:<a@example.net> SIZE=22
			C: RCPT TO:<b@example.org>
			C: RCPT TO:<c@example.org>
			C: RCPT TO:<d@example.org>
			C: DATA
			S: 250 ok
			S: 250 ok
			S: 452 4.5.3 too many recipients
			S: 452 too many recipients
			S: 354 go
			M: Subject: hi
			M:
			M: hello
			S: 250 ok`,
			mailTo("b@example.org", "c@example.org", "d@example.org"),
			"delivered 250; rcpt 452 4.5.3 temporary +again; rcpt 452 4.5.3 temporary +again", true,
		},
		"too many recipients, one at a time: the rest is not asked": {
			plainGreeting + `
			C: MAIL FROM:<a@example.net>
			S: 250 ok
			C: RCPT TO:<b@example.org>
			S: 250 ok
			C: RCPT TO:<c@example.org>
			S: 552 5.5.3 too many recipients
			C: DATA
			S: 354 go
			M: Subject: hi
			M:
			M: hello
			S: 250 ok`,
			mailTo("b@example.org", "c@example.org", "d@example.org"),
			"delivered 250; rcpt 452 4.5.3 temporary +again; rcpt 452 4.5.3 temporary +again", true,
		},
		"452 of the first recipient is its own": {
			greeting + `
			C: MAIL FROM:<a@example.net> SIZE=22
			C: RCPT TO:<b@example.org>
			C: DATA
			S: 250 ok
			S: 452 full
			S: 554 no valid recipients`,
			mailTo("b@example.org"), "rcpt 452 4.0.0 temporary", true,
		},
		"452 4.2.2 is a full mailbox, 552 too": {
			greeting + `
			C: MAIL FROM:<a@example.net> SIZE=22
			C: RCPT TO:<b@example.org>
			C: RCPT TO:<c@example.org>
			C: RCPT TO:<d@example.org>
			C: DATA
			S: 250 ok
			S: 250 ok
			S: 452 4.2.2 mailbox full
			S: 552 mailbox full
			S: 354 go
			M: Subject: hi
			M:
			M: hello
			S: 250 ok`,
			mailTo("b@example.org", "c@example.org", "d@example.org"),
			"delivered 250; rcpt 452 4.2.2 temporary; rcpt 552 5.0.0 permanent", true,
		},
	}
}

// brokenCases are sessions that end in the middle.
func brokenCases() map[string]sendCase {
	return map[string]sendCase{
		"421 at MAIL": {
			greeting + `
			C: MAIL FROM:<a@example.net> SIZE=22
			C: RCPT TO:<b@example.org>
			C: DATA
			S: 421 4.7.0 too fast
			-- close`,
			mailTo("b@example.org"), "mail 421 4.7.0 temporary +closing", false,
		},
		"421 at RCPT": {
			greeting + `
			C: MAIL FROM:<a@example.net> SIZE=22
			C: RCPT TO:<b@example.org>
			C: RCPT TO:<c@example.org>
			C: RCPT TO:<d@example.org>
			C: DATA
			S: 250 ok
			S: 550 5.1.1 no such user
			S: 250 ok
			S: 421 4.7.0 too fast
			-- close`,
			mailTo("b@example.org", "c@example.org", "d@example.org"),
			"rcpt 550 5.1.1 permanent; rcpt 421 4.7.0 temporary +closing; rcpt 421 4.7.0 temporary +closing", false,
		},
		"421 to the message": {
			greeting + `
			C: MAIL FROM:<a@example.net> SIZE=22
			C: RCPT TO:<b@example.org>
			C: DATA
			S: 250 ok
			S: 250 ok
			S: 354 go
			M: Subject: hi
			M:
			M: hello
			S: 421 4.3.2 shutting down
			-- close`,
			mailTo("b@example.org"), "end 421 4.3.2 temporary +closing", false,
		},
		"closed in the envelope": {
			greeting + `
			C: MAIL FROM:<a@example.net> SIZE=22
			C: RCPT TO:<b@example.org>
			C: DATA
			S: 250 ok
			-- close`,
			mailTo("b@example.org"), "rcpt 451 4.4.2 temporary +lost", false,
		},
		"closed in the middle of the message": {
			greeting + `
			C: MAIL FROM:<a@example.net> SIZE=22
			C: RCPT TO:<b@example.org>
			C: DATA
			S: 250 ok
			S: 250 ok
			S: 354 go
			C: Subject: hi
			-- close`,
			mailTo("b@example.org"), "end 451 4.4.2 temporary +lost", false,
		},
		"closed before the message": {
			greeting + `
			C: MAIL FROM:<a@example.net> SIZE=22
			C: RCPT TO:<b@example.org>
			C: DATA
			S: 250 ok
			S: 250 ok
			S: 354 go
			-- close`,
			mailTo("b@example.org"), "body 451 4.4.2 temporary +lost", false,
		},
		"closed instead of a reply to the message": {
			greeting + `
			C: MAIL FROM:<a@example.net> SIZE=22
			C: RCPT TO:<b@example.org>
			C: DATA
			S: 250 ok
			S: 250 ok
			S: 354 go
			M: Subject: hi
			M:
			M: hello
			-- close`,
			mailTo("b@example.org"), "end 451 4.4.2 temporary +lost", false,
		},
		"not SMTP": {
			greeting + `
			C: MAIL FROM:<a@example.net> SIZE=22
			C: RCPT TO:<b@example.org>
			C: DATA
			S: HTTP/1.1 400 Bad Request
			-- eat`,
			mailTo("b@example.org"), "mail 451 4.5.0 temporary +lost", false,
		},
	}
}

// parameterCases are what depends on the extensions of the peer.
func parameterCases() map[string]sendCase {
	return map[string]sendCase{
		"too big": {greeting, &Mail{
			From: "a@example.net", Raw: make([]byte, 1001),
			Recipients: []Recipient{{Address: "b@example.org"}},
		}, "mail 552 5.3.4 permanent", true},
		"SMTPUTF8 not offered": {plainGreeting, &Mail{
			From: "a@example.net", UTF8: true, Raw: []byte("å"),
			Recipients: []Recipient{{Address: "b@example.org"}},
		}, "mail 550 5.6.7 permanent", true},
		"SMTPUTF8 not offered, needed by one recipient": {
			plainGreeting + `
			C: MAIL FROM:<a@example.net>
			S: 250 ok
			C: RCPT TO:<b@example.org>
			S: 250 ok
			C: DATA
			S: 354 go
			M: Subject: hi
			M:
			M: hello
			S: 250 ok`,
			mailTo("å@example.org", "b@example.org"), "rcpt 550 5.6.7 permanent; delivered 250", true,
		},
		"nobody fit to be sent to": {
			greeting, mailTo("b@example.org\r\nDATA", ""),
			"rcpt 501 5.1.3 permanent; rcpt 501 5.1.3 permanent", true,
		},
		"all the parameters": {
			greeting + `
			C: MAIL FROM:<å@example.net> SIZE=4 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=QQ+3D1+2B2+20x
			C: RCPT TO:<b@example.org> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b+2Bc@example.org
			C: RCPT TO:<c@example.org> NOTIFY=NEVER
			C: DATA
			S: 250 ok
			S: 250 ok
			S: 250 ok
			S: 354 go
			M: å
			S: 250 ok`,
			&Mail{
				From: "å@example.net", Raw: []byte("å\r\n"), EightBit: true, UTF8: true, EnvelopeID: "QQ=1+2 x",
				Return: model.ReturnHeaders, Recipients: []Recipient{
					{Address: "b@example.org", Notify: model.NotifySuccess | model.NotifyDelay, ORcpt: "rfc822;b+2Bc@example.org"},
					{Address: "c@example.org", Notify: model.NotifyNever, ORcpt: "rfc822;c c"},
				},
			}, "delivered 250; delivered 250", true,
		},
		"eight bits to a peer that has seven: as they are": {
			plainGreeting + `
			C: MAIL FROM:<>
			S: 250 ok
			C: RCPT TO:<b@example.org>
			S: 250 ok
			C: DATA
			S: 354 go
			M: å
			S: 250 ok`,
			&Mail{Raw: []byte("å\r\n"), EightBit: true, Recipients: []Recipient{{Address: "b@example.org"}}}, "delivered 250", true,
		},
	}
}
