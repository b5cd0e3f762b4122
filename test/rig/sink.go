package rig

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Sink is smtp-sink, counting.
type Sink struct {
	Addr  string
	cmd   *exec.Cmd
	count atomic.Int64
}

// StartSink runs smtp-sink on a free loopback port, with more sessions than any node here opens.
func StartSink() (*Sink, error) {
	addr, err := FreeAddr()
	if err != nil {
		return nil, err
	}
	args := []string{"-c", "-m", "2000", addr, "1000"}
	if os.Getuid() == 0 {
		args = append([]string{"-u", "postfix"}, args...) // it refuses to run as root
	}
	s := &Sink{Addr: addr, cmd: exec.Command("smtp-sink", args...)}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("smtp-sink: %w; install it with: make deps", err)
	}
	go s.read(out) // ends with the pipe, which Stop closes by ending the process
	return s, AwaitPort(addr)
}

// read follows the running counters, "sess=1 quit=0 mesg=12\r".
func (s *Sink) read(out io.Reader) {
	sc := bufio.NewScanner(out)
	sc.Split(func(data []byte, _ bool) (int, []byte, error) {
		if i := strings.IndexByte(string(data), '\r'); i >= 0 {
			return i + 1, data[:i], nil
		}
		return 0, nil, nil
	})
	for sc.Scan() {
		_, n, ok := strings.Cut(sc.Text(), "mesg=")
		if v, err := strconv.ParseInt(strings.TrimSpace(n), 10, 64); ok && err == nil {
			s.count.Store(v)
		}
	}
}

// Pid is its process.
func (s *Sink) Pid() int { return s.cmd.Process.Pid }

// Count is how many messages have come.
func (s *Sink) Count() int64 { return s.count.Load() }

// Await returns when n messages have come, or with the context's error.
func (s *Sink) Await(ctx context.Context, n int64) error {
	for end := time.Now().Add(Wait); s.Count() < n; time.Sleep(2 * time.Millisecond) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if time.Now().After(end) {
			return fmt.Errorf("only %d of %d messages arrived in %s", s.Count(), n, Wait)
		}
	}
	return nil
}

// Stop ends it.
func (s *Sink) Stop() { StopProcess(s.cmd) }
