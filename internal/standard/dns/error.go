package dns

import (
	"errors"
	"fmt"
)

// Kind says why a lookup gave no records.
type Kind string

// Kinds of errors. NXDomain and NoData are denials, BadName our caller's mistake, the rest are faults
// that may pass.
const (
	NXDomain  Kind = "no such domain"       // RFC 2308 2.1
	NoData    Kind = "no such record"       // RFC 2308 2.2: the name exists, without this type
	ServFail  Kind = "server failure"       // a DNSSEC fault looks like this too
	Refused   Kind = "refused"              // also any other rcode that is no answer
	Timeout   Kind = "timeout"              // no server answered in time
	Network   Kind = "network failure"      // no server could be reached
	Malformed Kind = "malformed answer"     // what came back makes no sense
	Loop      Kind = "alias chain too long" // CNAMEs in a circle, or more than maxChain
	BadName   Kind = "not a domain name"    // it was not asked
	Cancelled Kind = "cancelled"            // the caller gave up
)

// Error is the only error type of this package.
type Error struct {
	Kind   Kind
	Name   string // what was asked, lower case, no closing dot
	Type   string // "MX"
	Server string // who said so last; empty: nobody
	Err    error  // inner cause, may be nil
}

func (e *Error) Error() string {
	s := fmt.Sprintf("lookup %s %s: %s", e.Type, e.Name, e.Kind)
	if e.Server != "" {
		s += " (server " + e.Server + ")"
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// Denied reports whether the answer is a definite no.
func (e *Error) Denied() bool { return e.Kind == NXDomain || e.Kind == NoData }

// Is reports whether err is, or wraps, an Error of this kind.
func Is(err error, k Kind) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == k
}

// IsDenied reports whether err says that the name or the record does not exist.
func IsDenied(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Denied()
}
