package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/base/wording"
)

// maxFaults is how many faults are printed.
const maxFaults = 20

// printResult prints the table by provider and the rates.
func (a *app) printResult(t *terminal, r *demoResult) {
	g := grid{
		groups: []group{{a.T("delivered"), 2, 3}, {a.T("bounced"), 4, 8}, {a.T("time to deliver"), 10, 11}},
		head: []string{
			a.T("provider"), a.T("sent"), a.T("at once"), a.T("later"), a.T("unknown"), a.T("full"), a.T("spam"), a.T("no host"), a.T("returned"),
			a.T("waiting"), "p50", "p99",
		},
	}
	for _, p := range r.Providers {
		g.rows = append(g.rows, a.resultRow(p.Provider, p))
	}
	g.foot = a.resultRow(a.T("all"), r.Total)
	g.print(a.Out, t.strong)
	a.say("")
	a.say("%s messages to %s recipients were accepted in %s: %s a second, signed and synced to disk.",
		a.count(r.Messages), a.count(r.Recipients), short(r.TakenIn), a.rate(r.Messages, r.TakenIn))
	settled := r.Recipients - r.Total.Waiting
	a.say("%s recipients were settled in %s: %s a second, greylisting and late bounces waited for.",
		a.count(settled), short(r.SettledIn), a.rate(settled, r.SettledIn))
	a.say("%s failure reports went to the sender. What waits would be tried for five days.", a.count(r.Reports))
}

func (a *app) resultRow(name string, p *providerResult) []string {
	row := []string{name}
	for _, n := range []int{p.Sent, p.Delivered, p.Later, p.Unknown, p.Full, p.Spam, p.NoHost + p.Other, p.Returned, p.Waiting} {
		row = append(row, a.count(n))
	}
	return append(row, tick(p.P50), tick(p.P99))
}

// tick is a time in as many digits as a glance needs.
func tick(d time.Duration) string {
	switch {
	case d == 0:
		return "0"
	case d < time.Second:
		return fmt.Sprintf("%d ms", max(d.Milliseconds(), 1))
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// printVerdict says whether the lab and the node agree, and where not.
func (a *app) printVerdict(t *terminal, r *demoResult) {
	a.say("")
	if len(r.Faults) == 0 {
		fmt.Fprintln(a.Out, t.green("✓ "+a.T("The lab and the node agree on every recipient: nothing lost, nothing doubled, every signature good.")))
		return
	}
	fmt.Fprintln(a.Out, t.red("✗ "+a.T("The lab and the node disagree. Faults: %d", len(r.Faults))))
	for i, f := range r.Faults {
		if i == maxFaults {
			a.say("  and %d more", len(r.Faults)-maxFaults)
			break
		}
		where := strings.TrimSpace(f.recipient + " " + f.messageID)
		if where != "" {
			where += ": "
		}
		fmt.Fprintln(a.Out, "  "+where+wording.Tell(f.reason, func(pattern string) string { return a.T(pattern) }))
	}
}

// count is a number with its thousands apart, as the language has it.
func (a *app) count(n int) string {
	apart := ","
	if a.swedish != nil {
		apart = " " // no-break space
	}
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + apart + digits[i:]
	}
	return digits
}

func (a *app) rate(n int, d time.Duration) string {
	if d <= 0 {
		return "-"
	}
	return a.count(int(float64(n) / d.Seconds()))
}
