package dmarc

import (
	"fmt"
	"strings"

	"github.com/budkavle/budkavle/internal/base/finding"
	"github.com/budkavle/budkavle/internal/base/wording"
)

// Policy is what a domain's owner asks for mail that fails (RFC 9989 4.7, "p").
type Policy string

// Policies, the mildest first.
const (
	None       Policy = "none"       // nothing; only reports are wanted
	Quarantine Policy = "quarantine" // treat it as suspicious
	Reject     Policy = "reject"     // refuse it
)

// Mode says how close an authenticated domain must be to that of From.
type Mode string

// Modes of alignment (RFC 9989 4.4).
const (
	Relaxed Mode = "r" // same organisational domain; the default
	Strict  Mode = "s" // same domain
)

// PSD says whether a record belongs to a public suffix.
type PSD string

// Values of the tag psd.
const (
	IsSuffix   PSD = "y" // organisations stand one label below
	NoSuffix   PSD = "n" // this is an organisational domain
	SuffixOpen PSD = "u" // the tree walk decides; the default
)

// Record is what receivers act on: where a value is missing or cannot be read it holds the default.
type Record struct {
	Text        string
	Policy      Policy
	Subdomains  Policy   // sp; empty: as Policy
	NonExistent Policy   // np; empty: as Subdomains
	DKIM        Mode     // adkim
	SPF         Mode     // aspf
	Aggregate   []URI    // rua
	Failure     []URI    // ruf
	Options     []string // fo: "0", "1", "d", "s"
	Testing     bool     // t=y: the policy is not to be applied yet
	PSD         PSD
	Tags        []Tag // all that were read, in their order, unknown ones included
	// Void: receivers apply no DMARC at all, since the policy cannot be read and no address for reports is there (RFC 9989 4.10.1).
	Void bool
}

// Tag is one "name=value" of a record.
type Tag struct {
	Span
	Name  string // lower case
	Value string
}

// Tag returns the first tag of a name in lower case, and whether it is there.
func (r *Record) Tag(name string) (Tag, bool) {
	for _, t := range r.Tags {
		if t.Name == name {
			return t, true
		}
	}
	return Tag{}, false
}

// PolicyFor is what the owner asks for mail of a domain: the record's own, one below it, or one below it that does not exist.
func (r *Record) PolicyFor(below, exists bool) Policy {
	switch {
	case below && !exists && r.NonExistent != "":
		return r.NonExistent
	case below && r.Subdomains != "":
		return r.Subdomains
	}
	return r.Policy
}

// URI is where reports are to go.
type URI struct {
	Text    string // as it was written, without the size
	Address string // of mailto, percent-decoded; empty: another scheme
	MaxSize int64  // octets a report may have, RFC 7489 6.2; RFC 9989 has receivers ignore it. 0: not said
}

// Span is where something stands.
type Span struct {
	Text   string // as it was written
	Offset int    // octets from the beginning of the record
}

// Fault is one thing that is wrong with a record, or worth knowing.
type Fault struct {
	Span
	Severity finding.Severity // error: receivers do something else than was meant
	Code     string           // for programs, such as "policy"
	Problem  wording.Text
	Change   wording.Text // what to do
}

func (f *Fault) Error() string {
	return fmt.Sprintf("octet %d, %q: %s; %s", f.Offset, f.Text, f.Problem, f.Change)
}

// Faults is all that was found in a record, in its order.
type Faults []*Fault

func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, one := range f {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Worst is the worst severity; empty without faults.
func (f Faults) Worst() finding.Severity {
	var worst finding.Severity
	for _, one := range f {
		if worst == "" || finding.Compare(one.Severity, worst) < 0 {
			worst = one.Severity
		}
	}
	return worst
}
