package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"time"

	"github.com/budkavle/budkavle/test/rig"
)

// source runs smtp-source to its end and returns what processor time it took.
func source(ctx context.Context, addr string, s scenario, connections, messages int) (time.Duration, error) {
	args := []string{
		"-s", strconv.Itoa(connections), "-l", strconv.Itoa(s.size), "-m", strconv.Itoa(messages),
		"-f", "sender@bench.example", "-t", "recipient@sink.example",
	}
	if s.reuse {
		args = append(args, "-d")
	}
	ctx, cancel := context.WithTimeout(ctx, rig.Wait)
	defer cancel()
	cmd := exec.CommandContext(ctx, "smtp-source", append(args, addr)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("smtp-source: %w: %s", err, out)
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}

// contender is a running mail server under test.
type contender struct {
	addr  string
	roots []int // processes whose trees are counted
	stop  func()
}

// starter starts a contender that relays everything to the sink.
type starter func(work, sinkAddr string, p plan) (*contender, error)

var errMissing = errors.New("not installed; run: make deps")
