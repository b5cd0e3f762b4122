package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/budkavle/budkavle/test/rig"
)

// figures are what one run gives.
type figures struct {
	rate   float64 // messages a second, first byte sent to last message received
	cpu    float64 // µs of processor a message, in the contender's processes
	memory float64 // MiB at the peak: proportional set size of the contender's processes together
	others float64 // share of the machine that went to processes outside the benchmark
}

func measure(ctx context.Context, work string, s scenario, p plan, round int) (figures, error) {
	if round > 0 {
		p.profile = ""
	}
	var f figures
	err := withContender(work, s, p, func(c *contender, k *rig.Sink) error {
		// A warm-up, so that connections to the next hop, caches and processes are there for both.
		warm := max(s.messages/20, 50)
		if _, err := source(ctx, c.addr, s, p.connections, warm); err != nil {
			return err
		}
		if err := k.Await(ctx, int64(warm)); err != nil {
			return err
		}
		busy, err := busyTime()
		if err != nil {
			return err
		}
		m := watch(c.roots)
		begin, cpu, sink := time.Now(), rig.CPUTime(c.roots), rig.CPUTime([]int{k.Pid()})
		tools, err := source(ctx, c.addr, s, p.connections, s.messages)
		if err == nil {
			err = k.Await(ctx, int64(warm+s.messages))
		}
		took := time.Since(begin)
		f.memory = m.stop()
		if err != nil {
			return err
		}
		own := rig.CPUTime(c.roots) - cpu
		tools += rig.CPUTime([]int{k.Pid()}) - sink
		now, err := busyTime()
		f.cpu = float64(own.Microseconds()) / float64(s.messages)
		f.rate = float64(s.messages) / took.Seconds()
		f.others = max((now-busy-own-tools).Seconds(), 0) / took.Seconds() / float64(runtime.NumCPU())
		return err
	})
	return f, err
}

func withContender(work string, s scenario, p plan, f func(*contender, *rig.Sink) error) error {
	k, err := rig.StartSink()
	if err != nil {
		return err
	}
	defer k.Stop()
	c, err := s.start(work, k.Addr, p)
	if err != nil {
		return err
	}
	defer c.stop()
	return f(c, k)
}

// countSyncs runs a tenth of the messages under strace and returns fsync and fdatasync calls a message.
func countSyncs(ctx context.Context, work string, s scenario, p plan) (float64, error) {
	p.profile = ""
	n := max(s.messages/10, 100)
	var calls float64
	err := withContender(work, s, p, func(c *contender, k *rig.Sink) error {
		trace := filepath.Join(work, "strace.out")
		args := []string{"-f", "-qq", "-e", "trace=fsync,fdatasync,sync_file_range", "-o", trace}
		for _, pid := range rig.Tree(c.roots) {
			args = append(args, "-p", strconv.Itoa(pid))
		}
		cmd := exec.Command("strace", args...)
		if err := cmd.Start(); err != nil {
			return fmt.Errorf("strace: %w", errMissing)
		}
		time.Sleep(time.Second) // strace attaches to every thread before it counts; it has no word for "ready"
		_, err := source(ctx, c.addr, s, p.connections, n)
		if err == nil {
			err = k.Await(ctx, int64(n))
		}
		rig.StopProcess(cmd)
		data, rerr := os.ReadFile(trace)
		if rerr != nil {
			return rerr
		}
		for _, line := range bytes.Split(data, []byte("\n")) {
			if bytes.Contains(line, []byte("sync(")) && !bytes.Contains(line, []byte("resumed")) {
				calls++
			}
		}
		return err
	})
	return calls / float64(n), err
}

// watcher samples memory until it is stopped.
type watcher struct {
	quit chan struct{}
	peak chan float64
}

func watch(roots []int) *watcher {
	w := &watcher{make(chan struct{}), make(chan float64)}
	go func() {
		peak := 0.0
		for {
			peak = max(peak, rig.Memory(roots))
			select {
			case <-w.quit:
				w.peak <- peak
				return
			case <-time.After(time.Second):
			}
		}
	}()
	return w
}

func (w *watcher) stop() float64 {
	close(w.quit)
	return <-w.peak
}
