package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/budkavle/budkavle/test/rig"
)

func write(p plan, one *roundFigures, two *outageFigures) error {
	n := float64(one.domains)
	var b strings.Builder
	fmt.Fprintf(&b, "Measured %s on %d cores that the lab shares, with a load of %s when it began: %d domains, of which a tenth has faults of %d sorts.\n\n",
		time.Now().Format("2006-01-02"), runtime.NumCPU(), p.load, one.domains, len(faults))
	b.WriteString("| a round, all due at once | |\n|---|---|\n")
	fmt.Fprintf(&b, "| from the program's start to the last answer | %.1f s, %.0f domains a second |\n", one.took.Seconds(), n/one.took.Seconds())
	fmt.Fprintf(&b, "| questions a domain, with second looks at what is missing | %.1f (%s in all) |\n", float64(one.asked())/n, kinds(one.queries))
	fmt.Fprintf(&b, "| CPU a domain | %.2f ms |\n", one.cpu.Seconds()*1e3/n)
	fmt.Fprintf(&b, "| peak memory | %.0f MiB; %.0f MiB when it was ready |\n", one.memory, one.idle)
	fmt.Fprintf(&b, "| store | %.0f commits of %.1f rows, %.1f rows a domain |\n", one.commits, one.rows/one.commits, one.rows/n)
	fmt.Fprintf(&b, "| at its usual pace, each domain four times a day | %.1f questions a second |\n", float64(one.asked())/(6*3600))
	fmt.Fprintf(&b, "\n| for an hour the resolver answers with %s only | |\n|---|---|\n", two.outage)
	fmt.Fprintf(&b, "| questions in the hour before | %d, for %d looks at domains |\n", two.usual, two.checked)
	fmt.Fprintf(&b, "| questions in the hour | %d, for %d looks |\n", two.asked, two.tried)
	fmt.Fprintf(&b, "| domains that fell due in it | %d |\n", two.due)
	fmt.Fprintf(&b, "| events, in it and until all was caught up | %d |\n", two.events)
	fmt.Fprintf(&b, "| its return is seen after | %.0f s |\n", two.noticed.Seconds())
	fmt.Fprintf(&b, "| all is caught up after | %.0f s, with at most %d questions in a second (answers take %s) |\n", two.caughtUp.Seconds(), slices.Max(two.perSecond), two.delay)
	fmt.Fprintf(&b, "\nIn all these hours %d domains changed their state, as their faults have it, and each was told of once.\n", two.settled)
	if err := rig.WriteSection(p.out, "watch", b.String()); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(p.out, "watch.svg"), rig.Plot("Questions to a resolver that is back / Frågor till en resolver som är tillbaka", 200, two.bars()), 0o644)
}

// bars are the questions in each span of time from the return on, at most 20 of them.
func (f *outageFigures) bars() []rig.Bar {
	first := max(int(f.noticed/time.Second)-2, 0)
	last := min(int(f.caughtUp/time.Second)+2, len(f.perSecond))
	span := max((last-first+19)/20, 1)
	var list []rig.Bar
	for at := first; at < last; at += span {
		seconds := f.perSecond[at:min(at+span, last)]
		sum := 0
		for _, n := range seconds {
			sum += n
		}
		list = append(list, rig.Bar{Label: fmt.Sprintf("second %d, questions a second", at), Value: float64(sum) / float64(len(seconds))})
	}
	return list
}
