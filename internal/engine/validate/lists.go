package validate

import (
	_ "embed"
	"strings"
)

//go:embed data/popular.txt
var popularList string

//go:embed data/typos.txt
var typoList string

//go:embed data/roles.txt
var roleList string

//go:embed data/disposable.txt
var disposableList string

// entries are the lines of a list that say something.
func entries(text string) []string {
	var list []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			list = append(list, line)
		}
	}
	return list
}

// roles maps local parts in lower case to whether somebody reads them.
func roles() map[string]bool {
	read := map[string]bool{}
	for _, line := range entries(roleList) {
		name, unread := strings.CutPrefix(line, "!")
		read[name] = !unread
	}
	return read
}
