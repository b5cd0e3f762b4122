package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/budkavle/budkavle/internal/lab"
)

// run executes a command line as a process would.
func run(args ...string) (status int, out, errs string) {
	var o, e bytes.Buffer
	status = Run(args, Streams{In: strings.NewReader(""), Out: &o, Err: &e}, nil)
	return status, o.String(), e.String()
}

func TestDemoDeliversAndAgreesWithTheLab(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "demo")
	status, out, errs := run("demo", "--exit", "--recipients", "300", "--data", folder, "--json")
	if status != exitDone || errs != "" {
		t.Fatalf("status %d, %s\n%s", status, errs, out)
	}
	var got struct {
		demoResult
		Faults []lab.Delivery `json:"faults"`
		Lab    lab.Report     `json:"lab"`
		Story  *story         `json:"story"`
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	sum := got.Total.Delivered + got.Total.Later + got.Total.Returned + got.Total.Unknown + got.Total.Full + got.Total.Spam + got.Total.NoHost + got.Total.Other + got.Total.Waiting
	if got.Recipients != 300 || got.Total.Sent != 300 || sum != 300 || len(got.Faults) != 0 {
		t.Errorf("%+v of %d, faults %v", got.Total, sum, got.Faults)
	}
	for name, n := range map[string]int{
		"deferred and delivered later": got.Total.Later, "unknown": got.Total.Unknown, "full": got.Total.Full, "no host": got.Total.NoHost,
		"waiting": got.Total.Waiting, "reports to the sender": got.Reports, "TLS": got.Lab.Total().Encrypted, "cut off": got.Lab.Total().Dropped,
	} {
		if n == 0 {
			t.Errorf("nothing met: %s", name)
		}
	}
	if got.Story == nil || len(got.Story.Events) != 3 || got.Story.Recipients[0].Last.Transcript == "" {
		t.Errorf("story %+v", got.Story)
	}
	if _, err := os.Stat(filepath.Join(folder, "budkavle.log")); err != nil {
		t.Error(err)
	}
	if status, _, errs = run("demo", "--exit", "--data", folder); status != exitUsage || !strings.Contains(errs, "is not empty") {
		t.Errorf("a folder in use: status %d, %s", status, errs)
	}
}

const demoZone = `
greylist = "10ms"
return_after = "0s"
[[provider]]
name = "Ett"
share = 1
domains = ["ett.example"]
mix = { MIX }
[[provider.server]]
host = "mx.ett.example"
addresses = ["127.0.1.1"]
`

// play runs the demo in a small zone.
func playDemo(t *testing.T, recipients int, mix string) (out string, err error) {
	t.Helper()
	zone, err := lab.ParseZone(strings.ReplaceAll(demoZone, "MIX", mix))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	a := &app{Streams: Streams{Out: &b, Err: io.Discard}, ctx: t.Context(), words: wordsFor("en")}
	err = (&demoCommand{Recipients: recipients, Exit: true}).run(a, zone)
	return b.String(), err
}

func TestDemoHearsOfBouncesThatComeLater(t *testing.T) {
	out, err := playDemo(t, 40, "accepts = 1, returns = 1")
	if err != nil || !strings.Contains(out, "The lab and the node agree on every recipient") {
		t.Errorf("%v\n%s", err, out)
	}
}

// A receiver that says 250 and keeps nothing is what losing mail looks like from outside.
func TestDemoFailsWhenMailIsLost(t *testing.T) {
	out, err := playDemo(t, 40, "accepts = 3, loses = 1")
	if err != errFaults {
		t.Fatalf("error %v\n%s", err, out)
	}
	for _, want := range []string{"The lab and the node disagree", "@ett.example", "lost: the node says delivered, and the lab never got it", "the node delivered to 40 recipients, and the lab received for"} {
		if !strings.Contains(out, want) {
			t.Errorf("the output is without %q:\n%s", want, out)
		}
	}
}

func TestJudgeFindsWhatIsWrong(t *testing.T) {
	zone, err := lab.ParseZone(strings.ReplaceAll(demoZone, "MIX", "accepts = 1"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := lab.Start(t.Context(), lab.Config{Zone: zone})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Stop(t.Context())
	const address = "anna@ett.example"
	for _, tt := range []struct {
		name string
		o    *outcome
		want string
	}{
		{"unknown to the node", nil, "lost: it was submitted"},
		{"waiting", &outcome{}, "the node says waiting, and it had to be delivered"},
		{"twice", &outcome{again: true}, "doubled: the node has it more than once"},
		{"lost", &outcome{state: 3, messageID: "1@granskolan.example"}, "lost: the node says delivered"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := judge(l, []string{address}, map[string]*outcome{address: tt.o})
			if len(r.Faults) == 0 || !strings.HasPrefix(r.Faults[0].reason.Error(), tt.want) {
				t.Errorf("faults %v", r.Faults)
			}
		})
	}
}

func TestUsageOfLabAndDemo(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"lab", "--dns", "192.0.2.1:53"}, "192.0.2.1:53 is not loopback"},
		{[]string{"lab", "--smtp", "0.0.0.0:25"}, "0.0.0.0:25 is not loopback"},
		{[]string{"lab", "--smtp", "2525"}, "is not ADDRESS:PORT"},
		{[]string{"demo", "--recipients", "0"}, "0 is not between 1 and 200000"},
	} {
		if status, _, errs := run(tt.args...); status != exitUsage || !strings.Contains(errs, tt.want) {
			t.Errorf("%v: status %d, %s", tt.args, status, errs)
		}
	}
	if status, _, errs := run("lab", "--zone", "none.toml"); status != exitFailed || !strings.Contains(errs, "none.toml") {
		t.Errorf("status %d, %s", status, errs)
	}
}

func TestGridLinesUp(t *testing.T) {
	g := grid{
		groups: []group{{"wide title", 1, 2}}, head: []string{"name", "a", "b"},
		rows: [][]string{{"Tröga", "1", "0"}, {"x", "1,000", "20"}}, foot: []string{"all", "1,001", "20"},
	}
	var b strings.Builder
	g.print(&b, func(s string) string { return s })
	want := `       ─ wide title ─
name       a        b
─────────────────────
Tröga      1        ·
x      1,000       20
─────────────────────
all    1,001       20
`
	if b.String() != want {
		t.Errorf("\n%s\nwant\n%s", b.String(), want)
	}
}
