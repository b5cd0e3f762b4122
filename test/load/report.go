package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"github.com/budkavle/budkavle/test/rig"
)

// report is everything one call has measured.
type report struct {
	plan      plan
	scenarios []scenario
	results   map[string][]figures
	syncs     map[string]float64
	bound     bound
	cores     int
	at        time.Time
}

func (r report) write(folder string) error {
	if err := rig.WriteSection(folder, "rates", r.markdown()); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "benchmarks.svg"), r.plot(), 0o644)
}

func (r report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured %s on %d cores, %d runs of each in turn, medians (lowest to highest); %d connections. All else that ran, the kernel's threads for the disk among it, took %s %% of the machine.\n\n",
		r.at.Format("2006-01-02"), r.cores, r.plan.runs, r.plan.connections, spread(r.others()))
	b.WriteString("| contender | messages/s | against Postfix | CPU µs a message | peak memory MiB | syncs a message |\n|---|---|---|---|---|---|\n")
	for _, s := range r.scenarios {
		rate := r.column(s.name, func(f figures) float64 { return f.rate })
		cpu := r.column(s.name, func(f figures) float64 { return f.cpu })
		memory := r.column(s.name, func(f figures) float64 { return f.memory })
		syncs := "–"
		if n, ok := r.syncs[s.name]; ok {
			syncs = fmt.Sprintf("%.2f", n)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", s.name, spread(rate), r.ratio(s), spread(cpu), spread(memory), syncs)
	}
	fmt.Fprintf(&b, "\nThe bound: an RSA-2048 signature by %s takes %.0f µs of one core, `smtp-source` and `smtp-sink` together %.0f µs a message of 4 KiB (alone they reach %.0f a second). A server\nthat did nothing but sign once would carry **%.0f messages a second** here.\n",
		r.bound.engine, r.bound.sign, r.bound.tools, r.bound.direct, r.bound.rate(r.cores))
	return b.String()
}

// others are the shares, in per cent, of all runs.
func (r report) others() []float64 {
	var v []float64
	for _, s := range r.scenarios {
		v = append(v, r.column(s.name, func(f figures) float64 { return 100 * f.others })...)
	}
	sort.Float64s(v)
	return v
}

// ratio compares with the Postfix row of the same size and manner.
func (r report) ratio(s scenario) string {
	if s.postfix {
		return "1"
	}
	for _, base := range r.scenarios {
		if base.postfix && base.size == s.size && base.reuse == s.reuse {
			rate := func(f figures) float64 { return f.rate }
			return fmt.Sprintf("**%.1f ×**", median(r.column(s.name, rate))/median(r.column(base.name, rate)))
		}
	}
	return "–"
}

func (r report) column(name string, pick func(figures) float64) []float64 {
	var v []float64
	for _, f := range r.results[name] {
		v = append(v, pick(f))
	}
	sort.Float64s(v)
	return v
}

func median(sorted []float64) float64 {
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func spread(sorted []float64) string {
	if len(sorted) == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f (%.0f–%.0f)", median(sorted), sorted[0], sorted[len(sorted)-1])
}

// plot draws the rates as bars.
func (r report) plot() []byte {
	var bars []rig.Bar
	for _, s := range r.scenarios {
		bars = append(bars, rig.Bar{Label: s.name, Value: median(r.column(s.name, func(f figures) float64 { return f.rate })), Other: s.postfix})
	}
	return rig.Plot("Messages a second, signed and durable / Brev i sekunden, signerade och säkrade", 330, bars)
}
