package dmarc

import (
	"context"
	"strings"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/standard/address"
	"github.com/budkavle/budkavle/internal/standard/dns"
)

// Result is that of DMARC in Authentication-Results (RFC 9989 9.2 and RFC 8601 2.7).
type Result string

// Results.
const (
	NoRecord  Result = "none"      // no record applies
	Pass      Result = "pass"      // an authenticated domain stands for that of From
	Fail      Result = "fail"      // none does
	TempError Result = "temperror" // DNS failed; ask again later
	PermError Result = "permerror" // the record that applies is void
)

// Identity is a domain that SPF or a DKIM signature speaks for.
type Identity struct {
	Domain string // of the return path or HELO; of the signature's d=
	Result string // as in Authentication-Results: pass, fail, temperror, …
}

// Message is what is known of a message.
type Message struct {
	From string     // the one domain of the From field
	SPF  Identity   // the zero Identity: not checked
	DKIM []Identity // one a signature
}

// Verdict is what DMARC says of a message.
type Verdict struct {
	Result  Result
	Found   Found        // how the record was found
	SPF     bool         // it passes and is aligned
	DKIM    bool         // a signature passes and is aligned
	Policy  Policy       // what the owner asks for this domain's failing mail; empty without a record
	Applied Policy       // what is to be done now: none for what passes, while testing, and when nobody can say
	Reason  wording.Text // why
}

// Evaluate judges a message (RFC 9989 5.3). It asks for at most MaxWalk names for From, three more where np has to know
// whether it exists, and MaxWalk for each authenticated domain that lies within the organisation.
func Evaluate(ctx context.Context, r dns.Resolver, m Message) Verdict {
	v := Verdict{Applied: None}
	end := func(result Result, why wording.Text) Verdict {
		v.Result, v.Reason = result, why
		return v
	}
	var err error
	if v.Found, err = Discover(ctx, r, m.From); err != nil {
		if dns.Is(err, dns.BadName) {
			return end(NoRecord, wording.Say("%q is not a domain name that could have a record", m.From))
		}
		return end(TempError, wording.Say("the DMARC record of %s could not be looked up: %s", m.From, dns.Reason(err)))
	}
	record := v.Found.Record
	switch {
	case record == nil:
		return end(NoRecord, wording.Say("neither %s nor a domain above it has a DMARC record", v.Found.Domain))
	case record.Void:
		return end(PermError, wording.Say("the DMARC record of %s has no policy that can be read", v.Found.At))
	}
	if v.Policy, err = asked(ctx, r, &v.Found); err != nil {
		return end(TempError, wording.Say("whether %s exists could not be looked up: %s", v.Found.Domain, dns.Reason(err)))
	}
	var uncertain error
	v.SPF, uncertain = stands(ctx, r, &v.Found, []Identity{m.SPF}, record.SPF)
	dkim, err := stands(ctx, r, &v.Found, m.DKIM, record.DKIM)
	if v.DKIM = dkim; err != nil {
		uncertain = err
	}
	switch {
	case v.SPF && v.DKIM:
		return end(Pass, wording.Say("SPF and a DKIM signature pass and stand for %s", v.Found.Domain))
	case v.SPF:
		return end(Pass, wording.Say("SPF passes and stands for %s", v.Found.Domain))
	case v.DKIM:
		return end(Pass, wording.Say("a DKIM signature passes and stands for %s", v.Found.Domain))
	case uncertain != nil:
		return end(TempError, wording.Say("whether an authenticated domain belongs to %s could not be looked up: %s", v.Found.Organisation, dns.Reason(uncertain)))
	case m.pending(): // RFC 9989 5.3.5: a failure for now cannot be held against the sender
		return end(TempError, wording.Say("SPF or DKIM could not be checked for now"))
	}
	if !record.Testing {
		v.Applied = v.Policy
	}
	return end(Fail, wording.Say("neither SPF nor a DKIM signature that passes stands for %s", v.Found.Domain))
}

// pending reports whether an authentication may pass when it is asked again.
func (m *Message) pending() bool {
	for _, id := range append([]Identity{m.SPF}, m.DKIM...) {
		if id.Result == "temperror" {
			return true
		}
	}
	return false
}

// asked is the policy for a domain. Whether it exists is looked up only where np makes a difference.
func asked(ctx context.Context, r dns.Resolver, f *Found) (Policy, error) {
	existing := true
	if f.Below() && f.Record.PolicyFor(true, false) != f.Record.PolicyFor(true, true) {
		var err error
		if existing, err = exists(ctx, r, f.Domain); err != nil {
			return "", err
		}
	}
	return f.Record.PolicyFor(f.Below(), existing), nil
}

// exists reports whether a name has any of the records that mail needs (RFC 9989 3.2.13).
func exists(ctx context.Context, r dns.Resolver, name string) (bool, error) {
	_, err := r.LookupMX(ctx, name)
	if dns.IsDenied(err) {
		_, err = r.LookupA(ctx, name)
	}
	if dns.IsDenied(err) {
		_, err = r.LookupAAAA(ctx, name)
	}
	if dns.IsDenied(err) {
		return false, nil
	}
	return err == nil, err
}

// stands reports whether one of the identities passes and is aligned; the error is of a walk that might have shown one.
func stands(ctx context.Context, r dns.Resolver, f *Found, list []Identity, mode Mode) (bool, error) {
	var failed error
	for _, id := range list {
		if id.Result != "pass" {
			continue
		}
		ok, err := aligned(ctx, r, f, id.Domain, mode)
		if ok {
			return true, nil
		}
		if err != nil {
			failed = err
		}
	}
	return false, failed
}

// Aligned reports whether b, a domain that was authenticated, may stand for a, that of From (RFC 9989 4.4): in strict mode they
// are the same, in relaxed mode they have the same organisational domain. The error is a *dns.Error.
func Aligned(ctx context.Context, r dns.Resolver, a, b string, mode Mode) (bool, error) {
	if mode == Strict || plain(a) == plain(b) {
		return plain(a) == plain(b), nil
	}
	f, err := Discover(ctx, r, a)
	if err != nil {
		return false, err
	}
	return aligned(ctx, r, &f, b, mode)
}

func aligned(ctx context.Context, r dns.Resolver, f *Found, domain string, mode Mode) (bool, error) {
	domain = plain(domain)
	switch {
	case domain == f.Domain || mode == Strict:
		return domain == f.Domain, nil
	case domain != f.Organisation && !strings.HasSuffix(domain, "."+f.Organisation):
		return false, nil // a walk from there ends in an organisation that has the domain below it
	}
	other, err := Discover(ctx, r, domain)
	if err != nil {
		if dns.Is(err, dns.BadName) {
			err = nil
		}
		return false, err
	}
	return other.Organisation == f.Organisation, nil
}

// plain is a name in the one spelling in which names are compared; what is no name stays as it is.
func plain(domain string) string {
	domain = strings.TrimSuffix(domain, ".")
	if name, err := address.ParseDomain(domain); err == nil {
		return name
	}
	return strings.ToLower(domain)
}

// Consent is whether a domain takes another domain's reports.
type Consent struct {
	Name   string // that was asked for; empty: both belong to one organisation, and no consent is needed
	Given  bool
	Needed bool
}

// Accepts asks whether reports about a domain may be sent to an address of another organisation: there must be a DMARC
// record, its version suffices, at "domain._report._dmarc.destination" (RFC 9990 4). Reporters send nothing without it. The
// error is a *dns.Error.
func Accepts(ctx context.Context, r dns.Resolver, domain, destination string) (Consent, error) {
	domain, destination = plain(domain), plain(destination)
	same, err := Aligned(ctx, r, domain, destination, Relaxed)
	if err != nil || same {
		return Consent{Given: same}, err
	}
	c := Consent{Name: domain + "._report._dmarc." + destination, Needed: true}
	answer, err := r.LookupTXT(ctx, c.Name)
	if err != nil && !dns.IsDenied(err) && !dns.Is(err, dns.BadName) {
		return c, err
	}
	for _, txt := range answer.Records {
		c.Given = c.Given || IsRecord(txt)
	}
	return c, nil
}
