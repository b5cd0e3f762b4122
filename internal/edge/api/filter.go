package api

import (
	"fmt"
	"slices"
	"strings"
)

const (
	// maxTerms bounds the values of one filter.
	maxTerms = 100
)

// condition is one filter: any of its alternatives, each of which is values that must all hold.
type condition struct {
	field        string
	alternatives [][]term
}

type term struct {
	value string // in lower case
	not   bool
}

// contains are the fields in which a part is enough; in the others the whole must be the same.
func contains(field string) bool {
	return field == "subject" || field == "from" || field == "to" || field == "attachment"
}

// parseCondition reads a filter expression of Mailgun's: values joined by AND and OR, NOT before a value, quotes around one
// with spaces. Parentheses are characters like others.
func parseCondition(field, value string) (condition, error) {
	c := condition{field: field}
	switch field {
	case "event", "recipient", "recipients", "message-id", "subject", "from", "to", "tags", "severity", "attachment", "size":
	default:
		return c, badField("%.80s: events cannot be searched by this", field)
	}
	words, err := splitWords(value)
	if err != nil {
		return c, badField("%s: %v", field, err)
	}
	var all []term
	var phrase []string
	not := false
	flush := func() error {
		if len(phrase) == 0 {
			return badField("%s: %.80q has an operator without a value", field, value)
		}
		text := strings.ToLower(strings.Join(phrase, " "))
		if field == "message-id" {
			text = strings.Trim(text, "<>")
		}
		all = append(all, term{text, not})
		phrase, not = nil, false
		return nil
	}
	for _, w := range words {
		switch {
		case w.quoted:
			phrase = append(phrase, w.text)
		case w.text == "NOT" && len(phrase) == 0:
			not = !not
		case w.text == "AND" || w.text == "OR":
			if err := flush(); err != nil {
				return c, err
			}
			if w.text == "OR" {
				c.alternatives = append(c.alternatives, all)
				all = nil
			}
		default:
			phrase = append(phrase, w.text)
		}
	}
	if err := flush(); err != nil {
		return c, err
	}
	c.alternatives = append(c.alternatives, all)
	return c, nil
}

type word struct {
	text   string
	quoted bool
}

func splitWords(value string) ([]word, error) {
	var words []word
	for value = strings.TrimLeft(value, " "); value != ""; value = strings.TrimLeft(value, " ") {
		if len(words) == maxTerms {
			return nil, fmt.Errorf("more than %d words", maxTerms)
		}
		if value[0] == '"' {
			end := strings.IndexByte(value[1:], '"')
			if end < 0 {
				return nil, fmt.Errorf("a quote is not closed in %.80q", value)
			}
			words = append(words, word{value[1 : end+1], true})
			value = value[end+2:]
			continue
		}
		text, rest, _ := strings.Cut(value, " ")
		words = append(words, word{text, false})
		value = rest
	}
	return words, nil
}

// holds reports whether an event with these values of the field is wanted.
func (c condition) holds(values ...string) bool {
	for i := range values {
		values[i] = strings.ToLower(values[i])
	}
	return slices.ContainsFunc(c.alternatives, func(all []term) bool {
		return !slices.ContainsFunc(all, func(t term) bool { return c.matches(t.value, values) == t.not })
	})
}

func (c condition) matches(want string, values []string) bool {
	return slices.ContainsFunc(values, func(v string) bool {
		if c.field == "size" {
			return compareSize(want, v)
		}
		return v == want || contains(c.field) && strings.Contains(v, want)
	})
}

// compareSize understands >N, <N and N of octets.
func compareSize(want, have string) bool {
	var bound, size int64
	if _, err := fmt.Sscan(have, &size); err != nil {
		return false
	}
	op := want[:len(want)-len(strings.TrimLeft(want, "<>="))]
	if _, err := fmt.Sscan(want[len(op):], &bound); err != nil {
		return false
	}
	switch op {
	case ">":
		return size > bound
	case ">=":
		return size >= bound
	case "<":
		return size < bound
	case "<=":
		return size <= bound
	}
	return size == bound
}
