package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/budkavle/budkavle/internal/store/storetest/pgtest"
	"github.com/budkavle/budkavle/test/rig"
)

const budkavleConfig = `[node]
hostname = "bench.example"
data_dir = %[1]q
[store]
url = %[2]q
[submission]
listen = [%[3]q]
trusted_networks = ["127.0.0.0/8=bench"]
[mx]
listen = []
[http]
listen = %[5]q
[limits]
half_hour = 0
[delivery]
bounce_domain = "bounce.bench.example"
[[delivery.route]]
match = "*"
host = "127.0.0.1"
port = %[4]s
tls = "none"
connections = 50
`

// startBudkavle runs the program on its own store: its defaults, but for the fixed route and its concurrency of 50.
func startBudkavle(kind string) starter {
	return func(work, sinkAddr string, p plan) (*contender, error) {
		dir, err := os.MkdirTemp(work, "budkavle")
		if err != nil {
			return nil, err
		}
		url := "sqlite:" + filepath.Join(dir, "budkavle.db")
		stopStore := func() {}
		var roots []int
		if kind == "postgres" {
			cluster, err := pgtest.StartCluster(work)
			if err != nil {
				return nil, err
			}
			url, stopStore, roots = cluster.URL, cluster.Stop, []int{cluster.Pid}
		}
		c, err := startNode(dir, url, sinkAddr, p)
		if err != nil {
			stopStore()
			return nil, err
		}
		stopNode := c.stop
		c.stop = func() { stopNode(); stopStore() }
		c.roots = append(c.roots, roots...)
		return c, nil
	}
}

func startNode(dir, url, sinkAddr string, p plan) (*contender, error) {
	addr, err := rig.FreeAddr()
	if err != nil {
		return nil, err
	}
	web, err := rig.FreeAddr()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "budkavle.toml")
	text := fmt.Sprintf(budkavleConfig, dir, url, addr, sinkAddr[strings.LastIndexByte(sinkAddr, ':')+1:], web)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return nil, err
	}
	for _, args := range [][]string{
		{"account", "add", "bench"},
		{"domain", "add", "bench.example", "--account", "bench", "--waive", "benchmark on loopback"},
	} {
		if out, err := exec.Command(p.budkavle, append(args, "--config", path)...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, out)
		}
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(p.budkavle, "serve", "--config", path)
	cmd.Stderr, cmd.Stdout = log, log
	if p.profile != "" {
		cmd.Args = append(cmd.Args, "--cpu-profile", p.profile)
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	if err := rig.AwaitPort(addr); err != nil {
		rig.StopProcess(cmd)
		data, _ := os.ReadFile(log.Name())
		return nil, fmt.Errorf("%w; the node's log:\n%s", err, data)
	}
	return &contender{addr: addr, roots: []int{cmd.Process.Pid}, stop: func() { rig.StopProcess(cmd) }}, nil
}
