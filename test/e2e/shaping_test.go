package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// everyone is a rule that drives fixed routes as servers of the world are driven; unheard leaves every answer to the
// scheduler, as if there were no rules about them.
const (
	everyone = "[[rule]]\nname = \"everyone\"\nroute = true\nper_second = 100\nrecipients_per_message = 1\n"
	unheard  = "[[answer]]\nname = \"unheard\"\ncode = [4, 5]\n"
)

// shaped installs a node with rules of the operator's.
func shaped(t *testing.T, route, rules string, env ...string) *node {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shaping.toml")
	if err := os.WriteFile(path, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	return install(t, "", route, append(env, "BUDKAVLE_SHAPING_RULES="+path, "BUDKAVLE_DELIVERY_RETRY_FIRST=1s")...)
}

// explained is what shaping explain says of a domain.
type explained struct {
	InForce []struct {
		Rule struct{ Rule string }
		Left bool
		Rate float64 `json:"rate_now"`
	} `json:"in_force"`
	Held []struct {
		HeldBy string `json:"held_by"`
		Rule   string
	}
}

func (n *node) explained(domain string) (e explained) {
	n.t.Helper()
	fromJSON(n.t, n.run("--json", "shaping", "explain", domain), &e)
	return e
}

// TestShapingFindsARate sends to a provider that defers what is above its rate, with the rules about answers and without,
// and counts what is deferred.
func TestShapingFindsARate(t *testing.T) {
	const mails, rate = 120, 15
	run := func(t *testing.T, rules string) (deferred int, took time.Duration) {
		var mu sync.Mutex
		var second []time.Time
		r := receive(t, func(r *receiver) {
			r.take = func(received) error {
				mu.Lock()
				defer mu.Unlock()
				now := time.Now()
				for len(second) > 0 && now.Sub(second[0]) >= time.Second {
					second = second[1:]
				}
				if len(second) >= rate {
					deferred++
					return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 28}, Message: "Unusual rate of mail from your address, slow down"}
				}
				second = append(second, now)
				return nil
			}
		})
		n := shaped(t, fixedRoute(r.addr), rules)
		n.start()
		c := connect(t, n.smtp)
		begun := time.Now()
		for i := range mails {
			if err := c.send(fmt.Sprintf("m%d@school.example", i), "a@rcpt.example"); err != nil {
				t.Fatal(err)
			}
		}
		r.await(t, mails)
		took = time.Since(begun)
		if rules == everyone {
			n.await("the rule to be told", func() bool { return len(n.explained("rcpt.example").InForce) == 1 })
			n.stop()
			n.start()
			if e := n.explained("rcpt.example"); len(e.InForce) != 1 || e.InForce[0].Rule.Rule != "rate-limited" || e.InForce[0].Rate <= 0 {
				t.Errorf("after a new start %+v", e)
			}
		}
		n.stop()
		if different, again := r.counts(); different != mails || again != 0 {
			t.Errorf("%d arrived, %d of them twice", different, again)
		}
		return deferred, took
	}
	var with, without int
	var quick, slow time.Duration
	t.Run("runs", func(t *testing.T) { // both at once
		t.Run("with", func(t *testing.T) { t.Parallel(); with, quick = run(t, everyone) })
		t.Run("without", func(t *testing.T) { t.Parallel(); without, slow = run(t, everyone+unheard) })
	})
	t.Logf("%d mails to a provider of %d a second: %d deferrals in %v; without rules about answers %d in %v", mails, rate, with, quick, without, slow)
	if 2*with > without {
		t.Errorf("%d deferrals with the rules, %d without", with, without)
	}
}

// TestShapingLeavesAListedAddress has a provider refuse one of two source addresses as blocklisted.
func TestShapingLeavesAListedAddress(t *testing.T) {
	const mails = 200
	run := func(t *testing.T, rules string) (refused, lost int, moved time.Duration) {
		var mu sync.Mutex
		var first, last time.Time
		r := receive(t, func(r *receiver) {
			r.take = func(m received) error {
				mu.Lock()
				defer mu.Unlock()
				if m.peer != "127.0.0.2" {
					return nil
				}
				if last = time.Now(); first.IsZero() {
					first = last
				}
				refused++
				return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "Service unavailable; Client host [127.0.0.2] blocked using zen.spamhaus.org"}
			}
		})
		n := shaped(t, fixedRoute(r.addr), rules, "BUDKAVLE_DELIVERY_SOURCE_ADDRESSES=127.0.0.2,127.0.0.3")
		n.start()
		c := connect(t, n.smtp)
		for i := range mails { // many domains, so that both addresses have some by habit
			if err := c.send(fmt.Sprintf("m%d@school.example", i), fmt.Sprintf("a@d%d.example", i%20)); err != nil {
				t.Fatal(err)
			}
		}
		n.await("an empty queue", func() bool { return n.queued(1) == 0 })
		if rules == everyone {
			n.await("the rule to be told", func() bool {
				e := n.explained("d0.example")
				return len(e.InForce) == 1 && e.InForce[0].Left && e.InForce[0].Rule.Rule == "block-listed"
			})
			if !strings.Contains(n.log.String(), "rule=\"block-listed (embedded rules.toml:") {
				t.Error("the log does not name the rule")
			}
		}
		n.stop()
		arrived, _ := r.counts()
		return refused, mails - arrived, last.Sub(first)
	}
	refused, lost, moved := run(t, everyone)
	before, bounced, whole := run(t, everyone+unheard)
	t.Logf("%d mails from two addresses, one of them listed: %d refused and %d lost, moved after %v; without rules about answers %d refused, %d lost, over %v",
		mails, refused, lost, moved, before, bounced, whole)
	if lost > 0 || refused*2 > before || bounced == 0 {
		t.Errorf("%d refused and %d lost with the rules, %d and %d without", refused, lost, before, bounced)
	}
}

// TestQueueNamesWhatHolds has a provider ask for a pause, and reads in the queue what its mail waits for.
func TestQueueNamesWhatHolds(t *testing.T) {
	r := receive(t, func(r *receiver) {
		r.take = func(received) error {
			return &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 7, 0}, Message: "[TSS04] Messages temporarily deferred"}
		}
	})
	n := shaped(t, fixedRoute(r.addr), "[[answer]]\nname = \"tss\"\ntext = [\"tss04\"]\npause = \"1h\"\n")
	n.start()
	c := connect(t, n.smtp)
	if err := c.send("one@school.example", "a@rcpt.example"); err != nil {
		t.Fatal(err)
	}
	n.await("the queue to say what holds", func() bool {
		var row struct {
			HeldBy string `json:"held_by"`
			Reason string `json:"held_reason"`
		}
		fromJSON(t, n.run("queue", "list", "--json"), &row)
		return row.HeldBy == "rule" && strings.Contains(row.Reason, "tss (") && strings.Contains(row.Reason, "[TSS04]")
	})
	id := n.messageTo("a@rcpt.example")
	for lang, want := range map[string][]string{
		"en": {"held by: paused until ", " by rule tss (", "the site is driven by it as rule tss ("},
		"sv": {"hålls av: vilar till ", " enligt regeln tss (", "platsen drivs efter det som regeln tss ("},
	} {
		for _, w := range want {
			if out := n.run("queue", "show", id, "--lang", lang); !strings.Contains(out, w) {
				t.Errorf("no %q in\n%s", w, out)
			}
		}
	}
	n.stop()
	if out := n.run("queue", "list", "--json"); strings.Contains(out, "held_by") {
		t.Errorf("a node that stopped holds: %s", out)
	}
}
