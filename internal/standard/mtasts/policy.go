package mtasts

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/base/wording"
)

// Mode is what a sender does when no server of the policy can be reached securely.
type Mode string

// Modes (RFC 8461 5).
const (
	Enforce Mode = "enforce" // it does not deliver
	Testing Mode = "testing" // it delivers, and reports
	None    Mode = "none"    // it acts as if there were no policy
)

// Limits of RFC 8461 3.2 and 3.3, and of the number of mx lines: a policy of MaxPolicy octets has room for no more.
const (
	MaxPolicy = 64 << 10               // octets
	MaxAge    = 31557600 * time.Second // about a year
	maxMX     = 1000
)

// Policy is what a domain's policy file says.
type Policy struct {
	Mode   Mode
	MX     []string      // patterns: lower case, "*." in front stands for one label
	MaxAge time.Duration // for how long it is to be kept
}

// ParsePolicy reads a policy file. Lines end in LF or CRLF; of a field that stands twice, other than mx, the first counts; unknown
// fields are passed over (RFC 8461 3.2).
func ParsePolicy(text string) (*Policy, error) {
	if len(text) > MaxPolicy {
		return nil, wording.Errorf("the policy is longer than %d octets", MaxPolicy)
	}
	fields := map[string]string{}
	p := &Policy{}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\r\n \t")
		name, value, ok := strings.Cut(line, ":")
		if line == "" {
			continue
		}
		if !ok {
			return nil, wording.Errorf("line %d of the policy, %q, is not a name, a colon and a value", n, line)
		}
		value = strings.Trim(value, " \t")
		if name == "mx" {
			if len(p.MX) == maxMX {
				return nil, wording.Errorf("the policy has more than %d lines of mx", maxMX)
			}
			if !isPattern(value) {
				return nil, wording.Errorf("line %d of the policy: %q is neither a host name nor a pattern such as *.example.org", n, value)
			}
			p.MX = append(p.MX, strings.ToLower(value))
			continue
		}
		if _, twice := fields[name]; !twice {
			fields[name] = value
		}
	}
	return p, p.complete(fields)
}

func (p *Policy) complete(fields map[string]string) error {
	if fields["version"] != "STSv1" {
		return wording.Errorf("the policy's version is %q; write version: STSv1", fields["version"])
	}
	p.Mode = Mode(fields["mode"])
	if !slices.Contains([]Mode{Enforce, Testing, None}, p.Mode) {
		return wording.Errorf("the policy's mode is %q; write enforce, testing or none", fields["mode"])
	}
	age, err := strconv.ParseUint(fields["max_age"], 10, 32)
	if p.MaxAge = time.Duration(age) * time.Second; err != nil || p.MaxAge > MaxAge {
		return wording.Errorf("the policy's max_age is %q; write a number of seconds, at most %d", fields["max_age"], int64(MaxAge/time.Second))
	}
	if len(p.MX) == 0 && p.Mode != None {
		return wording.Errorf("the policy names no mx, so that no server may take the domain's mail; write an mx line for each")
	}
	return nil
}

func isPattern(s string) bool {
	s = strings.TrimPrefix(s, "*.")
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(c rune) bool { return !isAlnum(c) && c != '-' && c != '_' }) {
			return false
		}
	}
	return len(s) <= 253
}

// Allows reports whether a server may take the domain's mail (RFC 8461 4.1): the wildcard stands for the whole left-most label,
// and for no more.
func (p *Policy) Allows(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	_, above, dotted := strings.Cut(host, ".")
	return slices.ContainsFunc(p.MX, func(pattern string) bool {
		rest, wild := strings.CutPrefix(pattern, "*.")
		return pattern == host || wild && dotted && rest == above
	})
}
