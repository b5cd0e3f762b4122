package wording

import (
	"fmt"
	"strings"
)

// Text is something said to a person: an English pattern and what is set into it. The zero Text says nothing.
type Text struct {
	pattern string
	args    []any
}

// Say makes a Text.
func Say(pattern string, args ...any) Text { return Text{pattern, args} }

func (t Text) String() string {
	return t.Tell(func(english string) string { return english })
}

// IsZero reports whether the text says nothing.
func (t Text) IsZero() bool { return t.pattern == "" }

// Tell words the text with the patterns that translate gives.
func (t Text) Tell(translate func(pattern string) string) string {
	if t.pattern == "" {
		return ""
	}
	if len(t.args) == 0 {
		return strings.ReplaceAll(translate(t.pattern), "%%", "%")
	}
	args := make([]any, len(t.args))
	for i, arg := range t.args {
		switch inner := arg.(type) {
		case Text:
			arg = inner.Tell(translate)
		case error:
			arg = Tell(inner, translate)
		}
		args[i] = arg
	}
	return fmt.Sprintf(translate(t.pattern), args...)
}

// MarshalText writes the English text.
func (t Text) MarshalText() ([]byte, error) { return []byte(t.String()), nil }
