package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/budkavle/budkavle/test/rig"
)

const deliveredMetric = `budkavle_outcomes_total{outcome="delivered"}`

// figures are what one depth gives.
type figures struct {
	depth  int
	ready  time.Duration // from exec to /readyz
	first  time.Duration // from exec to the first message at the sink
	rate   float64       // recipients delivered a second
	cpu    float64       // µs of the node a recipient delivered
	commit float64       // ms a commit, begin to durable
	rows   float64       // rows a commit
	row    float64       // µs of commit time a row
	memory float64       // MiB at the peak
}

func (f figures) String() string {
	return fmt.Sprintf("%9d waiting: ready %4d ms, first message %4d ms, %6.0f recipients/s, %4.0f µs CPU a recipient, commit %5.1f ms of %4.0f rows (%3.0f µs a row), %4.0f MiB",
		f.depth, f.ready.Milliseconds(), f.first.Milliseconds(), f.rate, f.cpu, f.commit, f.rows, f.row, f.memory)
}

func measure(ctx context.Context, p plan, depth int) (f figures, err error) {
	f.depth = depth
	dir, err := os.MkdirTemp("", "depth")
	if err != nil {
		return f, err
	}
	defer os.RemoveAll(dir)
	sink, err := rig.StartSink()
	if err != nil {
		return f, err
	}
	defer sink.Stop()
	dns, err := startNames(p.sites)
	if err != nil {
		return f, err
	}
	defer dns.stop()
	n, err := newNode(p.budkavle, dir, dns.addr, sink.Addr)
	if err != nil {
		return f, err
	}
	if err := fill(ctx, n.Store, p, depth); err != nil {
		return f, err
	}
	defer n.Stop()
	if f.ready, err = n.Start(ctx); err != nil {
		return f, err
	}
	if err := sink.Await(ctx, 1); err != nil {
		return f, err
	}
	f.first = time.Since(n.Begun)
	err = watch(ctx, p, n, &f)
	return f, err
}

// watch lets the node deliver for a while, or until half of the mail is gone: the other half keeps the queue deep.
func watch(ctx context.Context, p plan, n *rig.Node, f *figures) error {
	pids := []int{n.Pid()}
	before, err := n.Metrics(ctx)
	if err != nil {
		return err
	}
	began, cpu := time.Now(), rig.CPUTime(pids)
	after := before
	for time.Since(began) < p.observe && after[deliveredMetric] < float64(f.depth)/2 {
		time.Sleep(time.Second)
		if after, err = n.Metrics(ctx); err != nil {
			return err
		}
	}
	spent := rig.CPUTime(pids) - cpu
	took := time.Since(began)
	grew := func(name string) float64 { return after[name] - before[name] }
	if grew(deliveredMetric) < 100 {
		return fmt.Errorf("only %.0f recipients were delivered in %s", grew(deliveredMetric), took)
	}
	f.rate = grew(deliveredMetric) / took.Seconds()
	f.cpu = float64(spent.Microseconds()) / grew(deliveredMetric)
	commits, seconds, rows := grew("budkavle_store_commit_seconds_count"), grew("budkavle_store_commit_seconds_sum"), grew("budkavle_store_rows_total")
	f.commit, f.rows, f.row = seconds/commits*1e3, rows/commits, seconds/rows*1e6
	f.memory, err = n.Peak()
	return err
}

// newNode makes a node that finds its way by a DNS server and leads to the sink's port.
func newNode(budkavle, dir, dns, sinkAddr string) (*rig.Node, error) {
	port := sinkAddr[strings.LastIndexByte(sinkAddr, ':')+1:]
	n, err := rig.NewNode(budkavle, dir, fmt.Sprintf("[dns]\nservers = [%q]\n[delivery]\nport = %s\nbounce_domain = \"bounce.bench.example\"\n", dns, port))
	if err != nil {
		return nil, err
	}
	_, err = n.Run("domain", "add", "bench.example", "--account", "bench", "--waive", "benchmark on loopback")
	return n, err
}
