package e2e

import (
	"fmt"
	"strings"
	"testing"
)

const report = "From: Mail Delivery System <MAILER-DAEMON@receiver.example>\r\nTo: %[1]s\r\nSubject: Undelivered Mail Returned to Sender\r\n" +
	"Message-ID: <%[3]s@receiver.example>\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n" +
	"Content-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\r\n\r\n" +
	"--b\r\nContent-Type: text/plain\r\n\r\nThe user has left.\r\n" +
	"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; receiver.example\r\n\r\n" +
	"Final-Recipient: rfc822; %[2]s\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 The user has left\r\n" +
	"--b--\r\n"

// returnMail gives a report to the node's MX listener, as the receiver's server would.
func returnMail(t *testing.T, n *node, returnPath, recipient, id string) error {
	t.Helper()
	c := connect(t, n.mx)
	defer c.close()
	for _, step := range []struct {
		want    int
		command string
	}{{250, "MAIL FROM:<>"}, {250, "RCPT TO:<" + returnPath + ">"}, {354, "DATA"}} {
		if err := c.say(step.want, "%s", step.command); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintf(c.conn, report, returnPath, recipient, id); err != nil {
		return err
	}
	return c.finish()
}

// TestBounceComesHome: a receiver takes a message and returns it later. The report finds the recipient by its return
// path, the recipient becomes bounced, and the sender is told by a DSN, once, however often the report comes.
func TestBounceComesHome(t *testing.T) {
	const recipient = "gone@rcpt.example"
	r := receive(t, nil)
	n := install(t, "", fixedRoute(r.addr))
	n.start()
	if err := connect(t, n.smtp).send("letter@school.example", recipient); err != nil {
		t.Fatal(err)
	}
	r.await(t, 1)
	letter := r.latest()
	if !strings.HasSuffix(letter.from, "@bounce.node.example") {
		t.Fatalf("the return path is %q", letter.from)
	}
	n.await("the recipient to be delivered", func() bool { return inState(n, "delivered", recipient) })

	forged := strings.Replace(letter.from, letter.from[3:5], "zz", 1)
	if err := returnMail(t, n, forged, recipient, "forged"); code(err) != 550 {
		t.Errorf("a forged return path was told %v, want 550", err)
	}
	for i := range 2 {
		if err := returnMail(t, n, strings.ToUpper(letter.from), recipient, fmt.Sprint("report", i)); err != nil {
			t.Fatalf("the report was refused: %v", err)
		}
	}
	n.await("the recipient to be bounced", func() bool { return inState(n, "bounced", recipient) })
	r.await(t, 2)
	dsn := r.latest()
	text := string(dsn.raw)
	if dsn.from != "" || len(dsn.to) != 1 || dsn.to[0] != "info@school.example" {
		t.Errorf("the sender's DSN came from %q to %q", dsn.from, dsn.to)
	}
	for _, want := range []string{"multipart/report", "report-type=delivery-status", recipient, "Action: failed", "Status: 5.1.1", "The user has left"} {
		if !strings.Contains(text, want) {
			t.Errorf("the DSN does not say %q:\n%s", want, text)
		}
	}
	n.await("an empty queue", func() bool { return n.queued(1) == 0 })
	n.stop()
	if n := r.total(); n != 2 {
		t.Errorf("%d messages came, want the letter and one DSN", n)
	}
}

// TestMXTakesNothingElse: the MX listener is no relay and no mailbox, and says so at RCPT.
func TestMXTakesNothingElse(t *testing.T) {
	n := install(t, "", "")
	n.start()
	for recipient, want := range map[string]int{
		"info@elsewhere.example": 550, "info@school.example": 550, "b@bounce.node.example": 550,
	} {
		if err := returnMail(t, n, recipient, recipient, "x"); code(err) != want {
			t.Errorf("%s was told %v, want %d", recipient, err, want)
		}
	}
	if queued := n.queued(10); queued != 0 {
		t.Errorf("%d recipients in the queue", queued)
	}
	n.stop()
}

func inState(n *node, state, recipient string) bool {
	n.t.Helper()
	return strings.Contains(n.run("queue", "list", "--json", "--state", state), `"recipient":"`+recipient+`"`)
}
