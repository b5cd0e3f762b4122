package route

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxSite bounds a site's name, in octets.
const maxSite = 200

// siteName folds a set of host names into one that is the same in whatever order they come, as
// "(alt1|alt2)?.gmail-smtp-in.l.google.com". It can be unfolded to exactly these names, so that two sites are equal
// only if their hosts are: sessions are shared within a site. One that is too long is cut, and a hash stands in for
// what is missing.
func siteName(hosts []Host) string {
	root := &label{}
	for _, h := range hosts {
		root.add(h.Name)
	}
	name := root.fold()
	if len(name) <= maxSite {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	prefix := fmt.Sprintf("%x~", sum[:16])
	return prefix + name[len(name)-(maxSite-len(prefix)):]
}

// label is a node of the tree of names, the top-level domains first.
type label struct {
	below map[string]*label
	ends  bool // a host has this name
}

func (l *label) add(name string) {
	for name != "" {
		at := strings.LastIndexByte(name, '.')
		last := name[at+1:]
		name = name[:max(at, 0)]
		if l.below == nil {
			l.below = map[string]*label{}
		}
		next := l.below[last]
		if next == nil {
			next = &label{}
			l.below[last] = next
		}
		l = next
	}
	l.ends = true
}

// fold writes what is below l, the deepest labels first: "a", "a.b", "(a|b)", "(a|b)?" if l is a host itself.
func (l *label) fold() string {
	parts := make([]string, 0, len(l.below))
	for _, name := range slices.Sorted(maps.Keys(l.below)) {
		part := name
		if inner := l.below[name].fold(); inner != "" {
			part = inner + "." + name
		}
		parts = append(parts, part)
	}
	switch {
	case len(parts) == 0:
		return ""
	case l.ends:
		return "(" + strings.Join(parts, "|") + ")?"
	case len(parts) == 1:
		return parts[0]
	}
	return "(" + strings.Join(parts, "|") + ")"
}
