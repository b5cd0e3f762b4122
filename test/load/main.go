// Command load measures Budkavle against Debian's Postfix with OpenDKIM on this machine, in one run: mail goes
// from smtp-source through the contender, signed and durable, to smtp-sink, all on loopback.
//
// It prints every figure as it gets it and writes docs/benchmarks.md with a plot. A contender that loses a message, or
// that cannot be started, ends it with status 1; it never leaves a process behind. It judges nothing: the
// reader compares. It is not a test of correctness.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

type plan struct {
	messages    int
	runs        int
	connections int
	budkavle    string
	postgres    bool
	strace      bool
	out         string
	profile     string
	only        string
}

func main() {
	var p plan
	flag.IntVar(&p.messages, "messages", 20000, "messages of 4 KiB a run for Budkavle; Postfix gets a fifth")
	flag.IntVar(&p.runs, "runs", 3, "runs of each contender, in turn")
	flag.IntVar(&p.connections, "connections", 20, "connections of smtp-source")
	flag.StringVar(&p.budkavle, "budkavle", "bin/budkavle", "the program")
	flag.BoolVar(&p.postgres, "postgres", true, "also with PostgreSQL as store")
	flag.BoolVar(&p.strace, "syncs", true, "also count syncs, in runs of their own under strace")
	flag.StringVar(&p.out, "out", "", "folder for benchmarks.md and its plot; empty: print only")
	flag.StringVar(&p.profile, "profile", "", "write a CPU profile of one Budkavle run to this file")
	flag.StringVar(&p.only, "only", "", "measure only contenders whose name contains this")
	flag.Parse()
	// Interrupted, it still stops what it started.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, p); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

// scenario is one row of the comparison.
type scenario struct {
	name     string
	size     int
	messages int
	reuse    bool // smtp-source keeps its connections
	start    starter
	postfix  bool // this is what the others are compared to
}

func run(ctx context.Context, p plan) error {
	work, err := os.MkdirTemp("", "load")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	// Postfix and PostgreSQL run as users of their own and must reach their folders.
	if err := os.Chmod(work, 0o755); err != nil {
		return err
	}
	scenarios := plannedScenarios(p)
	results := map[string][]figures{}
	for i := range p.runs {
		for _, s := range scenarios {
			f, err := measure(ctx, work, s, p, i)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			fmt.Printf("run %d  %-44s %8.0f msg/s  %6.0f µs CPU/msg  %5.0f MiB  others %2.0f %%\n", i+1, s.name, f.rate, f.cpu, f.memory, f.others*100)
			results[s.name] = append(results[s.name], f)
		}
	}
	syncs := map[string]float64{}
	if p.strace {
		for _, s := range scenarios {
			n, err := countSyncs(ctx, work, s, p)
			if err != nil {
				return fmt.Errorf("%s under strace: %w", s.name, err)
			}
			fmt.Printf("syncs  %-44s %8.2f a message\n", s.name, n)
			syncs[s.name] = n
		}
	}
	b, err := measureBound(ctx, p)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %.0f µs a signature; smtp-source straight into smtp-sink: %.0f msg/s, %.0f µs; bound: %.0f msg/s\n",
		b.engine, b.sign, b.direct, b.tools, b.rate(runtime.NumCPU()))
	if p.out == "" {
		return nil
	}
	return report{
		plan: p, scenarios: scenarios, results: results, syncs: syncs, bound: b,
		cores: runtime.NumCPU(), at: time.Now(),
	}.write(p.out)
}

func plannedScenarios(p plan) []scenario {
	small, large := p.messages, max(p.messages/10, 100)
	list := []scenario{
		{name: "Postfix + OpenDKIM, 4 KiB", size: 4096, messages: small / 5, reuse: true, start: startPostfix, postfix: true},
		{name: "Budkavle, SQLite, 4 KiB", size: 4096, messages: small, reuse: true, start: startBudkavle("sqlite")},
		{name: "Postfix + OpenDKIM, 4 KiB, new connections", size: 4096, messages: small / 5, start: startPostfix, postfix: true},
		{name: "Budkavle, SQLite, 4 KiB, new connections", size: 4096, messages: small, start: startBudkavle("sqlite")},
		{name: "Postfix + OpenDKIM, 100 KiB", size: 100 << 10, messages: large / 2, reuse: true, start: startPostfix, postfix: true},
		{name: "Budkavle, SQLite, 100 KiB", size: 100 << 10, messages: large, reuse: true, start: startBudkavle("sqlite")},
	}
	if p.postgres {
		list = append(list,
			scenario{name: "Budkavle, PostgreSQL, 4 KiB", size: 4096, messages: small / 2, reuse: true, start: startBudkavle("postgres")},
			scenario{name: "Budkavle, PostgreSQL, 100 KiB", size: 100 << 10, messages: large / 2, reuse: true, start: startBudkavle("postgres")})
	}
	return slices.DeleteFunc(list, func(s scenario) bool { return !strings.Contains(s.name, p.only) })
}
