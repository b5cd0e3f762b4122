package proof

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/finding"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/standard/mtasts"
	"github.com/budkavle/budkavle/internal/standard/spf"
)

// Config is what a Checker asks.
type Config struct {
	// Resolver that is also a dns.Deep lets aliases, TLSA and the strings of TXT records be told.
	Resolver dns.Resolver
	// Authority answers from the servers that own a name, past every cache; nil: Resolver's word is the last.
	Authority dns.Resolver
	Clock     clock.Clock
	// Probe asks a domain's own servers whether they take mail for an address; nil: mailboxes are not asked about.
	Probe Probe
	// Blocklists says what lists have against a domain; nil: none is asked.
	Blocklists Blocklists
	// Seen tells who has sent for a domain; nil: nobody knows.
	Seen Seen
	// Policies fetches MTA-STS policies; nil: none is fetched.
	Policies Policies
	// Inside: mail servers may have loopback, private and link-local addresses, as those of a lab have.
	Inside bool
}

// Probe asks the mail servers of a domain whether they take mail for addresses of it, by RCPT and without sending anything. The
// answers are in the order of the addresses; an error says that the servers could not be asked.
type Probe interface {
	Accepts(ctx context.Context, domain string, addresses []string) ([]Acceptance, error)
}

// Acceptance is what a server said to RCPT.
type Acceptance struct {
	Asked   bool         // false: not asked, and Why says why (a consumer provider, no MX)
	Why     wording.Text // for people
	Taken   bool         // 2yz
	Passing bool         // 4yz: cannot be told now
	Host    string       // who answered
	Reply   string       // as it came
}

// Blocklists asks lists of domains.
type Blocklists interface {
	Domain(ctx context.Context, domain string) []finding.Finding
}

// Seen tells, from what receivers report, who has sent for a domain and did not pass SPF.
type Seen interface {
	SeenOf(ctx context.Context, domain string) []spf.Source
}

// Policies fetches the MTA-STS policy of a domain; mtasts.Fetcher does.
type Policies interface {
	Fetch(ctx context.Context, domain string) (*mtasts.Policy, error)
}

// Checker checks domains. It is safe for concurrent use and keeps nothing.
type Checker struct{ Config }

// New returns a Checker.
func New(c Config) *Checker { return &Checker{c} }

// checkTime bounds one check, above all of an SPF tree whose servers are silent. What had no answer by then is Unclear.
const checkTime = 2 * time.Minute

// Domain checks a sender domain against what is expected of it.
func (c *Checker) Domain(ctx context.Context, e Expected) Report {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	r := Report{Domain: e.Domain, At: c.Clock.Now(), Keys: map[string]State{}}
	spf, path, dkim := c.part(ctx, e), c.part(ctx, e), c.part(ctx, e)
	owner, dmarc := c.part(ctx, e), c.part(ctx, e)
	mx, rest := c.part(ctx, e), c.part(ctx, e)
	together(
		func() { r.Ownership = owner.ownership() },
		func() { r.SPF, r.Tree = spf.spf() },
		func() { r.ReturnPath = path.returnPath() },
		func() { dkim.keys(r.Keys) },
		func() { r.DMARC, r.Policy = dmarc.dmarc() },
		func() { mx.exchangers(); mx.mailboxes() },
		func() { rest.senders(); rest.extras(); rest.blocklists() },
	)
	if r.ReturnPath == Proved && dmarc.strictSPF {
		r.ReturnPath = Wrong // it leads to us, but does not count for DMARC, which says so
	}
	collect(&r, owner, dkim, path, spf, dmarc, mx, rest)
	r.Requirements = requirements(&r, e, true)
	return r
}

// Any checks a domain of which nothing is known but its name. Without selectors common ones are tried; sources are the
// addresses that should pass SPF, none: SPF is only linted.
func (c *Checker) Any(ctx context.Context, domain string, selectors []string, sources []netip.Addr) Report {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	r := Report{Domain: domain, At: c.Clock.Now(), Keys: map[string]State{}}
	e := Expected{Domain: domain, Sources: sources}
	spf, dkim, dmarc, mx, rest := c.part(ctx, e), c.part(ctx, e), c.part(ctx, e), c.part(ctx, e), c.part(ctx, e)
	for _, p := range []*part{spf, dkim, dmarc, mx, rest} {
		p.any = true
	}
	together(
		func() { r.SPF, r.Tree = spf.spf() },
		func() { dkim.selectors(selectors, r.Keys) },
		func() { r.DMARC, r.Policy = dmarc.dmarc() },
		func() { mx.exchangers(); mx.mailboxes() },
		func() { rest.extras(); rest.blocklists() },
	)
	collect(&r, mx, spf, dkim, dmarc, rest)
	r.Requirements = requirements(&r, e, false)
	return r
}

// together runs parts of a check at the same time: each waits for the network, and no two share anything.
func together(parts ...func()) {
	var wg sync.WaitGroup
	for _, p := range parts {
		wg.Go(p)
	}
	wg.Wait()
}

// collect puts together what the parts found.
func collect(r *Report, parts ...*part) {
	r.Findings, r.Records = []finding.Finding{}, []Answered{}
	for _, p := range parts {
		r.Findings = append(r.Findings, p.findings...)
		r.Records = append(r.Records, p.records...)
	}
	finding.Sort(r.Findings)
}
