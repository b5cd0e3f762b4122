package smtp

import (
	"errors"
	"fmt"
	"strings"
)

// Class parts errors by what the peer or the queue should do about them.
type Class string

// Classes of errors.
const (
	Temporary Class = "temporary" // 4yz: the same thing may succeed later
	Permanent Class = "permanent" // 5yz: the same thing will fail again
)

// Error is the one error type at the boundaries of mail: sessions, submission, delivery. Its text is safe to
// show to the peer; the inner cause is for our own log alone.
type Error struct {
	Class    Class
	Code     int    // reply code, RFC 5321 4.2
	Enhanced string // enhanced status code, RFC 3463, such as "5.7.1"
	Text     string // for the peer: what was wrong, where, what to do; may hold newlines
	Err      error  // inner cause, may be nil
}

// Errorf makes an error; the class follows from the code.
func Errorf(code int, enhanced, format string, args ...any) *Error {
	return &Error{Class: classOf(code), Code: code, Enhanced: enhanced, Text: fmt.Sprintf(format, args...)}
}

// Wrap makes an error with an inner cause that the peer does not see.
func Wrap(cause error, code int, enhanced, text string) *Error {
	return &Error{Class: classOf(code), Code: code, Enhanced: enhanced, Text: text, Err: cause}
}

func classOf(code int) Class {
	if code >= 500 {
		return Permanent
	}
	return Temporary
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%d %s %s", e.Code, e.Enhanced, strings.ReplaceAll(e.Text, "\n", " "))
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// AsError returns err as an *Error. Whatever is not one is unknown, and unknown is temporary: the peer
// is told 451 4.3.0 and keeps its mail.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return Wrap(err, 451, "4.3.0", "Local error in processing, try again later")
}
