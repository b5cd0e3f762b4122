package rig

import (
	"bufio"
	"bytes"
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
)

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
[limits]
half_hour = 0
%[5]s`

// Node is a Budkavle that does not run yet, or runs. It has its defaults, but for what it was made with, and no limits for accounts.
type Node struct {
	Config   string // file
	Store    string // SQLite file
	Web      string // ADDRESS:PORT of HTTP
	Begun    time.Time
	dir      string
	budkavle string
	cmd      *exec.Cmd
}

// NewNode writes the configuration of a node in a folder, with an account "bench"; more is added to it: whole sections.
func NewNode(budkavle, dir, more string) (*Node, error) {
	smtp, err := FreeAddr()
	if err != nil {
		return nil, err
	}
	web, err := FreeAddr()
	if err != nil {
		return nil, err
	}
	n := &Node{dir: dir, Config: filepath.Join(dir, "budkavle.toml"), Store: filepath.Join(dir, "budkavle.db"), Web: web, budkavle: budkavle}
	text := fmt.Sprintf(configuration, dir, "sqlite:"+n.Store, smtp, web, more)
	if err := os.WriteFile(n.Config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	_, err = n.Run("account", "add", "bench")
	return n, err
}

// Run runs a command of the program on the node's store and returns what it printed.
func (n *Node) Run(args ...string) ([]byte, error) {
	var said bytes.Buffer
	cmd := exec.Command(n.budkavle, append(args, "--config", n.Config)...)
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, said.Bytes())
	}
	return out, nil
}

// Start runs the node and returns how long it took until it was ready.
func (n *Node) Start(ctx context.Context) (time.Duration, error) {
	log, err := os.Create(filepath.Join(n.dir, "log"))
	if err != nil {
		return 0, err
	}
	defer log.Close()
	n.cmd = exec.Command(n.budkavle, "serve", "--config", n.Config)
	n.cmd.Stderr, n.cmd.Stdout = log, log
	n.Begun = time.Now()
	if err := n.cmd.Start(); err != nil {
		return 0, err
	}
	for time.Since(n.Begun) < Wait && ctx.Err() == nil {
		if r, err := http.Get("http://" + n.Web + "/readyz"); err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return time.Since(n.Begun), nil
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
	text, _ := os.ReadFile(log.Name())
	return 0, fmt.Errorf("the node is not ready after %s; its log:\n%s", time.Since(n.Begun), text)
}

// Stop ends it, if it runs.
func (n *Node) Stop() { StopProcess(n.cmd) }

// Pid is its process.
func (n *Node) Pid() int { return n.cmd.Process.Pid }

// Peak is the most memory the process has had, in MiB: VmHWM of proc(5).
func (n *Node) Peak() (float64, error) {
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

// Metrics reads the plain figures of /metrics by name.
func (n *Node) Metrics(ctx context.Context) (map[string]float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.Web+"/metrics", nil)
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
