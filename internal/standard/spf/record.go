package spf

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/budkavle/budkavle/internal/base/wording"
)

// Record is the parse tree of an SPF record.
type Record struct {
	Text       string
	Mechanisms []Mechanism // in the order in which they are tried
	Redirect   *Modifier
	Exp        *Modifier
	Unknown    []Modifier // modifiers that RFC 7208 does not define; they change nothing
}

// Span is where a term stands.
type Span struct {
	Text   string // as it was written
	Offset int    // octets from the beginning of the record
}

// Kind is a mechanism's name in lower case.
type Kind string

// Mechanisms (RFC 7208 5).
const (
	All     Kind = "all"
	Include Kind = "include"
	A       Kind = "a"
	MX      Kind = "mx"
	PTR     Kind = "ptr"
	IP4     Kind = "ip4"
	IP6     Kind = "ip6"
	Exists  Kind = "exists"
)

// Mechanism is a term that may match.
type Mechanism struct {
	Span
	Kind    Kind
	Verdict Verdict      // what a match gives: pass, fail, softfail or neutral
	Domain  *Macro       // nil: the domain whose record this is
	Network netip.Prefix // of ip4 and ip6, as written: host bits may be set
	Bits4   int          // of a and mx: how much of an IPv4 address must agree, 0 to 32
	Bits6   int          // and of an IPv6 address, 0 to 128
}

// Modifier is a term that says more about the result.
type Modifier struct {
	Span
	Name  string // lower case
	Value *Macro
}

// looksUp reports whether the mechanism counts against the limit of look-ups (RFC 7208 4.6.4).
func (m *Mechanism) looksUp() bool {
	return m.Kind != All && m.Kind != IP4 && m.Kind != IP6
}

// all returns the record's "all", or nil.
func (r *Record) all() *Mechanism {
	for i := range r.Mechanisms {
		if r.Mechanisms[i].Kind == All {
			return &r.Mechanisms[i]
		}
	}
	return nil
}

// SyntaxError is one thing that is wrong in a record.
type SyntaxError struct {
	Span
	Problem wording.Text
	Change  wording.Text // what to do
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("octet %d, %q: %s; %s", e.Offset, e.Span.Text, e.Problem, e.Change)
}

// Faults are all the syntax errors of a record, at least one.
type Faults []*SyntaxError

func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, e := range f {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}
