package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
	"github.com/budkavle/budkavle/internal/store/sqlite"
	"github.com/budkavle/budkavle/test/rig"
)

// roundFigures are what it costs to look at every domain once.
type roundFigures struct {
	domains int
	took    time.Duration
	queries map[string]int // by type
	cpu     time.Duration  // of the node; the lab has its own
	memory  float64        // MiB at the peak
	idle    float64        // MiB before
	commits float64
	rows    float64
}

func (f *roundFigures) asked() int { return total(f.queries) }

func (f *roundFigures) String() string {
	n := float64(f.domains)
	return fmt.Sprintf("%d domains in %s: %.1f questions a domain (%s), %.2f ms CPU a domain, %.0f MiB (%.0f idle), %.0f commits of %.1f rows",
		f.domains, f.took.Round(100*time.Millisecond), float64(f.asked())/n, kinds(f.queries), f.cpu.Seconds()*1e3/n, f.memory, f.idle, f.commits, f.rows/f.commits)
}

// kinds are the types of questions, the most first.
func kinds(counts map[string]int) string {
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return counts[b] - counts[a] })
	var list []string
	for _, name := range names {
		list = append(list, fmt.Sprintf("%d %s", counts[name], name))
	}
	return strings.Join(list, ", ")
}

func total(counts map[string]int) int {
	n := 0
	for _, c := range counts {
		n += c
	}
	return n
}

// round runs the program on the store in which all domains are due. What is missing is looked at a second time within it.
func (w *world) round(ctx context.Context) (*roundFigures, error) {
	f := &roundFigures{domains: w.domains}
	st, err := sqlite.Open(ctx, w.node.Store, clock.System{})
	if err != nil {
		return nil, err
	}
	defer func() { _ = st.Close() }() // nothing was written by it
	before := w.lab.Queries()
	if _, err := w.node.Start(ctx); err != nil {
		return nil, err
	}
	pids := []int{w.node.Pid()}
	f.idle = rig.Memory(pids)
	for left := w.domains; left > 0; {
		time.Sleep(time.Second)
		if f.took = time.Since(w.node.Begun); f.took > rig.Wait {
			return nil, fmt.Errorf("%d domains were not looked at in %s", left, f.took)
		}
		f.cpu, f.queries = rig.CPUTime(pids), less(w.lab.Queries(), before)
		if left, err = w.looked(ctx, st); err != nil {
			return nil, err
		}
		fmt.Fprintf(os.Stderr, "\r%d domains left, %d questions ", left, f.asked())
	}
	fmt.Fprintln(os.Stderr)
	m, err := w.node.Metrics(ctx)
	if err != nil {
		return nil, err
	}
	f.commits, f.rows = m["budkavle_store_commit_seconds_count"], m["budkavle_store_rows_total"]
	if f.memory, err = w.node.Peak(); err != nil {
		return nil, err
	}
	w.node.Stop()
	return f, nil
}

func less(now, before map[string]int) map[string]int {
	grew := map[string]int{}
	for kind, n := range now {
		if n > before[kind] {
			grew[kind] = n - before[kind]
		}
	}
	return grew
}

// looked counts the domains that are still to be looked at; those that DNS does not answer for cannot be.
func (w *world) looked(ctx context.Context, st store.Store) (left int, err error) {
	err = each(ctx, st, w.domains, func(i int, d *model.Domain) error {
		if fault := faultOf(i); d.CheckedAt.Before(w.node.Begun) && (fault == nil || fault.answer == "") {
			left++
		}
		return nil
	})
	return left, err
}

// each gives all domains in the order of their numbers in their names.
func each(ctx context.Context, st store.Store, domains int, f func(i int, d *model.Domain) error) error {
	i := 0
	for after := ""; ; {
		page, err := st.ListDomains(ctx, 0, after, 1000)
		if err != nil {
			return err
		}
		for k := range page {
			if page[k].Name != domainName(i) {
				return fmt.Errorf("%s is where %s should be", page[k].Name, domainName(i))
			}
			if err := f(i, &page[k]); err != nil {
				return err
			}
			after = page[k].Name
			i++
		}
		if len(page) < 1000 {
			break
		}
	}
	if i != domains {
		return fmt.Errorf("%d domains, want %d", i, domains)
	}
	return nil
}
