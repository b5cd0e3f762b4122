package tlsrpt

import (
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/standard/parts"
)

const maxSessions = 1 << 40 // of one count, so that sums fit

// Read reads the JSON of a report as it streams in: never is more kept than the bounds say. Members that are not known, and
// values that make no sense, are passed over.
func Read(r io.Reader) (*Report, error) {
	limited := &io.LimitedReader{R: r, N: MaxReport + 1}
	x := reader{json: json.NewDecoder(limited)}
	x.json.UseNumber()
	token, err := x.json.Token()
	if err == nil && token != json.Delim('{') {
		err = wording.Errorf("this is not a TLS report: it is no JSON object")
	}
	if err == nil {
		err = x.object("", 1)
	}
	switch {
	case limited.N <= 0:
		return nil, wording.Errorf("the TLS report is longer than %d octets", MaxReport)
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return nil, wording.Errorf("the JSON of the TLS report ends too early, at octet %d", x.json.InputOffset())
	case err != nil:
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return nil, wording.Errorf("octet %d: the JSON is broken: %s", syntax.Offset, syntax.Error())
		}
		return nil, err
	case x.report.Policies == nil && x.report.ID == "":
		return nil, wording.Errorf("this is not a TLS report: it has neither policies nor a report-id")
	}
	return &x.report, nil
}

type reader struct {
	json     *json.Decoder
	report   Report
	policy   Policy
	failure  Failure
	failures int // kept so far
}

// object reads members up to the closing brace; path is where it stands, with lists left out.
func (x *reader) object(path string, depth int) error {
	if depth > maxDepth {
		return wording.Errorf("more than %d objects or lists stand in one another", maxDepth)
	}
	switch path {
	case "policies":
		x.policy = Policy{}
	case "policies/failure-details":
		x.failure = Failure{}
	}
	for x.json.More() {
		name, err := x.json.Token()
		if err != nil {
			return err
		}
		below := name.(string) // of an object, the decoder gives no other
		if path != "" {
			below = path + "/" + below[:min(len(below), 64)]
		}
		if err := x.value(below, depth); err != nil {
			return err
		}
	}
	if _, err := x.json.Token(); err != nil {
		return err
	}
	switch path {
	case "policies":
		x.keepPolicy()
	case "policies/failure-details":
		x.keepFailure()
	}
	return nil
}

func (x *reader) value(path string, depth int) error {
	token, err := x.json.Token()
	if err != nil {
		return err
	}
	switch t := token.(type) {
	case json.Delim:
		if t == '{' {
			return x.object(path, depth+1)
		}
		if depth >= maxDepth {
			return wording.Errorf("more than %d objects or lists stand in one another", maxDepth)
		}
		for x.json.More() {
			if err := x.value(path, depth+1); err != nil {
				return err
			}
		}
		_, err := x.json.Token()
		return err
	case string:
		x.text(path, parts.Clean([]byte(t)))
	case json.Number:
		n, err := strconv.ParseInt(t.String(), 10, 64)
		if err == nil {
			x.number(path, min(max(n, 0), maxSessions))
		}
	}
	return nil
}

func (x *reader) keepPolicy() {
	if len(x.report.Policies) == MaxPolicies {
		x.report.OmittedPolicies++
		return
	}
	x.report.Policies = append(x.report.Policies, x.policy)
}

func (x *reader) keepFailure() {
	if x.failures == MaxFailures {
		x.report.OmittedFailures++
		return
	}
	x.failures++
	x.policy.Failures = append(x.policy.Failures, x.failure)
}

func (x *reader) number(path string, n int64) {
	switch path {
	case "policies/summary/total-successful-session-count":
		x.policy.Summary.Successful = n
	case "policies/summary/total-failure-session-count":
		x.policy.Summary.Failed = n
	case "policies/failure-details/failed-session-count":
		x.failure.Sessions = n
	}
}

func (x *reader) text(path, s string) {
	r, p := &x.report, &x.policy.Policy
	switch path {
	case "organization-name":
		r.Organisation = s
	case "contact-info":
		r.Contact = s
	case "report-id":
		r.ID = s
	case "date-range/start-datetime":
		r.Range.Start = instant(s)
	case "date-range/end-datetime":
		r.Range.End = instant(s)
	case "policies/policy/policy-type":
		p.Type = s
	case "policies/policy/policy-domain":
		p.Domain = strings.ToLower(s)
	case "policies/policy/policy-string":
		if len(p.Lines) < maxStrings {
			p.Lines = append(p.Lines, s)
		}
	case "policies/policy/mx-host": // a list, or one name as in the standard's example
		if len(p.MX) < maxStrings {
			p.MX = append(p.MX, s)
		}
	default:
		x.detail(path, s)
	}
}

func (x *reader) detail(path, s string) {
	f := &x.failure
	switch name, _ := strings.CutPrefix(path, "policies/failure-details/"); name {
	case "result-type":
		f.Type = s
	case "sending-mta-ip":
		f.SendingIP = s
	case "receiving-mx-hostname":
		f.ReceivingMX = s
	case "receiving-mx-helo":
		f.ReceivingHelo = s
	case "receiving-ip":
		f.ReceivingIP = s
	case "additional-information":
		f.Information = s
	case "failure-reason-code":
		f.Reason = s
	}
}

func instant(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || t.Year() < 1970 || t.Year() > 9999 {
		return time.Time{}
	}
	return t.UTC()
}
