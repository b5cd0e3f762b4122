package e2e

import (
	"errors"
	"net/http"
	"strings"
	"syscall"
	"testing"
)

// TestGracefulStop stops a node under load, over and over: what was begun is finished, what is new is put off with
// 421, what is queued goes out with the next process, and nothing is sent twice.
func TestGracefulStop(t *testing.T) {
	for _, store := range []string{"SQLite", "PostgreSQL"} {
		t.Run(store, func(t *testing.T) {
			url := ""
			if store == "PostgreSQL" {
				url = postgres(t).URL
			}
			r := receive(t, nil)
			n := install(t, url, fixedRoute(r.addr, "connections = 2"), "BUDKAVLE_LOG_LEVEL=warn") // so that there is a queue
			l := submit(t, n.smtp, 8)
			for range 5 {
				n.start()
				want := l.count() + 300
				n.await("mail to be taken", func() bool { return l.count() > want })
				n.stop()
			}
			n.start()
			l.stop()
			n.await("an empty queue", func() bool { return n.queued(1) == 0 })
			_, again := r.counts()
			t.Logf("%d accepted, %d put off (%v), %d arrived twice", len(l.taken), len(l.refused), l.texts, again)
			if ids := l.missing(r); len(ids) > 0 || again > 0 || len(l.lost) > 0 {
				t.Errorf("%d lost, %d arrived twice, %d senders without an answer", len(ids), again, len(l.lost))
			}
			for code, text := range l.texts {
				if code != 421 {
					t.Errorf("a sender was told %s", text)
				}
			}
			n.stop()
		})
	}
}

// TestDraining looks at a node that is stopping: it waits for the sender within a message, and for nobody else.
func TestDraining(t *testing.T) {
	r := receive(t, nil)
	n := install(t, "", fixedRoute(r.addr))
	n.start()
	within, between, idle := connect(t, n.smtp), connect(t, n.smtp), connect(t, n.smtp)
	if err := within.open("within@school.example", "a@rcpt.example"); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"MAIL FROM:<info@school.example>", "RCPT TO:<b@rcpt.example>"} {
		if err := between.say(250, "%s", line); err != nil {
			t.Fatal(err)
		}
	}
	n.signal(syscall.SIGTERM)

	n.await("the node to say that it drains", func() bool {
		status, body, err := n.get("/readyz")
		return err == nil && status == http.StatusServiceUnavailable && strings.Contains(body, "draining")
	})
	if status, _, err := n.get("/healthz"); err != nil || status != http.StatusOK {
		t.Errorf("/healthz while draining: %d, %v", status, err)
	}
	if _, _, err := idle.text.ReadResponse(421); err != nil {
		t.Errorf("an idle session was told %v, want 421", err)
	}
	if _, err := dial(n.smtp); code(err) != 421 {
		t.Errorf("a new session was told %v, want 421", err)
	}
	if err := within.finish(); err != nil {
		t.Errorf("the message that was under way: %v", err)
	}
	if err := within.say(250, "MAIL FROM:<info@school.example>"); code(err) != 421 {
		t.Errorf("the next message of the session was told %v, want 421", err)
	}
	if err := errors.Join(between.data("between@school.example"), between.finish()); err != nil {
		t.Errorf("the transaction that was open: %v", err)
	}
	n.awaitEnd()
	if n.state != nil {
		t.Errorf("the node ended with %v", n.state)
	}
	n.start()
	r.await(t, 2)
	n.stop()
	if _, again := r.counts(); again > 0 {
		t.Errorf("%d arrived twice", again)
	}
}

// TestSecondSignalStopsAtOnce: whoever is still within a message is cut off, and has not been told 250.
func TestSecondSignalStopsAtOnce(t *testing.T) {
	n := install(t, "", "")
	n.start()
	within := connect(t, n.smtp)
	if err := within.open("within@school.example", "a@rcpt.example"); err != nil {
		t.Fatal(err)
	}
	n.signal(syscall.SIGTERM)
	n.await("the node to say that it drains", func() bool { return !n.ready() })
	n.signal(syscall.SIGTERM)
	n.awaitEnd()
	if err := within.finish(); err == nil {
		t.Error("a message was taken by a node that had ended")
	}
	n.start()
	if queued := n.queued(10); queued != 0 {
		t.Errorf("%d recipients in the queue of a message that was never finished", queued)
	}
	n.stop()
}

// TestStopWithoutTheStore: a node whose database is gone stops when it is told to, and loses nothing by it.
func TestStopWithoutTheStore(t *testing.T) {
	pg := postgres(t)
	r := receive(t, nil)
	n := install(t, pg.URL, fixedRoute(r.addr, "connections = 2"), "BUDKAVLE_LOG_LEVEL=warn")
	n.start()
	l := submit(t, n.smtp, 8)
	n.await("mail to be taken", func() bool { return l.count() > 200 })
	pg.Stop()
	l.stop()
	n.signal(syscall.SIGTERM)
	n.awaitEnd()
	if err := pg.Start(); err != nil {
		t.Fatal(err)
	}
	n.start()
	n.await("an empty queue", func() bool { return n.queued(1) == 0 })
	if ids := l.missing(r); len(ids) > 0 {
		t.Errorf("%d messages that were acknowledged did not arrive, such as %s", len(ids), ids[0])
	}
	n.stop()
}

func connect(t *testing.T, addr string) *client {
	t.Helper()
	c, err := dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	return c
}
