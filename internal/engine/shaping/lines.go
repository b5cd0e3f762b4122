package shaping

import "strings"

// lineIndex numbers the lines of the tables and keys of a file: the library gives no position for what it decoded.
type lineIndex map[string][]map[string]int

// locate finds, for each table of an array, the line of its head (under "") and of each key in it.
func locate(text string) lineIndex {
	at := lineIndex{}
	var table map[string]int
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[[") {
			head, _, _ := strings.Cut(line, "]]")
			head = "[[" + strings.TrimSpace(head[2:]) + "]]"
			table = map[string]int{"": i + 1}
			at[head] = append(at[head], table)
			continue
		}
		key, _, ok := strings.Cut(line, "=")
		key = strings.Trim(strings.TrimSpace(key), `"'`)
		if _, known := table[key]; ok && !known && table != nil {
			table[key] = i + 1
		}
	}
	return at
}

// table is the lines of the nth table under a head; empty, not nil, if the file writes it in another way.
func (at lineIndex) table(head string, n int) map[string]int {
	if n < len(at[head]) {
		return at[head][n]
	}
	return map[string]int{}
}

// first is the first line that has the key.
func (at lineIndex) first(key string) int {
	first := 0
	for _, tables := range at {
		for _, t := range tables {
			if line := t[key]; line > 0 && (first == 0 || line < first) {
				first = line
			}
		}
	}
	return max(first, 1)
}
