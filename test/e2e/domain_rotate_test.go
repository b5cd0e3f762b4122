package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/lab"
)

const (
	ratePause = 25 * time.Millisecond // between letters of one sender: a steady pace, which leaves the machine room
	mostSent  = 2000                  // letters of one sender
)

// stream is mail of one domain that flows until it is stopped. Every other letter goes to a mailbox that defers it first,
// so that mail signed before keys changed is delivered after it.
type stream struct {
	domain string
	sent   atomic.Int64
	quit   chan struct{}
	failed error // read when it has ended
}

func letterOf(domain string, i int64) (id, recipient string) {
	provider := "rcpt.example"
	if i%2 == 1 {
		provider = "grey.example"
	}
	return fmt.Sprintf("%d@%s", i, domain), fmt.Sprintf("r%d.%s@%s", i, domain, provider)
}

func (s *stream) run(c *client) {
	tick := time.NewTicker(ratePause)
	defer tick.Stop()
	for i := int64(0); i < mostSent; i++ {
		if s.failed = c.send(letterOf(s.domain, i)); s.failed != nil {
			return
		}
		s.sent.Add(1)
		select {
		case <-tick.C:
		case <-s.quit:
			return
		}
	}
}

// signedBy names the keys that signed a letter.
func signedBy(a lab.Arrival) string {
	var selectors []string
	for _, s := range a.Signatures {
		selectors = append(selectors, s.Selector)
	}
	slices.Sort(selectors)
	return strings.Join(selectors, " ")
}

// arrivals are the letters of a domain, the first first, and how many each set of keys signed.
func (o *operator) arrivals(domain string) (list []lab.Arrival, signed map[string]int) {
	signed = map[string]int{}
	for _, a := range o.lab.Arrivals() {
		if a.FromDomain == domain {
			list = append(list, a)
			signed[signedBy(a)]++
		}
	}
	return list, signed
}

// TestRotationWithMailFlowing changes the keys of two domains, one set up by TXT and one by CNAME, while both send. Every
// letter verifies, before, during and after, and none is lost or doubled.
func TestRotationWithMailFlowing(t *testing.T) {
	o := operate(t, "", true)
	o.start()
	var streams []*stream
	var sending sync.WaitGroup
	for _, setup := range []string{"txt", "cname"} {
		s := &stream{domain: setup + ".example", quit: make(chan struct{})}
		user := o.add(s.domain, setup)
		o.publishShown(s.domain, "")
		o.run("domain", "verify", s.domain)
		session := o.login(user, s.domain)
		sending.Go(func() { s.run(session) })
		streams = append(streams, s)
	}
	signed := func(sets int) func() bool { // 20 letters by each set of keys
		return func() bool {
			return !slices.ContainsFunc(streams, func(s *stream) bool {
				_, found := o.arrivals(s.domain)
				return len(found) < sets || slices.Min(slices.Collect(maps.Values(found))) < 20
			})
		}
	}
	o.await("mail of both domains", signed(1))
	for _, s := range streams {
		o.run("domain", "rotate", s.domain)
		if out, _, err := o.command("domain", "verify", s.domain); err != nil || !strings.Contains(out, "the old one signs") {
			t.Errorf("before the new keys are published: %v\n%s", err, out)
		}
		o.publishShown(s.domain, "")
		o.run("domain", "verify", s.domain)
	}
	o.await("mail that the new keys sign", signed(2))
	for _, s := range streams {
		close(s.quit)
	}
	sending.Wait()
	o.await("an empty queue", func() bool { return o.queued(1) == 0 })
	o.stop()
	for _, s := range streams {
		if s.failed != nil {
			t.Errorf("%s: after %d letters the sender was told %v", s.domain, s.sent.Load(), s.failed)
		}
		o.rotated(s)
	}
	if r := o.lab.Report(); len(r.Doubled)+len(r.Unsigned)+len(r.Failed)+len(r.Strays) > 0 {
		t.Errorf("doubled %v, unsigned %v, failed %v, astray %v", r.Doubled, r.Unsigned, r.Failed, r.Strays)
	}
}

// rotated judges what arrived of a stream.
func (o *operator) rotated(s *stream) {
	o.t.Helper()
	list, signed := o.arrivals(s.domain)
	if len(signed) != 2 {
		o.t.Errorf("%s: letters by the keys that signed them: %v; want those of before and after", s.domain, signed)
	}
	for i := range s.sent.Load() {
		if id, to := letterOf(s.domain, i); o.lab.Received(id, to) != 1 {
			o.t.Errorf("%s arrived %d times", id, o.lab.Received(id, to))
		}
	}
	switched, late := false, 0
	for _, a := range list {
		faultless(o.t, a, s.domain, 2)
		old := signedBy(a) == signedBy(list[0])
		switched = switched || !old
		if switched && old {
			late++
		}
	}
	if late == 0 {
		o.t.Errorf("%s: nothing that the old keys signed arrived after the change, so that this proves little", s.domain)
	}
	o.t.Logf("%s: %d letters, signed by %v; %d by the old keys arrived after the first by the new", s.domain, len(list), signed, late)
}
