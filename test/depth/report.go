package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/budkavle/budkavle/test/rig"
)

func write(p plan, results []figures, rival []time.Duration) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured %s on %d cores: %d domains on %d sites, SQLite, each node watched for at most %s.\n\n",
		time.Now().Format("2006-01-02"), runtime.NumCPU(), p.domains, p.sites, p.observe)
	b.WriteString("| waiting | ready after | first message after | recipients/s | CPU µs a recipient | commit ms | rows a commit | commit µs a row | peak memory MiB |\n|---|---|---|---|---|---|---|---|---|\n")
	var bars []rig.Bar
	for _, f := range results {
		fmt.Fprintf(&b, "| %d | %d ms | %d ms | %.0f | %.0f | %.1f | %.0f | %.0f | %.0f |\n",
			f.depth, f.ready.Milliseconds(), f.first.Milliseconds(), f.rate, f.cpu, f.commit, f.rows, f.row, f.memory)
		bars = append(bars, rig.Bar{Label: fmt.Sprintf("%d waiting, CPU µs a recipient", f.depth), Value: f.cpu})
	}
	for _, f := range results {
		bars = append(bars, rig.Bar{Label: fmt.Sprintf("%d waiting, peak memory MiB", f.depth), Value: f.memory})
	}
	fmt.Fprintf(&b, "\nWith %d recipients of one account waiting at a single domain, another account's message to the same domain was delivered after %d ms (median of %d, one at a time; the longest took %d ms), counted\nfrom the HTTP request.\n",
		rivalDepth, rival[len(rival)/2].Milliseconds(), len(rival), rival[len(rival)-1].Milliseconds())
	if err := rig.WriteSection(p.out, "depth", b.String()); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(p.out, "depth.svg"), rig.Plot("What depth costs / Vad djupet kostar", 300, bars), 0o644)
}
