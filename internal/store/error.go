package store

import (
	"errors"
	"fmt"
)

// Kind says what sort of fault an Error is.
type Kind string

// Kinds of faults.
const (
	NotFound    Kind = "not found"
	Exists      Kind = "exists"
	Conflict    Kind = "conflict"     // the row is no longer in the state the change needs
	Unavailable Kind = "unavailable"  // passing: the store cannot be reached or is busy
	Full        Kind = "full"         // passing: no space, or read-only
	Over        Kind = "over a limit" // wraps a *model.Over
	Newer       Kind = "newer"        // the schema is newer than this program
	Internal    Kind = "internal"
)

// Error is the only error type of this package.
type Error struct {
	Kind Kind
	Op   string // what was tried: "add domain example.org"
	Err  error  // inner cause, may be nil
}

func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("%s: %s", e.Op, e.Kind)
	}
	return fmt.Sprintf("%s: %s: %v", e.Op, e.Kind, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Is reports whether err is, or wraps, an Error of this kind.
func Is(err error, k Kind) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == k
}

// Passing reports whether the same call may succeed later without anyone changing anything in it.
func Passing(err error) bool { return Is(err, Unavailable) || Is(err, Full) }
