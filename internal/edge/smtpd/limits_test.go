package smtpd

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/budkavle/budkavle/internal/standard/smtp"
)

func TestCommandsWithoutProgress(t *testing.T) {
	tests := map[string]string{
		"small talk":   strings.Repeat("C: NOOP\nS: 250 *\n", maxFruitless) + "C: NOOP\nS: 421 4.7.0 Too many commands without a message, goodbye\n-- closed",
		"resetting":    "C: EHLO x\n-- greeting\n" + strings.Repeat(envelope+"C: RSET\nS: 250 *\n", 49) + "C: NOOP\nS: 250 *\nC: RSET\nS: 421 4.7.0 *\n-- closed",
		"errors":       strings.Repeat("C: XYZZY\nS: 500 *\n", maxErrors) + "S: 421 4.7.0 Too many errors, goodbye\n-- closed",
		"empty lines":  strings.Repeat("C: \nS: 500 *\n", maxErrors) + "S: 421 4.7.0 Too many errors, goodbye\n-- closed",
		"wrong people": "C: EHLO x\n-- greeting\nC: MAIL FROM:<a@example.net>\nS: 250 *\n" + strings.Repeat("C: RCPT TO:<no-one@example.org>\nS: 550 *\n", maxErrors) + "S: 421 *\n-- closed",
	}
	for name, script := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(w *world) { w.play("S: 220 *\n" + script) })
		})
	}
}

// A long list with some bad addresses in it must come through, again and again.
func TestErrorsAreForgivenOverGoodMail(t *testing.T) {
	inBubble(t, func(w *world) {
		list := "C: RCPT TO:<b@example.org>\nS: 250 *\nC: RCPT TO:<no-one@example.org>\nS: 550 *\n"
		message := "C: MAIL FROM:<a@example.net>\nS: 250 *\n" + strings.Repeat(list, 200) + "C: DATA\nS: 354 *\nC: .\nS: 250 *\n"
		w.play("S: 220 *\nC: EHLO x\n-- greeting\n" + strings.Repeat(message, 3))
	})
}

// Faults of ours are not the client's errors; asking for ever is no progress all the same.
func TestFaultsOfOursAreNotCountedAsErrors(t *testing.T) {
	inBubble(t, func(w *world) {
		w.play("S: 220 *\nC: EHLO x\n-- greeting\nC: MAIL FROM:<a@example.net>\nS: 250 *\n" + strings.Repeat("C: RCPT TO:<later@example.org>\nS: 451 4.3.0 *\n", maxFruitless-2) +
			"C: RCPT TO:<later@example.org>\nS: 421 4.7.0 *\n-- closed")
		refused := "C: MAIL FROM:<full@example.net>\nC: RCPT TO:<b@example.org>\nC: DATA\nS: 250 *\nS: 250 *\nS: 452 4.3.1 *\n"
		w.play("S: 220 *\nC: EHLO x\n-- greeting\n" + strings.Repeat(refused, 2*maxFruitless))
	})
}

func TestManyMessagesInOneSession(t *testing.T) {
	inBubble(t, func(w *world) {
		w.play("S: 220 *\nC: EHLO x\n-- greeting\n" + strings.Repeat(envelope+"C: DATA\nS: 354 *\nC: .\nS: 250 *\n", 3*maxFruitless))
	})
}

func TestTimeForCommands(t *testing.T) {
	tests := map[string]string{
		"silence":                     "S: 220 *\n-- wait 4m59s\n-- quiet\n-- wait 1s\n-- spoken\nS: 421 4.4.2 You took too long, goodbye\n-- closed",
		"each its own":                "S: 220 *\n-- wait 4m\nC: NOOP\nS: 250 *\n-- wait 4m\nC: NOOP\nS: 250 *\n-- wait 5m\n-- spoken\nS: 421 *\n-- closed",
		"octet by octet":              "S: 220 *\n" + strings.Repeat("R: \"N\"\n-- wait 1m\n", 5) + "-- spoken\nS: 421 4.4.2 *\n-- closed",
		"after half a pipelined line": "S: 220 *\n-- wait 4m\nR: \"NOOP\\r\\nNO\"\nS: 250 *\n-- wait 4m59s\n-- quiet\nR: \"OP\\r\\n\"\nS: 250 *",
		"within AUTH":                 "S: 220 *\nC: EHLO x\n-- greeting\nC: AUTH LOGIN\nS: 334 *\n-- wait 5m\n-- spoken\nS: 421 4.4.2 *\n-- closed",
	}
	for name, script := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(w *world) { w.play(script) }, inTheClear)
		})
	}
}

func TestRateOfMessages(t *testing.T) {
	begin := "S: 220 *\nC: EHLO x\n-- greeting\n" + envelope + "C: DATA\nS: 354 *\n"
	slow, enough := strings.Repeat("x", 60*64-3), strings.Repeat("x", 60*64-2)
	tests := map[string]string{
		"silence":           begin + "-- wait 59s\n-- quiet\n-- wait 1s\n-- spoken\nS: 421 4.4.2 *\n-- closed",
		"a little at times": begin + strings.Repeat("C: x\n-- wait 10s\n", 6) + "-- spoken\nS: 421 4.4.2 *\n-- closed",
		"a little too slow": begin + "C: " + slow + "\n-- wait 1m\n-- spoken\nS: 421 4.4.2 *\n-- closed",
		"just quick enough": begin + strings.Repeat("C: "+enough+"\n-- wait 59s\n", 30) + "C: .\nS: 250 2.0.0 Queued as 1",
		"quick, then slow":  begin + "C: " + strings.Repeat(enough, 10) + "\n-- wait 1m\n-- quiet\n-- wait 1m\n-- spoken\nS: 421 4.4.2 *\n-- closed",
		"a chunk":           "S: 220 *\nC: EHLO x\n-- greeting\n" + envelope + "C: BDAT 10000 LAST\n-- wait 59s\nR: \"x\"\n-- wait 1s\n-- spoken\nS: 421 4.4.2 *\n-- closed",
		// Between chunks a command is waited for, with its time.
		"after a chunk": "S: 220 *\nC: EHLO x\n-- greeting\n" + envelope + "R: \"BDAT 1\\r\\nxNO\"\nS: 250 *\n-- wait 4m\nC: OP\nS: 250 2.0.0 Ok\n",
	}
	for name, script := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				w.play(script)
				w.stop()
				if got := w.box.texts(); (name == "just quick enough") != (len(got) == 1) {
					t.Errorf("%d messages kept", len(got))
				}
			})
		})
	}
}

// A client that never reads must not hold its session for ever.
func TestDeafClientsAreLetGo(t *testing.T) {
	inBubble(t, func(w *world) {
		c := w.dial("192.0.2.1")
		for len(c.pump.came) < cap(c.pump.came) {
			c.pump.came <- nil // until its socket's buffer is full
		}
		c.say(strings.Repeat("HELP\r\n", maxFruitless))
		time.Sleep(time.Minute + time.Second)
		synctest.Wait()
		if n := w.sessions(); n > 0 {
			t.Errorf("%d sessions go on", n)
		}
		c.close()
		for range c.pump.came {
		}
	})
}

func TestConnectionsAreCounted(t *testing.T) {
	inBubble(t, func(w *world) {
		var open []*client
		dial := func(from, want string) *client {
			c := w.dial(from)
			open = append(open, c)
			c.play("S: " + want)
			return c
		}
		first := dial("2001:db8:1:2::1", "220 *")
		for range 4 {
			dial("2001:db8:1:2:ffff::9", "220 *") // of the same /64
		}
		dial("2001:db8:1:2::2", "421 4.7.0 Too many connections from your address, try again later")
		dial("2001:db8:1:3::1", "220 *")
		for range 4 {
			dial("192.0.2.1", "220 *")
		}
		dial("192.0.2.9", "421 4.3.2 Too many connections, try again later")
		tls := w.implicit().dial("192.0.2.9")
		tls.play("-- closed") // it could not read a reply
		first.play("C: QUIT\nS: 221 *\n-- closed")
		synctest.Wait()
		dial("192.0.2.9", "220 *")
		for _, c := range open {
			c.close()
		}
	})
}

// A want of file descriptors passes; a listener that gave up would not come back.
func TestAcceptGoesOn(t *testing.T) {
	inBubble(t, func(w *world) {
		other := *w
		other.ln = &pipes{faults: 3, conns: make(chan net.Conn), closed: make(chan struct{})}
		w.server.Serve(other.ln, false)
		begun := time.Now()
		other.play("S: 220 *\nC: QUIT\nS: 221 *")
		if d := time.Since(begun); d != 300*time.Millisecond {
			t.Errorf("accepts again after %v", d)
		}
		broken := &pipes{faults: 1 << 30, conns: make(chan net.Conn), closed: make(chan struct{})}
		w.server.Serve(broken, false)
		synctest.Wait()
		w.stop() // does not wait for it to recover
	})
}

func TestWhatComesWithoutItsEndIsNotKept(t *testing.T) {
	inBubble(t, func(w *world) {
		w.play("S: 220 *\nC: EHLO x\n-- greeting\n" + envelope + "C: DATA\nS: 354 *\nC: From: a@example.net\nC:\nC: half a mess")
		w.play("S: 220 *\nC: EHLO x\n-- greeting\n" + envelope + "C: DATA\nS: 354 *\nR: \"From: a@example.net\\r\\n\\r\\nall\\r\\n.\\r\"")
		w.stop()
		if got := w.box.texts(); got != nil {
			t.Errorf("kept %q", got)
		}
	})
}

func TestMemoryIsBounded(t *testing.T) {
	inBubble(t, func(w *world) {
		w.play("S: 220 *\nC: EHLO x\n-- greeting\n" + envelope + "C: DATA\nS: 354 *\nC: x\nC: .\nS: 452 4.3.1 Too many large messages\n" +
			envelope + chunk("x", "LAST") + "S: 452 4.3.1 *\nC: NOOP\nS: 250 *")
	}, func(_ *Config, b *mailbox) {
		b.room = func() error { return smtp.Errorf(452, "4.3.1", "Too many large messages") }
	})
}

func TestDraining(t *testing.T) {
	inBubble(t, func(w *world) {
		idle, typing, inside, sending, implicit := w.ehlo(), w.ehlo(), w.ehlo(), w.ehlo(), w.implicit().dial("192.0.2.2")
		typing.play("R: \"NOO\"")
		inside.play(envelope)
		sending.play(envelope + "C: DATA\nS: 354 *\nC: half")
		synctest.Wait()
		stopped := make(chan error)
		go func() { stopped <- w.server.Stop(context.Background()) }()
		const bye = "S: 421 4.3.2 This server is shutting down, try again later\n-- closed"
		idle.play(bye)
		typing.play(bye)
		implicit.play("-- closed")
		late := w.dial("192.0.2.3")
		late.play("S: 421 4.3.2 *\n-- closed")
		inside.play("-- wait 30s\nC: NOOP\nS: 250 *\nC: DATA\nS: 354 *\nC: .\nS: 250 2.0.0 Queued as 1\n" + bye)
		select {
		case <-stopped:
			t.Error("stopped with a message on its way")
		default:
		}
		sending.play("C: half\nC: .\nC: MAIL FROM:<a@example.net>\nS: 250 2.0.0 Queued as 2\n" + bye)
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		for _, c := range []*client{idle, typing, inside, sending, implicit, late} {
			c.close()
		}
	})
}

func TestDrainingEndsWhenTimeIsUp(t *testing.T) {
	inBubble(t, func(w *world) {
		c := w.ehlo()
		defer c.close()
		c.play(envelope + "C: DATA\nS: 354 *\nC: half\n-- quiet")
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		begun := time.Now()
		if err := w.server.Stop(ctx); err != nil || time.Since(begun) != 10*time.Second {
			t.Errorf("stopped after %v: %v", time.Since(begun), err)
		}
		if _, err := c.r.ReadByte(); !errors.Is(err, io.EOF) {
			t.Errorf("the session goes on: %v", err)
		}
		if got := w.box.texts(); got != nil {
			t.Errorf("kept %q", got)
		}
	})
}

// What is being committed when the server is told to stop is finished and answered.
func TestDrainingWaitsForTheStore(t *testing.T) {
	inBubble(t, func(w *world) {
		c := w.ehlo()
		defer c.close()
		c.play(envelope + "C: DATA\nS: 354 *\nC: .\n-- quiet")
		go w.stop()
		c.play("S: 250 2.0.0 Queued as 1\nS: 421 4.3.2 *\n-- closed")
	}, func(_ *Config, b *mailbox) { b.slow = 10 * time.Second })
}
