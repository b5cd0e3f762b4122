package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait for something that must come. It is no measurement: what takes this long has failed.
const patience = 2 * time.Minute

// node is an installed Budkavle: a folder, a configuration, and the process while it runs.
type node struct {
	t      *testing.T
	dir    string
	config string
	smtp   string // addresses of its listeners, the same in every run
	mx     string
	web    string

	wrap   []string        // put before the command line of serve
	inside func() []string // put before other commands while it runs; nil: nothing
	env    []string        // added to the environment of every command

	cmd   *exec.Cmd
	log   output
	ended chan struct{} // closed when the process has been reaped
	state error         // how it ended
}

// output gathers what a process printed.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// maxOutput bounds what is kept: about 100,000 lines of log.
const maxOutput = 32 << 20

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.b.Len() > maxOutput {
		o.b.Reset()
	}
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// tail is the end, for messages of failure.
func (o *output) tail() string {
	s := o.String()
	return s[max(0, len(s)-20_000):]
}

// loopbacks counts the addresses given to nodes. A node has an address of 127/8 to itself, so that no other program's
// outgoing connection can take one of its ports while it is down.
var loopbacks atomic.Uint32

func loopback(t *testing.T) string {
	t.Helper()
	for range 200 {
		n := loopbacks.Add(1)
		host := fmt.Sprintf("127.%d.%d.%d", 64+os.Getpid()%64, os.Getpid()/64%256, n)
		if l, err := net.Listen("tcp", host+":2587"); err == nil {
			l.Close()
			return host
		}
	}
	t.Fatal("no free address on loopback")
	return ""
}

const baseConfig = `[node]
hostname = "node.example"
data_dir = %[1]q
[store]
url = %[2]q
[submission]
listen = ["%[3]s:2587"]
trusted_networks = ["127.0.0.0/8=school"]
[mx]
listen = ["%[3]s:2525"]
[http]
listen = "%[3]s:8080"
base_url = "http://%[3]s:8080"
[delivery]
bounce_domain = "bounce.node.example"
[limits]
half_hour = 0 # tests send as much as they like
[dns]
servers = ["127.0.0.1:1"] # nobody is there: only the routes lead anywhere
%[4]s
`

// install makes a node with an account "school" that may send from school.example, for clients on loopback without
// authentication. An empty store URL is SQLite in the node's folder. more is added to the configuration; it begins
// within the section [dns].
func install(t *testing.T, storeURL, more string, env ...string) *node {
	t.Helper()
	n := prepare(t, storeURL, more, env...)
	n.run("account", "add", "school")
	n.run("domain", "add", "school.example", "--account", "school", "--waive", "test on loopback")
	return n
}

// prepare is install without the account.
func prepare(t *testing.T, storeURL, more string, env ...string) *node {
	t.Helper()
	dir := t.TempDir()
	host := loopback(t)
	n := &node{t: t, dir: dir, config: filepath.Join(dir, "budkavle.toml"), smtp: host + ":2587", mx: host + ":2525", web: host + ":8080", env: env}
	data := filepath.Join(dir, "data")
	if storeURL == "" {
		storeURL = "sqlite:" + filepath.Join(data, "budkavle.db")
	}
	text := fmt.Sprintf(baseConfig, data, storeURL, host, more)
	if err := os.WriteFile(n.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.kill()
		if t.Failed() {
			t.Logf("the end of the node's log:\n%s", n.log.tail())
		}
	})
	return n
}

// fixedRoute sends all mail to one place.
func fixedRoute(addr string, more ...string) string {
	host, port, _ := net.SplitHostPort(addr)
	return fmt.Sprintf("[[delivery.route]]\nmatch = \"*\"\nhost = %q\nport = %s\ntls = \"none\"\n%s\n", host, port, strings.Join(more, "\n"))
}

// command runs a command line to its end.
func (n *node) command(args ...string) (stdout, stderr string, err error) {
	ctx, cancel := context.WithTimeout(n.t.Context(), patience)
	defer cancel()
	args = append([]string{*binaryFlag, "--config", n.config}, args...)
	if n.inside != nil {
		args = append(n.inside(), args...)
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), n.env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// run is a command that must succeed.
func (n *node) run(args ...string) string {
	n.t.Helper()
	out, errs, err := n.command(args...)
	if err != nil {
		n.t.Fatalf("budkavle %s: %v\n%s%s", strings.Join(args, " "), err, out, errs)
	}
	return out
}

// launch starts the process.
func (n *node) launch() {
	n.t.Helper()
	args := append(append([]string{}, n.wrap...), *binaryFlag, "serve", "--config", n.config)
	n.cmd = exec.Command(args[0], args[1:]...)
	n.cmd.Env = append(os.Environ(), n.env...)
	n.cmd.Stdout, n.cmd.Stderr = &n.log, &n.log
	if err := n.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.ended = make(chan struct{})
	go func(cmd *exec.Cmd, ended chan struct{}) {
		n.state = cmd.Wait()
		close(ended)
	}(n.cmd, n.ended)
}

// start launches the process and waits until it takes mail.
func (n *node) start() {
	n.t.Helper()
	n.launch()
	n.await("readiness", func() bool { return n.ready() })
}

// await polls until done; it fails the test when the process ends or patience does.
func (n *node) await(what string, done func() bool) {
	n.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(patience)
	for !done() {
		select {
		case <-tick.C:
		case <-n.ended:
			n.t.Fatalf("waiting for %s: the process ended: %v", what, n.state)
		case <-timeout:
			_ = n.cmd.Process.Signal(syscall.SIGQUIT) // its goroutines go to the log
			<-n.ended
			n.t.Fatalf("waiting for %s: nothing in %s", what, patience)
		}
	}
}

func (n *node) ready() bool {
	status, _, err := n.get("/readyz")
	return err == nil && status == http.StatusOK
}

// get asks the node's HTTP listener.
func (n *node) get(path string) (status int, body string, err error) {
	client := http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get("http://" + n.web + path)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, string(b), err
}

func (n *node) signal(s syscall.Signal) {
	n.t.Helper()
	if err := n.cmd.Process.Signal(s); err != nil {
		n.t.Fatalf("signal %v: %v", s, err)
	}
}

// stop asks the process to drain and wants it to end with status 0.
func (n *node) stop() {
	n.t.Helper()
	n.signal(syscall.SIGTERM)
	n.awaitEnd()
	if n.state != nil {
		n.t.Fatalf("the node stopped with: %v", n.state)
	}
}

func (n *node) awaitEnd() {
	n.t.Helper()
	select {
	case <-n.ended:
	case <-time.After(patience):
		n.t.Fatalf("the node does not end")
	}
}

// kill ends the process without a word, if it runs.
func (n *node) kill() {
	if n.cmd == nil {
		return
	}
	if err := n.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		n.t.Errorf("kill: %v", err)
	}
	<-n.ended
}

// queued is how many recipients are in the queue, up to limit.
func (n *node) queued(limit int) int {
	n.t.Helper()
	return strings.Count(n.run("queue", "list", "--json", "--limit", fmt.Sprint(limit)), "\n")
}
