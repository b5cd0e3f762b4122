// Package wording makes errors for people that can be told in another language.
//
// An error keeps the English pattern it was made of beside its arguments; whoever shows it hands Tell a function that
// translates patterns. A pattern without a translation, and every error that was not made here, is told as it is. Wrapping
// works as with fmt.Errorf. It holds no texts itself and knows no language.
package wording

import (
	"errors"
	"fmt"
	"strings"
)

// Error is an English pattern and what is set into it.
type Error struct {
	pattern string
	args    []any
	english error
}

// Errorf is fmt.Errorf, except that the pattern is kept.
func Errorf(pattern string, args ...any) error {
	return &Error{pattern, args, fmt.Errorf(pattern, args...)}
}

func (e *Error) Error() string { return e.english.Error() }

// Unwrap returns what %w was given, or nil.
func (e *Error) Unwrap() error { return errors.Unwrap(e.english) }

// Tell words an error with the patterns that translate gives, and so what it wraps or joins.
func Tell(err error, translate func(pattern string) string) string {
	var told *Error
	switch e := err.(type) {
	case *Error:
		told = e
	case interface{ Unwrap() []error }:
		var lines []string
		for _, part := range e.Unwrap() {
			lines = append(lines, Tell(part, translate))
		}
		return strings.Join(lines, "\n")
	default:
		return err.Error()
	}
	args := make([]any, len(told.args))
	for i, arg := range told.args {
		switch inner := arg.(type) {
		case error:
			arg = Tell(inner, translate)
		case Text:
			arg = inner.Tell(translate)
		}
		args[i] = arg
	}
	return fmt.Sprintf(strings.ReplaceAll(translate(told.pattern), "%w", "%s"), args...)
}
