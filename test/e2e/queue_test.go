package e2e

import (
	"strings"
	"testing"
)

// TestQueueCommandsReachTheNode changes the queue from the command line under a running node, which notices by itself.
func TestQueueCommandsReachTheNode(t *testing.T) {
	r := mixed(t)
	n := install(t, "", fixedRoute(r.addr), "BUDKAVLE_DELIVERY_RETRY_FIRST=1h")
	n.start()
	c := connect(t, n.smtp)
	if err := c.send("later@school.example", "a@rcpt.example"); err != nil {
		t.Fatal(err)
	}
	n.await("the receiver to defer it", func() bool { return strings.Contains(n.run("queue", "list", "--json"), "Greylisted") })

	n.run("queue", "retry", "--all") // instead of in an hour
	r.await(t, 1)

	n.run("account", "suspend", "school")
	n.await("the account to be refused", func() bool {
		err := c.send("suspended@school.example", "a@rcpt.example")
		if err == nil {
			r.await(t, 2)
			return false
		}
		return code(err) == 550
	})
	n.run("account", "resume", "school")
	n.await("the account to be taken", func() bool {
		_ = c.say(250, "RSET")
		return c.send("resumed@school.example", "b@rcpt.example") == nil
	})
	n.await("its mail to arrive", func() bool { return r.has("resumed@school.example", "b@rcpt.example") })
	n.stop()
}

// TestSendReachesTheNode: mail that the command line queued leaves at once, held mail when it is released.
func TestSendReachesTheNode(t *testing.T) {
	r := receive(t, nil)
	n := install(t, "", fixedRoute(r.addr))
	send := func(to string) {
		n.run("send", "--from", "info@school.example", "--to", to, "--subject", "Hej", "/dev/null")
	}
	send("held@rcpt.example")
	n.run("queue", "hold", "--domain", "rcpt.example")
	send("cancelled@rcpt.example")
	n.run("queue", "cancel", n.messageTo("cancelled@rcpt.example"))
	n.start()
	send("now@other.example")
	r.await(t, 1)
	if m := r.latest(); m.to[0] != "now@other.example" {
		t.Errorf("%s came first", m.to)
	}
	n.run("queue", "release", "--all")
	r.await(t, 2)
	n.await("an empty queue", func() bool { return n.queued(1) == 0 })
	n.stop()
	if n := r.total(); n != 2 {
		t.Errorf("%d arrived", n)
	}
}

// messageTo is the identifier of the message in the queue to this recipient.
func (n *node) messageTo(recipient string) string {
	n.t.Helper()
	for line := range strings.Lines(n.run("queue", "list", "--json")) {
		var row struct{ Message, Recipient string }
		if fromJSON(n.t, line, &row); row.Recipient == recipient {
			return row.Message
		}
	}
	n.t.Fatalf("nothing in the queue to %s", recipient)
	return ""
}
