package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	flood        = 100_000
	floodLetter  = 50 // recipients of one letter: each of them is a transaction of its own to the receiver
	fairSessions = 10
)

// TestFairness queues 100,000 recipients of one account for one site; then another account sends one message there.
// It must not wait for the queue, but for one slot: the sessions of the site are all busy with the first account's
// mail, and the next that comes free takes the message. Slots are counted, not seconds; how long it took is printed.
func TestFairness(t *testing.T) {
	slots := make(chan struct{}) // each lets the receiver end one transaction of the flood
	arrived := make(chan string, 1)
	r := receive(t, func(r *receiver) {
		r.take = func(m received) error {
			if strings.HasPrefix(m.id, "single") {
				arrived <- m.id
			} else {
				<-slots
			}
			return nil
		}
	})
	n := install(t, "", fixedRoute(r.addr, fmt.Sprintf("connections = %d", fairSessions)), "BUDKAVLE_LOG_LEVEL=warn",
		"BUDKAVLE_SUBMISSION_TRUSTED_NETWORKS=127.0.0.1/32=school,127.0.0.2/32=town")
	n.run("account", "add", "town")
	n.run("domain", "add", "town.example", "--account", "town", "--waive", "test on loopback")
	n.start()
	t.Cleanup(func() { close(slots) })
	floodQueue(t, n)
	if waiting := waiting(t, n); waiting < flood*9/10 {
		t.Fatalf("only %d recipients wait: the queue is not deep", waiting)
	}

	single := connectFrom(t, n.smtp, "127.0.0.2", "info@town.example")
	var counts []int
	for i := range 10 {
		id := fmt.Sprintf("single-%d@town.example", i)
		if err := single.send(id, "someone@rcpt.example"); err != nil {
			t.Fatal(err)
		}
		counts = append(counts, slotsUntil(t, slots, arrived, id))
	}
	// Sessions that were busy when the message came end what they are at, and one of them takes it; the flood's turn
	// may come first once.
	if most := slices.Max(counts); most > fairSessions+1 {
		t.Errorf("the single message waited for %v transactions of the other account; at most %d are one slot", counts, fairSessions+1)
	}
	t.Logf("%d queued by one account; single messages of another went after %v slots, of %d sessions", flood, counts, fairSessions)

	done := pace(slots, 10*time.Millisecond)
	defer done()
	var times []time.Duration
	for i := range 20 {
		id := fmt.Sprintf("single-timed-%d@town.example", i)
		if err := single.send(id, "someone@rcpt.example"); err != nil {
			t.Fatal(err)
		}
		accepted := time.Now()
		<-arrived
		times = append(times, time.Since(accepted))
	}
	slices.Sort(times)
	t.Logf("with a slot every 10 ms: median %v, longest %v from its 250 to its arrival", times[len(times)/2], times[len(times)-1])
}

// floodQueue submits the first account's mail.
func floodQueue(t *testing.T, n *node) {
	t.Helper()
	var wg sync.WaitGroup
	const connections = 4
	for i := range connections {
		wg.Go(func() {
			c := connect(t, n.smtp)
			for letter := i; letter < flood/floodLetter; letter += connections {
				to := make([]string, floodLetter)
				for j := range to {
					to[j] = fmt.Sprintf("r%d.%d@rcpt.example", letter, j)
				}
				if err := c.send(fmt.Sprintf("flood-%d@school.example", letter), to...); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// waiting is how many recipients the queue holds.
func waiting(t *testing.T, n *node) int {
	t.Helper()
	total := 0
	for line := range strings.Lines(n.run("queue", "list", "--sites", "--json")) {
		var site struct{ Waiting int }
		if err := json.Unmarshal([]byte(line), &site); err != nil {
			t.Fatal(err)
		}
		total += site.Waiting
	}
	return total
}

// slotsUntil gives slots, one at a time, until the message has arrived.
func slotsUntil(t *testing.T, slots chan<- struct{}, arrived <-chan string, id string) int {
	t.Helper()
	timeout := time.After(patience)
	for n := 0; ; n++ {
		select {
		case got := <-arrived:
			if got != id {
				t.Fatalf("%s arrived, not %s", got, id)
			}
			return n
		case slots <- struct{}{}:
		case <-timeout:
			t.Fatalf("%s did not arrive, after %d slots", id, n)
		}
	}
}

// pace gives a slot every so often until done is called.
func pace(slots chan<- struct{}, every time.Duration) (done func()) {
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-stop:
				return
			}
			select {
			case slots <- struct{}{}:
			case <-stop:
				return
			}
		}
	}()
	return func() { close(stop); <-ended }
}

// connectFrom connects from an address of loopback, to send as somebody else.
func connectFrom(t *testing.T, addr, from, sender string) *client {
	t.Helper()
	c, err := dialFrom(addr, &net.TCPAddr{IP: net.ParseIP(from)})
	if err != nil {
		t.Fatal(err)
	}
	c.sender = sender
	t.Cleanup(c.close)
	return c
}
