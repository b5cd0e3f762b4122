package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
	"time"

	"github.com/budkavle/budkavle/internal/base/telemetry"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/node"
)

// drainTime is how long a node may take to finish its sessions: a little above the time RFC 5321 4.5.3.2.6
// gives a receiver for its final reply, which is the longest that one of ours can take.
const drainTime = 11 * time.Minute

type serveCommand struct {
	CPUProfile string `name:"cpu-profile" help:"Write a CPU profile to this file." placeholder:"FILE"`
}

func (c *serveCommand) Run(a *app) (err error) {
	cfg, err := a.loadConfig()
	if err != nil {
		return err
	}
	log := telemetry.NewLog(a.Err, cfg.Log.Level, cfg.Log.Format)
	defer log.Close()
	stopProfile, err := startProfile(c.CPUProfile)
	if err != nil {
		return err
	}
	defer stopProfile()

	n, err := node.Start(context.Background(), cfg, node.NewSystem(log.Logger))
	if err != nil {
		return err
	}
	<-a.ctx.Done()
	// The first signal drains. A second stops at once.
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	again := make(chan os.Signal, 1)
	signal.Notify(again, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(again)
	stopped := make(chan struct{})
	defer close(stopped)
	go func() {
		select {
		case <-again:
			cancel()
		case <-stopped:
		}
	}()
	err = n.Stop(ctx)
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// startProfile begins a CPU profile unless path is empty.
func startProfile(path string) (stop func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, wording.Errorf("CPU profile: %w", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		f.Close()
	}, nil
}
