package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/budkavle/budkavle/internal/lab"
)

var updateFlag = flag.Bool("update", false, "write the golden files anew")

// customs is the command line with a store of its own, beside a lab.
type customs struct {
	t       *testing.T
	lab     *lab.Lab
	environ []string
}

func newCustoms(t *testing.T) *customs {
	t.Helper()
	l, err := lab.Start(t.Context(), lab.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	_, port, err := net.SplitHostPort(l.DNSAddr())
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	return &customs{t: t, lab: l, environ: []string{
		"BUDKAVLE_NODE_DATA_DIR=" + folder, "BUDKAVLE_STORE_URL=sqlite:" + filepath.Join(folder, "budkavle.db"), "BUDKAVLE_NODE_HOSTNAME=mx1.operator.example",
		"BUDKAVLE_DNS_SERVERS=" + l.DNSAddr(), "BUDKAVLE_DNS_AUTHORITY_PORT=" + port, fmt.Sprintf("BUDKAVLE_DELIVERY_PORT=%d", l.Port()),
		"BUDKAVLE_DELIVERY_BOUNCE_DOMAIN=bounce.operator.example", "BUDKAVLE_DELIVERY_SOURCE_ADDRESSES=127.0.0.1",
		"BUDKAVLE_DOMAINS_KEY_ZONE=keys.operator.example", "BUDKAVLE_DOMAINS_SPF_INCLUDE=spf.operator.example",
	}}
}

// run runs a command line that must end with the status, and returns what it printed.
func (c *customs) run(status int, line string) string {
	c.t.Helper()
	var out, errs bytes.Buffer
	if got := Run(strings.Fields(line), Streams{Out: &out, Err: &errs}, c.environ); got != status {
		c.t.Fatalf("%s: status %d, want %d\n%s%s", line, got, status, out.String(), errs.String())
	}
	return out.String()
}

// publish puts what was printed into the lab's zone, unchanged and in place of what was there.
func (c *customs) publish(texts ...string) {
	c.t.Helper()
	if err := c.lab.Replace(strings.Join(texts, "\n")); err != nil {
		c.t.Fatal(err)
	}
}

func (c *customs) state(domain string) string {
	c.t.Helper()
	var sheet struct {
		Domain struct {
			State string
			Lacks []string
		}
	}
	if err := json.Unmarshal([]byte(c.run(exitDone, "domain show --json "+domain)), &sheet); err != nil {
		c.t.Fatal(err)
	}
	return strings.Join(append([]string{sheet.Domain.State}, sheet.Domain.Lacks...), " ")
}

// TestPastedAsPrinted takes domains from nothing to live and through a rotation, with nothing in DNS but what was printed.
func TestPastedAsPrinted(t *testing.T) {
	c := newCustoms(t)
	c.run(exitDone, "account add school")
	for _, setup := range []string{"txt", "cname"} {
		domain := setup + "school.example"
		c.run(exitDone, "domain add "+domain+" --account school --setup "+setup)
		c.run(exitFailed, "domain verify "+domain)
		if got := c.state(domain); got != "waiting ownership spf dkim dmarc" {
			t.Errorf("%s with nothing published: %s", domain, got)
		}
		c.publish(c.run(exitDone, "domain show --bind "+domain))
		c.run(exitFailed, "domain verify "+domain) // the operator's own records are not there
		publish := func() {
			c.publish(c.run(exitDone, "domain zone"), "mx1.operator.example. A 127.0.0.1", c.run(exitDone, "domain show --bind "+domain))
		}
		publish()
		c.run(exitDone, "domain verify "+domain)
		if got := c.state(domain); got != "live" {
			t.Errorf("%s with all published: %s", domain, got)
		}

		customer := c.run(exitDone, "domain show --bind "+domain)
		c.run(exitDone, "domain rotate "+domain)
		c.run(exitDone, "domain verify "+domain)
		coming := func() bool {
			return strings.Contains(c.run(exitDone, "domain show --bind "+domain), "the next key. Mail is signed")
		}
		if !coming() {
			t.Errorf("%s: new keys sign though they are not in DNS", domain)
		}
		if setup == "cname" { // the customer does nothing
			c.publish(c.run(exitDone, "domain zone"), "mx1.operator.example. A 127.0.0.1", customer)
		} else {
			publish()
		}
		c.run(exitDone, "domain verify "+domain)
		if coming() {
			t.Errorf("%s: new keys do not sign though they are in DNS", domain)
		}
		if got := c.state(domain); got != "live" {
			t.Errorf("%s after a rotation: %s", domain, got)
		}
	}
}

// TestDomainGolden keeps what people read in both languages. What is random is left out.
func TestDomainGolden(t *testing.T) {
	c := newCustoms(t)
	c.publish(`school.example. IN TXT "v=spf1 mx -all"`)
	var got strings.Builder
	play := func(status int, line string) { fmt.Fprintf(&got, "$ budkavle %s\n%s\n", line, c.run(status, line)) }
	play(exitDone, "account add school --contact it@school.example")
	play(exitDone, "domain add school.example --account school")
	play(exitDone, "--lang sv domain add skolan.example --account school --setup cname --open-subdomains")
	play(exitDone, "domain zone")
	play(exitDone, "--lang sv domain zone")
	play(exitDone, "domain list")
	play(exitDone, "--lang sv domain rotate skolan.example")
	play(exitDone, "domain show skolan.example")
	text := got.String()
	for _, mask := range [][2]string{
		{`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`, "<when>"},
		{`budkavle-verification=[a-z2-7]{32}`, "budkavle-verification=<token>"},
		{`p=MII[A-Za-z0-9+/=]{100,}(" "[A-Za-z0-9+/=]+)?`, "p=<key>"},
		{`p=[A-Za-z0-9+/]{43}=`, "p=<key>"},
		{`bk20\d{4}`, "bk<month>"},
		{` +\n`, "\n"},
	} {
		text = regexp.MustCompile(mask[0]).ReplaceAllString(text, mask[1])
	}
	golden := filepath.Join("testdata", "domain.golden")
	if *updateFlag {
		if err := os.WriteFile(golden, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), text); d != "" {
		t.Errorf("run with -update if it is right (-want +got):\n%s", d)
	}
}
