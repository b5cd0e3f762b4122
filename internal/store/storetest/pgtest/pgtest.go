// Package pgtest runs a PostgreSQL server of its own for tests and benchmarks: made with initdb in a temporary folder,
// on a loopback port, with fsync on, stopped by its owner.
//
// PostgreSQL refuses to run as root; then it runs as the user postgres, whom Debian's package makes. It is for tests: it
// trusts every connection from this machine.
package pgtest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// Cluster is a running server.
type Cluster struct {
	URL string // of its database "postgres"
	Pid int    // of the postmaster

	bin, data string
	port      string
	as        *syscall.Credential
	once      sync.Once
}

// StartCluster makes and starts a server below dir, which must be reachable by other users.
func StartCluster(dir string) (*Cluster, error) {
	bins, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	if len(bins) == 0 {
		return nil, fmt.Errorf("PostgreSQL is not installed; run: make deps")
	}
	root, err := os.MkdirTemp(dir, "pg")
	if err != nil {
		return nil, err
	}
	c := &Cluster{bin: bins[len(bins)-1], data: filepath.Join(root, "data")}
	if err := c.drop(root); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	_, c.port, _ = net.SplitHostPort(l.Addr().String())
	l.Close()
	if err := c.run("initdb", "-D", c.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-instructions", "--no-sync"); err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, err
	}
	c.URL = "postgres://postgres@127.0.0.1:" + c.port + "/postgres?sslmode=disable"
	return c, nil
}

// drop prepares to run as postgres when we are root.
func (c *Cluster) drop(root string) error {
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return err
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	c.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return os.Chown(root, uid, gid)
}

func (c *Cluster) run(tool string, args ...string) error {
	cmd := exec.Command(filepath.Join(c.bin, tool), args...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.as}
	// Output to a file: a pipe would stay open as long as the server that pg_ctl leaves behind.
	out, err := os.CreateTemp("", "pgtest")
	if err != nil {
		return err
	}
	defer func() { _, _ = out.Close(), os.Remove(out.Name()) }()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(out.Name())
		return fmt.Errorf("%s: %w: %s", tool, err, text)
	}
	return nil
}

// Start starts the server again after Stop.
func (c *Cluster) Start() error {
	c.once = sync.Once{}
	options := "-c listen_addresses=127.0.0.1 -c port=" + c.port + " -c unix_socket_directories='' -c shared_buffers=64MB -c max_connections=200"
	if err := c.run("pg_ctl", "-D", c.data, "-w", "-t", "60", "-l", c.data+"/log", "-o", options, "start"); err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(c.data, "postmaster.pid"))
	if err != nil {
		return err
	}
	c.Pid, err = strconv.Atoi(strings.SplitN(string(text), "\n", 2)[0])
	return err
}

// Stop ends the server: connections are cut, as in a restart.
func (c *Cluster) Stop() {
	c.once.Do(func() { _ = c.run("pg_ctl", "-D", c.data, "-w", "-m", "fast", "stop") })
}
