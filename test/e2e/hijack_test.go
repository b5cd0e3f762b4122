package e2e

import (
	"encoding/base64"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// hijack is a node with an account whose password is stolen, and one that has nothing to do with it.
type hijack struct {
	*node
	quick   *receiver     // of everybody but the thief's victims
	victims *receiver     // takes nothing until open
	open    chan struct{} // closed: victims take mail
	arrived chan string   // town's mail
	letters chan received // what the node writes to people
	user    account       // the stolen one
	doors   []string      // of the nodes
	make    func(t *testing.T, url string, env ...string) *node
	began   time.Time       // of the theft
	locked  atomic.Int64    // nanoseconds after that when the first was refused
	refused map[string]bool // what the thief was told
	mu      sync.Mutex
}

const thieves, halfHourLimit = 20, 500

func newHijack(t *testing.T, url string) *hijack {
	h := &hijack{open: make(chan struct{}), arrived: make(chan string, 1), letters: make(chan received, 10), refused: map[string]bool{}}
	h.quick = receive(t, func(r *receiver) {
		r.take = func(m received) error {
			if strings.HasSuffix(m.id, "town.example") {
				h.arrived <- m.id
			} else {
				h.letters <- m
			}
			return nil
		}
	})
	h.victims = receive(t, func(r *receiver) {
		r.take = func(received) error { <-h.open; return nil }
	})
	host, port, _ := net.SplitHostPort(h.victims.addr)
	victims := fmt.Sprintf("[[delivery.route]]\nmatch = \"victim.example\"\nhost = %q\nport = %s\ntls = \"none\"\nconnections = 2\n", host, port)
	h.make = func(t *testing.T, url string, env ...string) *node {
		return prepare(t, url, victims+fixedRoute(h.quick.addr), append(env, "BUDKAVLE_LIMITS_HALF_HOUR=500", "BUDKAVLE_SUBMISSION_REQUIRE_TLS=false",
			"BUDKAVLE_SUBMISSION_TRUSTED_NETWORKS=127.0.0.2/32=town")...)
	}
	h.node = h.make(t, url)
	h.doors = []string{h.smtp}
	h.run("init", "--account", "school")
	h.run("account", "add", "town")
	for _, name := range []string{"school", "town"} {
		h.run("domain", "add", name+".example", "--account", name, "--waive", "test on loopback")
	}
	h.run("account", "contact", "school", "owner@school-board.example")
	h.run("account", "contact", "operator", "ops@operator.example")
	fromJSON(t, h.run("credential", "add", "--account", "school", "--json"), &h.user)
	h.start()
	return h
}

// login is a connection of whoever knows the password, to the nodes in turn.
func (h *hijack) login(number int) (*client, error) {
	c, err := dial(h.doors[number%len(h.doors)])
	if err != nil {
		return nil, err
	}
	if err := c.say(235, "AUTH PLAIN %s", base64.StdEncoding.EncodeToString([]byte("\x00"+h.user.Username+"\x00"+h.user.Password))); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// steal sends as fast as it can over one connection until it is refused, and then finds that it cannot log in either.
func (h *hijack) steal(number int, taken *atomic.Int64) error {
	c, err := h.login(number)
	if err != nil {
		return err
	}
	defer c.close()
	for i := 0; ; i++ {
		err := c.send(fmt.Sprintf("spam-%d-%d@school.example", number, i), fmt.Sprintf("v%d.%d@victim.example", number, i))
		if err == nil {
			taken.Add(1)
			continue
		}
		h.locked.CompareAndSwap(0, int64(time.Since(h.began)))
		if code(err) != 550 {
			return fmt.Errorf("refused with %w", err)
		}
		h.note(err)
		again, err := h.login(number)
		for len(h.doors) > 1 && err == nil { // the other node notices within a quarter of a second; its commits know at once
			again.close()
			time.Sleep(20 * time.Millisecond)
			again, err = h.login(number)
		}
		if code(err) != 525 {
			return fmt.Errorf("login answered %w", err)
		}
		h.note(err)
		return nil
	}
}

func (h *hijack) note(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refused[err.Error()] = true
}

// others sends so many letters of the other account, one at a time, and says how long each took to its 250, and from there to its
// arrival.
func (h *hijack) others(c *client, name string, n int) (taking, delivering []time.Duration) {
	h.t.Helper()
	for i := range n {
		began := time.Now()
		if err := c.send(fmt.Sprintf("%s-%d@town.example", name, i), "someone@rcpt.example"); err != nil {
			h.t.Fatal(err)
		}
		accepted := time.Now()
		<-h.arrived
		taking, delivering = append(taking, accepted.Sub(began)), append(delivering, time.Since(accepted))
	}
	slices.Sort(taking)
	slices.Sort(delivering)
	return taking, delivering
}

// TestHijack has a thief send with a stolen password over 20 connections.
func TestHijack(t *testing.T) {
	h := newHijack(t, "")
	town := connectFrom(t, h.smtp, "127.0.0.2", "info@town.example")
	h.others(town, "first", 5) // makes what is made once
	tookBefore, before := h.others(town, "before", 100)

	h.began = time.Now()
	taken, wait := h.stealAll(t)
	told := make(chan time.Duration, 1)
	go func() {
		first := <-h.letters
		told <- time.Since(h.began)
		h.letters <- first
	}()
	tookDuring, during := h.others(town, "during", 100)
	wait()
	if taken.Load() != halfHourLimit {
		t.Errorf("%d letters were taken", taken.Load())
	}
	for text := range h.refused {
		if !strings.Contains(text, "is locked: more than 500 messages in half an hour") {
			t.Errorf("refused with %q", text)
		}
	}
	t.Logf("locked %v after the first login; the first letter about it arrived %v after that", time.Duration(h.locked.Load()), <-told-time.Duration(h.locked.Load()))
	for _, m := range []struct {
		when               string
		taking, delivering []time.Duration
	}{{"before", tookBefore, before}, {"while the thief sends, and is refused", tookDuring, during}} {
		t.Logf("another account, %s: to 250 median %v, 99 %% %v; from 250 to arrival median %v, 99 %% %v", m.when, m.taking[50], m.taking[98], m.delivering[50], m.delivering[98])
	}
	h.held(t)
	close(h.open)
	h.victims.await(t, 2) // which were in the middle of their transactions
	h.others(town, "after", 50)
	if n := h.victims.total(); n != 2 {
		t.Errorf("%d letters of a locked account were delivered", n)
	}
	h.unlock(t)
}

// stealAll starts all connections of the thief.
func (h *hijack) stealAll(t *testing.T) (taken *atomic.Int64, wait func()) {
	taken = &atomic.Int64{}
	var wg sync.WaitGroup
	for i := range thieves {
		wg.Go(func() {
			if err := h.steal(i, taken); err != nil {
				t.Errorf("connection %d: %v", i, err)
			}
		})
	}
	return taken, wg.Wait
}

// TestHijackOverNodes has the thief use two nodes on one PostgreSQL at once.
func TestHijackOverNodes(t *testing.T) {
	url := postgres(t).URL
	h := newHijack(t, url)
	other := h.make(t, url, "BUDKAVLE_NODE_HOSTNAME=node2.example", "BUDKAVLE_NODE_NUMBER=1", "BUDKAVLE_NODE_KEY_FILE="+filepath.Join(h.dir, "data", "secret.key"))
	other.start()
	h.doors = append(h.doors, other.smtp)
	taken, wait := h.stealAll(t)
	wait()
	if taken.Load() != halfHourLimit {
		t.Errorf("%d letters were taken", taken.Load())
	}
	h.held(t)
	close(h.open)
	h.unlock(t)
}

// held wants everything that was taken to be there still, and the operator's letter to say what it was.
func (h *hijack) held(t *testing.T) {
	t.Helper()
	var shown struct {
		Account struct{ State, Reason string }
		Limits  struct {
			Sent []struct {
				HalfHour int64 `json:"half_hour"`
			}
		}
	}
	fromJSON(t, h.run("account", "show", "school", "--json"), &shown)
	if said := h.run("account", "show", "school"); !strings.Contains(said, "Let it send again with: budkavle account unlock school") {
		t.Errorf("account show:\n%s", said)
	}
	if shown.Account.State != "locked" || len(shown.Limits.Sent) != 1 || shown.Limits.Sent[0].HalfHour != halfHourLimit {
		t.Errorf("account show: %+v", shown)
	}
	if n := strings.Count(h.run("queue", "list", "--account", "school", "--json", "--limit", "1000"), "\n"); n != halfHourLimit {
		t.Errorf("%d of 500 are queued", n)
	}
	letters := map[string]string{}
	for range 2 {
		m := <-h.letters
		letters[m.to[0]] = string(m.raw)
	}
	for _, to := range []string{"owner@school-board.example", "ops@operator.example"} {
		text := letters[to]
		for _, want := range []string{"500 messages to 500 recipients", h.user.Username + " (500)", "127.0.0.1 (500)", "school.example (500)", "Hej spam-"} {
			if !strings.Contains(text, want) {
				t.Errorf("the letter to %s does not say %q:\n%s", to, want, text)
			}
		}
	}
}

// unlock takes the owner's way back: new passwords first.
func (h *hijack) unlock(t *testing.T) {
	t.Helper()
	if _, said, err := h.command("account", "unlock", "school", "--owner"); err == nil || !strings.Contains(said, "is older than the lock") {
		t.Errorf("unlocked with the stolen password in place: %v, %s", err, said)
	}
	h.run("credential", "remove", h.user.Username)
	var users, keys struct{ Username, ID string }
	for line := range strings.Lines(h.run("credential", "list", "--account", "school", "--json")) {
		fromJSON(t, line, &users)
		h.run("credential", "remove", users.Username)
	}
	for line := range strings.Lines(h.run("key", "list", "--account", "school", "--json")) {
		fromJSON(t, line, &keys)
		h.run("key", "remove", keys.ID)
	}
	fromJSON(t, h.run("credential", "add", "--account", "school", "--json"), &h.user)
	if c, err := h.login(0); code(err) != 525 {
		t.Errorf("a new password before the unlock: %v, %v", c, err)
	}
	h.run("account", "unlock", "school", "--owner")
	h.victims.await(t, halfHourLimit)
	if different, again := h.victims.counts(); different != halfHourLimit || again != 0 {
		t.Errorf("%d arrived, %d of them again", different, again)
	}
	var c *client
	h.await("the new password", func() bool {
		var err error
		c, err = h.login(0)
		return err == nil
	})
	defer c.close()
	if err := c.send("sorry@school.example", "v@victim.example"); err != nil {
		t.Errorf("after the unlock: %v", err)
	}
}
