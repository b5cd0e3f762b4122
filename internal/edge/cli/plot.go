package cli

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// plotWidth is that of the longest bar, in characters.
const plotWidth = 40

// plot draws two counts of a row as one bar: what is good, and what is bad behind it. What is there is seen, however little.
type plot struct {
	good, bad string // what the two are called
	labels    []string
	counts    [][2]int64
}

func (p *plot) row(label string, good, bad int64) {
	p.labels, p.counts = append(p.labels, label), append(p.counts, [2]int64{good, bad})
}

// print writes the rows under headings.
func (p *plot) print(w io.Writer, label, count string) {
	most, width := int64(1), utf8.RuneCountInString(label)
	digits := utf8.RuneCountInString(count)
	for i, c := range p.counts {
		most = max(most, c[0]+c[1])
		width = max(width, utf8.RuneCountInString(p.labels[i]))
		digits = max(digits, len(strconv.FormatInt(c[0]+c[1], 10)))
	}
	fmt.Fprintf(w, "%s  %s  █ %s  ░ %s\n", pad(strings.ToUpper(label), width, false), pad(strings.ToUpper(count), digits, true), p.good, p.bad)
	for i, c := range p.counts {
		bar := strings.Repeat("█", length(c[0], most)) + strings.Repeat("░", length(c[1], most))
		row := fmt.Sprintf("%s  %s  %s", pad(p.labels[i], width, false), pad(strconv.FormatInt(c[0]+c[1], 10), digits, true), bar)
		fmt.Fprintln(w, strings.TrimRight(row, " "))
	}
}

// length of the bar for n.
func length(n, most int64) int {
	if n <= 0 {
		return 0
	}
	return max(1, int(float64(n)/float64(most)*plotWidth))
}

func pad(s string, width int, right bool) string {
	fill := strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
	if right {
		return fill + s
	}
	return s + fill
}
