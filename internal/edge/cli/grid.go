package cli

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// grid is a table of figures: the first column to the left, the others to the right, a rule above and below the rows.
// Groups are headings over several columns.
type grid struct {
	groups []group
	head   []string
	rows   [][]string
	foot   []string // the sums
}

// group is a heading over the columns from first to last.
type group struct {
	title       string
	first, last int
}

// gap is what stands between columns.
const gap = "  "

// print writes the grid; zeros become dots, so that the eye finds what is there. strong marks headings and sums.
func (g *grid) print(w io.Writer, strong func(string) string) {
	widths := make([]int, len(g.head))
	for _, row := range append([][]string{g.head, g.foot}, g.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, gr := range g.groups { // the last column makes room for a title, with a dash at each end
		widths[gr.last] += max(0, utf8.RuneCountInString(gr.title)+4-span(widths, gr.first, gr.last))
	}
	rule := strings.Repeat("─", span(widths, 0, len(widths)-1))
	if len(g.groups) > 0 {
		fmt.Fprintln(w, strong(g.groupLine(widths)))
	}
	fmt.Fprintln(w, strong(line(widths, g.head)))
	fmt.Fprintln(w, rule)
	for _, row := range g.rows {
		fmt.Fprintln(w, line(widths, row))
	}
	fmt.Fprintln(w, rule)
	fmt.Fprintln(w, strong(line(widths, g.foot)))
}

// groupLine centres each title in dashes over its columns.
func (g *grid) groupLine(widths []int) string {
	var b strings.Builder
	column := 0
	for _, gr := range g.groups {
		for ; column < gr.first; column++ {
			b.WriteString(strings.Repeat(" ", widths[column]) + gap)
		}
		room := span(widths, gr.first, gr.last) - utf8.RuneCountInString(gr.title)
		left := room / 2
		b.WriteString(dashes(left) + gr.title + mirrored(room-left) + gap)
		column = gr.last + 1
	}
	return strings.TrimRight(b.String(), " ")
}

// dashes fill n columns up to a title, mirrored those after it.
func dashes(n int) string {
	if n < 2 {
		return strings.Repeat(" ", n)
	}
	return strings.Repeat("─", n-1) + " "
}

func mirrored(n int) string {
	if n < 2 {
		return strings.Repeat(" ", n)
	}
	return " " + strings.Repeat("─", n-1)
}

func span(widths []int, first, last int) int {
	n := (last - first) * len(gap)
	for _, w := range widths[first : last+1] {
		n += w
	}
	return n
}

func line(widths []int, cells []string) string {
	var b strings.Builder
	for i, cell := range cells {
		if cell == "0" {
			cell = "·"
		}
		fill := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		switch i {
		case 0:
			b.WriteString(cell + fill)
		default:
			b.WriteString(gap + fill + cell)
		}
	}
	return strings.TrimRight(b.String(), " ")
}
