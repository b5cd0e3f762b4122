package e2e

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/base/config"
	"github.com/budkavle/budkavle/internal/lab"
	"github.com/budkavle/budkavle/internal/model"
	program "github.com/budkavle/budkavle/internal/node"
	"github.com/budkavle/budkavle/internal/store"
	"github.com/budkavle/budkavle/test/rig"
)

// days is a node within the test: the whole of it but for the process, since its clock is put forward.
type days struct {
	*operator
	clock  *rig.Clock
	store  store.Store
	domain string
	user   account
	shown  string // what the domain has published
}

// inDays has an operator's node run by a clock of the test's, with one live domain.
func inDays(t *testing.T) *days {
	t.Helper()
	o := operate(t, "", false)
	o.env = append(o.env, "BUDKAVLE_DELIVERY_DELAY_NOTICE=0s") // letters to the sender are another matter
	d := &days{operator: o, clock: &rig.Clock{}, domain: "school.example"}
	d.user = o.add(d.domain, "txt")
	d.shown = o.run("domain", "show", d.domain, "--bind")
	o.publish(d.domain, d.shown)
	o.run("domain", "verify", d.domain)
	cfg, err := config.Load(o.config, false, append(os.Environ(), o.env...))
	if err != nil {
		t.Fatal(err)
	}
	sys := program.NewSystem(slog.New(slog.NewTextHandler(&o.log, nil)))
	sys.Clock = d.clock
	if d.store, err = program.OpenStore(t.Context(), cfg, d.clock); err != nil {
		t.Fatal(err)
	}
	n, err := program.Start(t.Context(), cfg, sys)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		if err := d.store.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// eventually polls until done.
func (d *days) eventually(what string, done func() bool) {
	d.t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			d.t.Fatalf("waiting for %s: nothing in %s", what, patience)
		}
	}
}

func (d *days) now() model.Domain {
	d.t.Helper()
	dom, err := d.store.Domain(d.t.Context(), d.domain)
	if err != nil {
		d.t.Fatal(err)
	}
	return dom
}

// pass lets time go by until the watch has looked once more, and wants the state that follows.
func (d *days) pass(wait time.Duration, want model.DomainState) {
	d.t.Helper()
	before := d.now().Revision
	d.clock.Forward(wait)
	polls := 0
	d.eventually("a look at the domain", func() bool {
		if polls++; polls%40 == 0 { // the watch had read the clock, and waits for its next look
			d.clock.Forward(20 * time.Second)
		}
		return d.now().Revision > before
	})
	if got := d.now(); got.State != want {
		d.t.Errorf("after %s the domain is %s and lacks %v, want %s", wait, got.State, got.Lacks, want)
	}
}

// events are what has been told of the domain, the oldest first.
func (d *days) events() []string {
	d.t.Helper()
	list, err := d.store.ListEvents(d.t.Context(), store.EventFilter{Domain: d.now().ID, Ascending: true, Limit: 100})
	if err != nil {
		d.t.Fatal(err)
	}
	var told []string
	for _, e := range list {
		if e.Kind == model.EventDomain {
			told = append(told, e.Data.Reason)
		}
	}
	return told
}

// send submits a letter of the domain.
func (d *days) send(id string) error {
	return d.operator.send(d.user, d.domain, id)
}

// becomes waits until a letter is answered with the code; 0 is taken. A node learns of a change within a moment.
func (d *days) becomes(id string, want int) {
	d.t.Helper()
	var err error
	d.eventually("a letter "+id+" to be answered", func() bool {
		err = d.send(id)
		return code(err) == want && (err == nil) == (want == 0)
	})
}

// arrived waits as the node's does, without its process.
func (d *days) arrived(id string) lab.Arrival {
	d.t.Helper()
	d.eventually("the arrival of "+id, func() bool { return d.lab.Received(id, anna) > 0 })
	return d.operator.arrived(id)
}

// without leaves out the lines that hold one of the marks.
func without(text string, marks ...string) string {
	var kept strings.Builder
	for line := range strings.Lines(text) {
		if !slices.ContainsFunc(marks, func(m string) bool { return strings.Contains(line, m) }) {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

const (
	aRound = 8 * time.Hour // in which a live domain is looked at: six hours and a fifth
	anHour = 75 * time.Minute
)

// TestAKeyThatVanishes: sending goes on while something is aligned that receivers know, stops when nothing is, and comes
// back by itself. Each change is told once.
func TestAKeyThatVanishes(t *testing.T) {
	d := inDays(t)
	rsa, path := "k=rsa", "bounce."+d.domain+". IN CNAME"
	d.pass(aRound, model.DomainLive)
	d.becomes("whole", 0)
	faultless(t, d.arrived("whole@"+d.domain), d.domain, 2)

	d.publish(d.domain, without(d.shown, rsa))
	d.pass(aRound, model.DomainLive) // once may be a name server that loads its zone
	d.pass(5*time.Minute, model.DomainDegraded)
	d.eventually("letters without the lost key", func() bool {
		id := "lost" + time.Now().Format("150405.000")
		if err := d.send(id); err != nil {
			t.Fatalf("a degraded domain: %v", err)
		}
		return len(d.arrived(id+"@"+d.domain).Signatures) == 1
	})
	d.becomes("degraded", 0)
	faultless(t, d.arrived("degraded@"+d.domain), d.domain, 1)

	d.publish(d.domain, without(d.shown, rsa, path))
	d.pass(anHour, model.DomainStopped)
	d.becomes("stopped", 550)
	if err := d.send("stopped"); err == nil || !strings.Contains(err.Error(), "lacks: spf, dkim") && !strings.Contains(err.Error(), "lacks: dkim") {
		t.Errorf("the sender is told %v", err)
	}

	d.publish(d.domain, d.shown)
	d.pass(anHour, model.DomainLive)
	d.becomes("mended", 0)
	faultless(t, d.arrived("mended@"+d.domain), d.domain, 2)
	d.pass(aRound, model.DomainLive)
	d.pass(aRound, model.DomainLive)

	key := strings.Fields(d.shown[strings.Index(d.shown, "\nbk"):])[0]
	key = key[:strings.Index(key, ".")]
	want := []string{
		"added, added", "live", "key " + key + " is not in DNS any more and does not sign until it is; degraded: dkim", "stopped: dkim",
		"key " + key + " is back in DNS and signs again; live",
	}
	if got := d.events(); !slices.Equal(got, want) {
		t.Errorf("told\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// TestResolverDownForHalfADay: nothing is forgotten and nothing told, few questions are asked, mail waits, and all goes on
// when the resolver is back.
func TestResolverDownForHalfADay(t *testing.T) {
	d := inDays(t)
	d.pass(aRound, model.DomainLive)
	told := d.events()
	before := sum(d.lab.Queries())
	d.lab.Fail("", lab.AnswerServFail)
	d.pass(aRound, model.DomainLive)
	const hours = 12
	for range hours {
		d.pass(anHour, model.DomainLive)
	}
	asked := sum(d.lab.Queries()) - before
	t.Logf("%d questions in %d looks", asked, 1+hours)
	if asked > (1+hours)*2*22 { // a look asks some 22 (proof), and each twice where the first failed
		t.Errorf("%d questions for one domain in %d looks", asked, 1+hours)
	}
	d.becomes("waits", 0)
	d.eventually("the letter to be put off", func() bool { return strings.Contains(d.run("queue", "list", "--json"), `"attempts":1`) })
	if n := d.lab.Received("waits@"+d.domain, anna); n != 0 {
		t.Errorf("%d letters arrived without DNS", n)
	}
	d.lab.Mend("")
	d.pass(anHour, model.DomainLive)
	faultless(t, d.arrived("waits@"+d.domain), d.domain, 2)
	if got := d.events(); !slices.Equal(got, told) {
		t.Errorf("told %v, before that %v", got, told)
	}
}

func sum(counts map[string]int) int {
	n := 0
	for _, c := range counts {
		n += c
	}
	return n
}
