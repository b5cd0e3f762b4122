// Command depth measures what a queue costs when it is deep: a node is started on a store with 10,000, 100,000 and
// 1,000,000 recipients waiting for 50,000 domains, and delivers to smtp-sink by real DNS on loopback.
//
// For each depth it prints how long the start took, when the first message arrived, how fast it delivers, what a commit and a
// recipient cost, and the node's memory; and writes the table and a plot into docs/benchmarks.md. It ends with status 1
// if anything cannot be measured, and leaves no process behind. It judges nothing and proves no correctness.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

type plan struct {
	depths   []int
	domains  int
	sites    int
	observe  time.Duration
	budkavle string
	out      string
}

func main() {
	var p plan
	depths := flag.String("depths", "10000,100000,1000000", "recipients waiting, separated by commas")
	flag.IntVar(&p.domains, "domains", 50_000, "recipient domains")
	flag.IntVar(&p.sites, "sites", 500, "sites (MX sets) that the domains share")
	flag.DurationVar(&p.observe, "observe", 20*time.Second, "how long each node is watched while it delivers")
	flag.StringVar(&p.budkavle, "budkavle", "bin/budkavle", "the program")
	flag.StringVar(&p.out, "out", "", "folder for benchmarks.md and its plot; empty: print only")
	flag.Parse()
	for _, text := range strings.Split(*depths, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			fmt.Fprintf(os.Stderr, "depth: -depths %q: want numbers separated by commas\n", *depths)
			os.Exit(2)
		}
		p.depths = append(p.depths, n)
	}
	// Interrupted, it still stops what it started.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, p); err != nil {
		fmt.Fprintln(os.Stderr, "depth:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, p plan) error {
	var results []figures
	for _, depth := range p.depths {
		f, err := measure(ctx, p, depth)
		if err != nil {
			return fmt.Errorf("%d recipients: %w", depth, err)
		}
		fmt.Println(f)
		results = append(results, f)
	}
	rival, err := measureRival(ctx, p)
	if err != nil {
		return fmt.Errorf("another account's single messages: %w", err)
	}
	fmt.Printf("%d single messages of another account, with %d waiting at the same domain: median %s, longest %s\n",
		len(rival), rivalDepth, rival[len(rival)/2].Round(time.Millisecond), rival[len(rival)-1].Round(time.Millisecond))
	if p.out == "" {
		return nil
	}
	return write(p, results, rival)
}
