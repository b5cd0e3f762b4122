package dns

import (
	"errors"

	"github.com/budkavle/budkavle/internal/base/wording"
)

// Reason says in a few words what kind of fault a lookup's error is, without the name that was asked: names can hold the key
// of a paid blocklist.
func Reason(err error) wording.Text {
	var e *Error
	if !errors.As(err, &e) {
		return wording.Say("no answer came")
	}
	switch e.Kind {
	case ServFail:
		return wording.Say("the server failed")
	case Refused:
		return wording.Say("the server refused")
	case Timeout:
		return wording.Say("no server answered in time")
	case Network:
		return wording.Say("no server could be reached")
	case Malformed:
		return wording.Say("the answer makes no sense")
	case Loop:
		return wording.Say("its aliases lead in a circle")
	case Cancelled:
		return wording.Say("it was given up")
	case BadName:
		return wording.Say("it is not a domain name")
	default: // a denial
		return wording.Say("there is no such record")
	}
}
