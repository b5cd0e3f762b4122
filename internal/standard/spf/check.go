package spf

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/standard/dns"
)

// Verdict is a result of check_host() (RFC 7208 2.6).
type Verdict string

// Verdicts.
const (
	None      Verdict = "none"      // no record, or no domain to ask about
	Neutral   Verdict = "neutral"   // the domain says nothing about the address
	Pass      Verdict = "pass"      // the address may send for the domain
	Fail      Verdict = "fail"      // it may not
	SoftFail  Verdict = "softfail"  // it probably may not
	TempError Verdict = "temperror" // DNS failed; ask again later
	PermError Verdict = "permerror" // the record is wrong; its owner must act
)

// Limits of RFC 7208 4.6.4. Lint measures by the same.
const (
	MaxLookups = 10 // terms that look up, of a record and all that it leads to
	MaxVoids   = 2  // of them without an answer
	MaxHosts   = 10 // exchangers of one mx; names of one address that count for ptr
)

// maxSteps bounds a trace: 500 of at most some 200 octets each are 100 kB. What came after is only counted.
const maxSteps = 500

// Query is a client that wants to send.
type Query struct {
	IP       netip.Addr
	Sender   string    // MAIL FROM without angle brackets; empty: the null reverse-path
	Helo     string    // name given with EHLO, which is checked when Sender is empty
	Receiver string    // our own name, for %{r} in explanations; empty: "unknown"
	Now      time.Time // for %{t} in explanations
}

// Result is the answer to a Query, and how it came about.
type Result struct {
	Verdict     Verdict      `json:"result"`
	Domain      string       `json:"domain"`                // what was checked
	Term        string       `json:"term,omitempty"`        // the term that decided, as written
	Reason      wording.Text `json:"reason"`                // why
	Explanation string       `json:"explanation,omitempty"` // the domain owner's words to those who fail; printable ASCII, not to be trusted
	Lookups     int          `json:"lookups"`               // terms that looked up
	Voids       int          `json:"voids"`                 // of them without an answer
	Steps       []Step       `json:"steps"`
	Omitted     int          `json:"omitted,omitempty"` // steps that are not shown
}

// Step is one thing that was done for a Result.
type Step struct {
	Depth   int          `json:"depth"` // 0: the domain's own record
	Domain  string       `json:"domain"`
	Term    string       `json:"term,omitempty"` // empty: the look-up of the record
	What    wording.Text `json:"what"`
	Lookups int          `json:"lookups"` // so far
}

// Check asks whether q.IP may send for the domain of q.Sender: check_host() of RFC 7208 4.
func Check(ctx context.Context, r dns.Resolver, q Query) Result {
	c := &check{ctx: ctx, dns: r, q: q}
	c.q.IP = q.IP.Unmap().WithZone("")
	if c.q.Sender == "" {
		c.q.Sender = q.Helo // RFC 7208 2.4
	}
	at := strings.LastIndexByte(c.q.Sender, '@')
	local, domain := c.q.Sender[:max(at, 0)], aLabels(c.q.Sender[at+1:])
	if local == "" { // RFC 7208 4.3
		local = "postmaster"
	}
	c.q.Sender = local + "@" + domain
	domain = strings.TrimSuffix(domain, ".")
	c.result.Domain = domain
	if !isName(domain) || !strings.Contains(domain, ".") || strings.HasPrefix(domain, "[") || !c.q.IP.IsValid() {
		c.result.Verdict, c.result.Reason = None, wording.Say("%q is not a domain name that could have a record", domain)
		return c.result
	}
	o := c.host(domain, 0)
	c.result.Verdict, c.result.Term, c.result.Reason = o.verdict, o.term, o.reason
	if o.verdict == Fail && o.exp != nil {
		c.result.Explanation = c.explain(o.exp, o.domain)
	}
	return c.result
}

// check is one run of check_host(), which goes through records recursively.
type check struct {
	ctx       context.Context
	dns       dns.Resolver
	q         Query
	result    Result
	validated []string // host names of the client that lead back to it
	looked    bool     // whether validated is known
}

// outcome is what a record says.
type outcome struct {
	verdict Verdict
	term    string
	reason  wording.Text
	exp     *Modifier // of the record that decided
	domain  string    // whose record that is
}

func (c *check) step(depth int, domain, term string, what wording.Text) {
	if len(c.result.Steps) >= maxSteps {
		c.result.Omitted++
		return
	}
	c.result.Steps = append(c.result.Steps, Step{depth, domain, term, what, c.result.Lookups})
}

// host evaluates a domain's record.
func (c *check) host(domain string, depth int) outcome {
	end := func(v Verdict, reason wording.Text) outcome {
		c.step(depth, domain, "", reason)
		return outcome{verdict: v, reason: reason, domain: domain}
	}
	records, err := findRecords(c.ctx, c.dns, domain)
	switch {
	case err != nil:
		return end(TempError, wording.Say("the record of %s could not be looked up: %s", domain, dns.Reason(err)))
	case len(records) == 0:
		return end(None, wording.Say("%s has no SPF record", domain))
	case len(records) > 1: // RFC 7208 4.5
		return end(PermError, wording.Say("%s has %d SPF records; one is allowed", domain, len(records)))
	}
	record, err := Parse(records[0])
	if err != nil { // RFC 7208 4.6: before anything is evaluated
		first := err.(Faults)[0]
		return end(PermError, wording.Say("the record of %s is wrong at octet %d, %q: %s", domain, first.Offset, first.Text, first.Problem))
	}
	c.step(depth, domain, "", wording.Say("record: %s", record.Text))
	for i := range record.Mechanisms {
		m := &record.Mechanisms[i]
		matched, stop := c.mechanism(m, domain, depth)
		switch {
		case stop != nil:
			return *stop
		case matched:
			return outcome{m.Verdict, m.Text, wording.Say("%s of %s matches %s", m.Text, domain, c.q.IP.String()), record.Exp, domain}
		}
	}
	if record.Redirect != nil {
		return c.redirect(record.Redirect, domain, depth)
	}
	return outcome{verdict: Neutral, reason: wording.Say("no term of %s matches %s", domain, c.q.IP.String()), domain: domain} // RFC 7208 4.7
}

// findRecords returns the SPF records of a domain; none is no error.
func findRecords(ctx context.Context, r dns.Resolver, domain string) ([]string, error) {
	answer, err := r.LookupTXT(ctx, domain)
	if err != nil {
		if dns.IsDenied(err) || dns.Is(err, dns.BadName) {
			return nil, nil
		}
		return nil, err
	}
	var records []string
	for _, txt := range answer.Records {
		if IsRecord(txt) {
			records = append(records, txt)
		}
	}
	return records, nil
}
