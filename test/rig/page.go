package rig

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// WriteSection writes what was measured into folder/benchmarks.md, between the lines <!-- NAME: begin --> and
// <!-- NAME: end -->; the prose around them stays.
func WriteSection(folder, name, text string) error {
	path := filepath.Join(folder, "benchmarks.md")
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	begin, end := "<!-- "+name+": begin -->", "<!-- "+name+": end -->"
	head, rest, ok1 := strings.Cut(string(old), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		return fmt.Errorf("%s has no lines %q and %q to write between", path, begin, end)
	}
	return os.WriteFile(path, []byte(head+begin+"\n"+text+end+tail), 0o644)
}

// Bar is one bar of a plot.
type Bar struct {
	Label string
	Value float64
	Text  string // what stands at its end; empty: Value without decimals
	Other bool   // drawn in grey: what is compared to
}

// Plot draws bars as SVG. left is how many pixels the labels take.
func Plot(title string, left int, bars []Bar) []byte {
	const row, width = 30, 420
	top := 0.0
	for _, bar := range bars {
		top = max(top, bar.Value)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="13">`+"\n", left+width+110, row*len(bars)+50)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="white"/><text x="10" y="22" font-size="15">%s</text>`+"\n", title)
	for i, bar := range bars {
		colour, text := "#2f6f4f", bar.Text
		if bar.Other {
			colour = "#9a9a9a"
		}
		if text == "" {
			text = fmt.Sprintf("%.0f", bar.Value)
		}
		y, w := 40+i*row, bar.Value/max(top, 1e-9)*width
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text><rect x="%d" y="%d" width="%.0f" height="18" fill="%s"/><text x="%.0f" y="%d">%s</text>`+"\n",
			left-8, y+14, bar.Label, left, y, w, colour, float64(left)+w+6, y+14, text)
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}
