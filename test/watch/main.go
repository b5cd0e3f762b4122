// Command watch measures what it costs to keep sender domains proved: 10,000 of them, a tenth with faults of every sort, in a
// SQLite store and in the lab's DNS.
//
// First the program itself has all of them due at once, and asks the lab over UDP: how long the round takes, how many
// questions, processor time, memory and writes. Then its watch runs within this program by a clock that is put forward while
// it waits and goes as the machine's while it works: hours go by, the resolver is down for one of them, and comes back.
// It writes both into docs/benchmarks.md, with a plot, and ends with status 1 if a domain does not end as it should. It
// leaves no process behind.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/budkavle/budkavle/internal/lab"
)

type plan struct {
	domains  int
	delay    time.Duration
	budkavle string
	outage   string // what the resolver says: a lab.Answer
	out      string
	load     string // average of the last minute: what else the machine does
}

func main() {
	var p plan
	flag.IntVar(&p.domains, "domains", 10_000, "sender domains")
	flag.DurationVar(&p.delay, "delay", 20*time.Millisecond, "how long the resolver takes for an answer around the outage")
	flag.StringVar(&p.budkavle, "budkavle", "bin/budkavle", "the program")
	flag.StringVar(&p.outage, "outage", string(lab.AnswerServFail), "what the resolver says while it is down: servfail, refused or timeout, which takes minutes")
	flag.StringVar(&p.out, "out", "", "folder for benchmarks.md and its plot; empty: print only")
	flag.Parse()
	if p.domains < len(faults)*100 || p.domains > 12_000 {
		fmt.Fprintf(os.Stderr, "watch: -domains %d: want %d to 12000, so that there are some of each fault and the lab holds their records\n", p.domains, len(faults)*100)
		os.Exit(2)
	}
	load, _ := os.ReadFile("/proc/loadavg")
	p.load, _, _ = strings.Cut(string(load), " ")
	// Interrupted, it still stops what it started.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, p); err != nil {
		fmt.Fprintln(os.Stderr, "watch:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, p plan) (err error) {
	dir, err := os.MkdirTemp("", "watch")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	l, err := lab.Start(ctx, lab.Config{})
	if err != nil {
		return err
	}
	defer func() {
		if serr := l.Stop(context.WithoutCancel(ctx)); err == nil {
			err = serr
		}
	}()
	w, err := newWorld(ctx, p, dir, l)
	if err != nil {
		return err
	}
	defer w.node.Stop()
	one, err := w.round(ctx)
	if err != nil {
		return fmt.Errorf("the round: %w", err)
	}
	fmt.Println(one)
	two, err := w.outage(ctx, p.delay)
	if err != nil {
		return fmt.Errorf("the outage: %w", err)
	}
	fmt.Println(two)
	if p.out == "" {
		return nil
	}
	return write(p, one, two)
}
