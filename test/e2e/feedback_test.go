package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
)

// bring gives the node's MX listener a mail, as another server would.
func bring(t *testing.T, n *node, sender, recipient, raw string) {
	t.Helper()
	c := connect(t, n.mx)
	defer c.close()
	for _, step := range []struct {
		want    int
		command string
	}{{250, "MAIL FROM:<" + sender + ">"}, {250, "RCPT TO:<" + recipient + ">"}, {354, "DATA"}} {
		if err := c.say(step.want, "%s", step.command); err != nil {
			t.Fatalf("%s: %v", step.command, err)
		}
	}
	if _, err := io.WriteString(c.conn, raw); err != nil {
		t.Fatal(err)
	}
	if err := c.finish(); err != nil {
		t.Fatalf("a mail to %s was refused: %v", recipient, err)
	}
}

const (
	freeText = "From: MAILER-DAEMON@mx.rcpt.example\r\nSubject: failure notice\r\n\r\nHi. This is the qmail-send program at mx.rcpt.example.\r\n" +
		"I'm afraid I wasn't able to deliver your message to the following addresses.\r\n\r\n<%s>:\r\nSorry, no mailbox here by that name. (#5.1.1)\r\n"
	complaint = "From: fbl@rcpt.example\r\nSubject: FW: letter\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=feedback-report; boundary=x\r\n\r\n" +
		"--x\r\n\r\nThis is an abuse report.\r\n--x\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nUser-Agent: Loop/1\r\nVersion: 1\r\n" +
		"Original-Rcpt-To: redacted@rcpt.example\r\n\r\n--x\r\nContent-Type: message/rfc822\r\n\r\nReturn-Path: <%s>\r\nSubject: letter\r\n\r\nhej\r\n--x--\r\n"
	answer = "From: Vera <vera@rcpt.example>\r\nDKIM-Signature: v=1; d=rcpt.example; b=untouched\r\nMessage-ID: <answer@rcpt.example>\r\nSubject: Re: Hej\r\n\r\nTack!\r\n"
)

// post is what a receiver has taken.
type post struct {
	mu   sync.Mutex
	mail []received
}

// find is the first that fits.
func (p *post) find(fits func(received) bool) (received, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.mail {
		if fits(m) {
			return m, true
		}
	}
	return received{}, false
}

// TestWhatComesBackIsHeeded: one address is dead by a report, one by free text, one reader complains and one answers. The
// first three are not sent to again, each for its own reason; the answer reaches the sender as it was written.
func TestWhatComesBackIsHeeded(t *testing.T) {
	var p post
	r := receive(t, func(r *receiver) {
		r.take = func(m received) error {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.mail = append(p.mail, m)
			return nil
		}
	})
	n := install(t, "", fixedRoute(r.addr))
	n.start()
	paths := map[string]string{}
	for _, who := range []string{"dead", "text", "angry", "vera"} {
		to := who + "@rcpt.example"
		if err := connect(t, n.smtp).send(who+"@school.example", to); err != nil {
			t.Fatal(err)
		}
		n.await("the letter to "+who, func() bool {
			m, ok := p.find(func(m received) bool { return m.to[0] == to })
			paths[who] = m.from
			return ok
		})
		n.await(who+" to be delivered", func() bool { return inState(n, "delivered", to) })
	}
	for range 2 {
		if err := returnMail(t, n, paths["dead"], "dead@rcpt.example", "dead"); err != nil {
			t.Fatal(err)
		}
		bring(t, n, "", paths["text"], fmt.Sprintf(freeText, "text@rcpt.example"))
		bring(t, n, "fbl@rcpt.example", "abuse@bounce.node.example", fmt.Sprintf(complaint, paths["angry"]))
	}
	bring(t, n, "vera@rcpt.example", paths["vera"], answer)
	n.await("the answer to reach the sender", func() bool {
		m, ok := p.find(func(m received) bool { return m.id == "answer@rcpt.example" })
		if ok && (m.from != "" || m.to[0] != "info@school.example" || !strings.HasSuffix(string(m.raw), answer)) {
			t.Fatalf("it came from %q to %q:\n%s", m.from, m.to, m.raw)
		}
		return ok
	})

	// A forged complaint and a forged report say nothing of vera.
	bring(t, n, "fbl@rcpt.example", "abuse@bounce.node.example", fmt.Sprintf(strings.Replace(complaint, "redacted@", "vera@", 1), "b"+paths["vera"]))
	for who, code := range map[string]int{"dead": 605, "text": 605, "angry": 607, "vera": 0} {
		to := who + "@rcpt.example"
		if err := connect(t, n.smtp).send(who+"2@school.example", to); err != nil {
			t.Fatalf("the second letter to %s: %v", who, err)
		}
		if got := codeOf(t, n, who+"2@school.example"); got != code {
			t.Errorf("the second letter to %s is told of with code %d, want %d", who, got, code)
		}
	}
	n.await("an empty queue", func() bool { return n.queued(1) == 0 })
	for who, times := range map[string]int{"dead": 1, "text": 1, "angry": 1, "vera": 2} {
		p.mu.Lock()
		got := 0
		for _, m := range p.mail {
			if m.to[0] == who+"@rcpt.example" {
				got++
			}
		}
		p.mu.Unlock()
		if got != times {
			t.Errorf("%s was sent %d letters, want %d", who, got, times)
		}
	}
	_, figures, err := n.get("/metrics")
	for _, want := range []string{
		`budkavle_returned_total{kind="bounce"} 4`, `budkavle_returned_total{kind="complaint"} 3`, `budkavle_returned_total{kind="reply"} 1`,
		`budkavle_bounces_total{by="report",class="user-unknown"} 2`, `budkavle_complaints_untied_total 1`,
	} {
		if err != nil || !strings.Contains(figures, want) {
			t.Errorf("the figures lack %s, %v", want, err)
		}
	}
	today := n.run("account", "digest", "school", "--json", "--day", dayOf(t, n))
	var d struct {
		Listed, Complained, Answered int
		Addresses                    []string
	}
	if err := json.Unmarshal([]byte(today), &d); err != nil || d.Listed != 3 || d.Complained != 1 || d.Answered != 1 || len(d.Addresses) != 3 {
		t.Errorf("the day: %s, %v", today, err)
	}
	n.stop()
}

// messageOf is what the queue knows of a message, by its Message-ID.
func messageOf(t *testing.T, n *node, id string) (s struct {
	Events []struct {
		At   string
		Data struct{ Code int }
	}
},
) {
	t.Helper()
	for _, state := range []string{"waiting", "leased", "delivered", "bounced"} {
		for line := range strings.Lines(n.run("queue", "list", "--json", "--state", state)) {
			var row struct{ Message string }
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				t.Fatal(err)
			}
			if shown := n.run("queue", "show", row.Message, "--json"); strings.Contains(shown, `"message_id":"`+id+`"`) {
				if err := json.Unmarshal([]byte(shown), &s); err != nil {
					t.Fatal(err)
				}
				return s
			}
		}
	}
	t.Fatalf("no message has the Message-ID %s", id)
	return s
}

// codeOf is the code of our own that is told of a message; 0: none is.
func codeOf(t *testing.T, n *node, id string) int {
	t.Helper()
	code := 0
	for _, ev := range messageOf(t, n, id).Events {
		code = max(code, ev.Data.Code)
	}
	return code
}

// dayOf is the node's own day.
func dayOf(t *testing.T, n *node) string {
	t.Helper()
	return messageOf(t, n, "vera2@school.example").Events[0].At[:len("2006-01-02")]
}
