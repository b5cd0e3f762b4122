package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/budkavle/budkavle/test/rig"
)

// The node has its defaults, but for where it finds DNS and the receivers' port.
const configuration = `[node]
hostname = "bench.example"
data_dir = %[1]q
[store]
url = %[2]q
[submission]
listen = [%[3]q]
[mx]
listen = []
[http]
listen = %[4]q
[dns]
servers = [%[5]q]
[delivery]
port = %[6]s
bounce_domain = "bounce.bench.example"
`

// node is a Budkavle that does not run yet, or runs.
type node struct {
	dir, config, store string
	web                string
	budkavle           string
	cmd                *exec.Cmd
	begun              time.Time
}

func newNode(budkavle, dir, dns, sinkAddr string) (*node, error) {
	smtp, err := rig.FreeAddr()
	if err != nil {
		return nil, err
	}
	web, err := rig.FreeAddr()
	if err != nil {
		return nil, err
	}
	n := &node{dir: dir, config: filepath.Join(dir, "budkavle.toml"), store: filepath.Join(dir, "budkavle.db"), web: web, budkavle: budkavle}
	port := sinkAddr[strings.LastIndexByte(sinkAddr, ':')+1:]
	text := fmt.Sprintf(configuration, dir, "sqlite:"+n.store, smtp, web, dns, port)
	if err := os.WriteFile(n.config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	if err := n.run("account", "add", "bench"); err != nil {
		return nil, err
	}
	return n, n.run("domain", "add", "bench.example", "--account", "bench", "--waive", "benchmark on loopback")
}

// run runs a command of the program on the node's store.
func (n *node) run(args ...string) error {
	out, err := exec.Command(n.budkavle, append(args, "--config", n.config)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// start runs the node and returns how long it took until it was ready.
func (n *node) start(ctx context.Context) (time.Duration, error) {
	log, err := os.Create(filepath.Join(n.dir, "log"))
	if err != nil {
		return 0, err
	}
	defer log.Close()
	n.cmd = exec.Command(n.budkavle, "serve", "--config", n.config)
	n.cmd.Stderr, n.cmd.Stdout = log, log
	n.begun = time.Now()
	if err := n.cmd.Start(); err != nil {
		return 0, err
	}
	for time.Since(n.begun) < rig.Wait && ctx.Err() == nil {
		if r, err := http.Get("http://" + n.web + "/readyz"); err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return time.Since(n.begun), nil
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
	text, _ := os.ReadFile(log.Name())
	return 0, fmt.Errorf("the node is not ready after %s; its log:\n%s", time.Since(n.begun), text)
}

func (n *node) stop() { rig.StopProcess(n.cmd) }

// peak is the most memory the process has had, in MiB: VmHWM of proc(5).
func (n *node) peak() (float64, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", n.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kib / 1024, err
		}
	}
	return 0, errors.New("no VmHWM in /proc/PID/status")
}

// metrics reads the plain figures of /metrics by name.
func (n *node) metrics(ctx context.Context) (map[string]float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.web+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(io.LimitReader(r.Body, 4<<20))
	if err != nil {
		return nil, err
	}
	found := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if v, err := strconv.ParseFloat(value, 64); ok && err == nil {
			found[name] = v
		}
	}
	return found, nil
}
