package limit

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/budkavle/budkavle/internal/model"
)

// Evidence is what an account sent before it was locked, and from where. It is bounded by what is added to it: each count has as
// many entries as messages were looked at, at most.
type Evidence struct {
	Messages, Recipients int
	clients, credentials map[string]int // recipients by
	domains              map[string]int
	subjects             []string
}

// shown is how many of each count, and how many subjects, a person is shown.
const shown = 5

// Add counts one message.
func (e *Evidence) Add(m *model.Message, recipients int) {
	if e.clients == nil {
		e.clients, e.credentials, e.domains = map[string]int{}, map[string]int{}, map[string]int{}
	}
	e.Messages++
	e.Recipients += recipients
	e.clients[cmp.Or(m.Meta.Client, "unknown")] += recipients
	e.credentials[cmp.Or(m.Meta.Credential, "none (trusted network)")] += recipients
	e.domains[m.DomainName] += recipients
	if s := subject(m.Meta.Subject); len(e.subjects) < shown && !slices.Contains(e.subjects, s) {
		e.subjects = append(e.subjects, s)
	}
}

// subject is one line of at most 60 characters: a sender chooses it, and people read it.
func subject(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r <= ' ' || r == 127 }), " ")
	if r := []rune(s); len(r) > 60 {
		s = string(r[:59]) + "…"
	}
	return fmt.Sprintf("%q", s)
}

// Line is one fact: what it is of, and the largest of it with their counts.
type Line struct{ Name, Value string }

// Lines tells all of it. Names are in English.
func (e *Evidence) Lines() []Line {
	return []Line{
		{"client addresses", largest(e.clients)},
		{"credentials", largest(e.credentials)},
		{"sender domains", largest(e.domains)},
		{"subjects", cmp.Or(strings.Join(e.subjects, ", "), "none")},
	}
}

// String tells it in one line, for an event.
func (e *Evidence) String() string {
	parts := []string{fmt.Sprintf("sent in the half hour before: %d messages to %d recipients", e.Messages, e.Recipients)}
	for _, l := range e.Lines() {
		parts = append(parts, l.Name+": "+l.Value)
	}
	return strings.Join(parts, "; ")
}

func largest(counts map[string]int) string {
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], strings.Compare(a, b))
	})
	var parts []string
	for _, k := range keys[:min(len(keys), shown)] {
		parts = append(parts, fmt.Sprintf("%s (%d)", k, counts[k]))
	}
	if rest := len(keys) - shown; rest > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", rest))
	}
	return cmp.Or(strings.Join(parts, ", "), "none")
}
