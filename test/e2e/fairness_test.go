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

// busySite is a receiver whose sessions all end up within a transaction of the flood, until they are let go one by one.
type busySite struct {
	*receiver
	busy    chan struct{} // a session has begun a transaction of the flood
	slots   chan struct{} // lets one of them end
	arrived chan string   // a message that is not of the flood
}

func newBusySite(t *testing.T) *busySite {
	s := &busySite{busy: make(chan struct{}, flood), slots: make(chan struct{}), arrived: make(chan string, 1)}
	s.receiver = receive(t, func(r *receiver) {
		r.take = func(m received) error {
			if strings.HasPrefix(m.id, "single") {
				s.arrived <- m.id
				return nil
			}
			s.busy <- struct{}{}
			<-s.slots
			return nil
		}
	})
	return s
}

// fill waits until all sessions are busy. The window of a site grows as it serves: it is given slots until then.
func (s *busySite) fill(t *testing.T) {
	t.Helper()
	timeout := time.After(patience)
	for sessions := 0; sessions < fairSessions; {
		select {
		case <-s.busy:
			sessions++
		case <-time.After(50 * time.Millisecond): // no session will be added without one
			if sessions > 0 {
				s.slots <- struct{}{}
				sessions--
			}
		case <-timeout:
			t.Fatalf("only %d of %d sessions are busy", sessions, fairSessions)
		}
	}
}

// until gives slots, one at a time, until the message has arrived, and the sessions are busy again. It returns how
// many slots it took.
func (s *busySite) until(t *testing.T, id string) int {
	t.Helper()
	timeout := time.After(patience)
	for slots := 1; ; slots++ {
		s.slots <- struct{}{}
		select {
		case got := <-s.arrived:
			if got != id {
				t.Fatalf("%s arrived, not %s", got, id)
			}
			<-s.busy
			return slots
		case <-s.busy: // the flood's turn
		case <-timeout:
			t.Fatalf("%s did not arrive, after %d slots", id, slots)
		}
	}
}

// TestFairness queues 100,000 recipients of one account for one site; then another account sends one message there.
// It must not wait for the queue, but for one slot: the sessions of the site are all busy with the first account's
// mail, and the next that comes free takes the message. Slots are counted, not seconds; how long it took is printed.
func TestFairness(t *testing.T) {
	s := newBusySite(t)
	n := install(t, "", fixedRoute(s.addr, fmt.Sprintf("connections = %d", fairSessions)), "BUDKAVLE_LOG_LEVEL=warn",
		"BUDKAVLE_SUBMISSION_TRUSTED_NETWORKS=127.0.0.1/32=school,127.0.0.2/32=town")
	n.run("account", "add", "town")
	n.run("domain", "add", "town.example", "--account", "town", "--waive", "test on loopback")
	n.start()
	t.Cleanup(func() { close(s.slots) })
	floodQueue(t, n)
	if waiting := waiting(t, n); waiting < flood*9/10 {
		t.Fatalf("only %d recipients wait: the queue is not deep", waiting)
	}

	single := connectFrom(t, n.smtp, "127.0.0.2", "info@town.example")
	s.fill(t)
	probe := func(id string) int {
		if err := single.send(id, "someone@rcpt.example"); err != nil {
			t.Fatal(err)
		}
		return s.until(t, id)
	}
	// The first message of an account since the start is claimed from the store, as the account is not known yet: slots go
	// by meanwhile.
	first := probe("single-first@town.example")
	var counts []int
	for i := range 10 {
		counts = append(counts, probe(fmt.Sprintf("single-%d@town.example", i)))
	}
	if most := slices.Max(counts); most > 2 { // its own, and one that was the flood's turn already
		t.Errorf("the single messages waited for %v slots", counts)
	}
	t.Logf("%d queued by one account; single messages of another took slot number %v, the very first %d", flood, counts, first)

	done := pace(s.slots, 10*time.Millisecond)
	defer done()
	var times []time.Duration
	for i := range 20 {
		id := fmt.Sprintf("single-timed-%d@town.example", i)
		if err := single.send(id, "someone@rcpt.example"); err != nil {
			t.Fatal(err)
		}
		accepted := time.Now()
		<-s.arrived
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
