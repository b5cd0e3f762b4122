package spf

import (
	"github.com/budkavle/budkavle/internal/base/wording"
)

// mechanism reports whether m matches; stop is a result that ends everything.
func (c *check) mechanism(m *Mechanism, domain string, depth int) (matched bool, stop *outcome) {
	fault := func(v Verdict, reason wording.Text) (bool, *outcome) {
		c.step(depth, domain, m.Text, reason)
		return false, &outcome{verdict: v, term: m.Text, reason: reason, domain: domain}
	}
	if m.looksUp() {
		if stop := c.count(m.Span, domain, depth); stop != nil {
			return false, stop
		}
	}
	target, ok := domain, true
	if m.Domain != nil {
		target, ok = c.name(m.Domain, domain)
		if c.result.Lookups > MaxLookups { // %{p} looked up too
			return fault(PermError, tooMany(c.result.Domain))
		}
	}
	if !ok { // RFC 7208 4.8 leaves it open what such a name gives; as one that does not exist
		c.step(depth, domain, m.Text, wording.Say("%q is not a name that can be looked up", target))
		if m.Kind == Include {
			return fault(PermError, wording.Say("%s of %s leads to no record", m.Text, domain))
		}
		return false, nil
	}
	if m.Kind == Include {
		return c.include(m, domain, target, depth)
	}
	matched, void, f := c.match(m, target)
	switch {
	case f != nil:
		return fault(f.verdict, f.reason)
	case void:
		if c.result.Voids++; c.result.Voids > MaxVoids {
			return fault(PermError, wording.Say("%d look-ups of %s have no answer; %d are allowed", c.result.Voids, c.result.Domain, MaxVoids))
		}
		c.step(depth, domain, m.Text, wording.Say("no match: %s has no answer", target))
	case matched:
		c.step(depth, domain, m.Text, wording.Say("match: %s", string(m.Verdict)))
	default:
		c.step(depth, domain, m.Text, wording.Say("no match"))
	}
	return matched, nil
}

// count takes one of the look-ups that are allowed.
func (c *check) count(at Span, domain string, depth int) *outcome {
	c.result.Lookups++
	if c.result.Lookups <= MaxLookups {
		return nil
	}
	reason := tooMany(c.result.Domain)
	c.step(depth, domain, at.Text, reason)
	return &outcome{verdict: PermError, term: at.Text, reason: reason, domain: domain}
}

func tooMany(domain string) wording.Text {
	return wording.Say("the record of %s needs more than %d look-ups", domain, MaxLookups)
}

// include asks another domain; only its pass counts (RFC 7208 5.2).
func (c *check) include(m *Mechanism, domain, target string, depth int) (bool, *outcome) {
	c.step(depth, domain, m.Text, wording.Say("asks %s", target))
	o := c.host(target, depth+1)
	switch o.verdict {
	case Pass:
		c.step(depth, domain, m.Text, wording.Say("match: %s", string(m.Verdict)))
		return true, nil
	case TempError, PermError:
		return false, &outcome{verdict: o.verdict, term: m.Text, reason: o.reason, domain: domain}
	case None:
		return false, &outcome{verdict: PermError, term: m.Text, reason: wording.Say("%s includes %s, which has no SPF record", domain, target), domain: domain}
	}
	c.step(depth, domain, m.Text, wording.Say("no match"))
	return false, nil
}

// redirect answers with another domain's record (RFC 7208 6.1).
func (c *check) redirect(mod *Modifier, domain string, depth int) outcome {
	if stop := c.count(mod.Span, domain, depth); stop != nil {
		return *stop
	}
	target, ok := c.name(mod.Value, domain)
	c.step(depth, domain, mod.Text, wording.Say("asks %s", target))
	if ok && c.result.Lookups <= MaxLookups {
		if o := c.host(target, depth+1); o.verdict != None {
			return o
		}
	}
	reason := wording.Say("%s redirects to %s, which has no SPF record", domain, target)
	if c.result.Lookups > MaxLookups {
		reason = tooMany(c.result.Domain)
	}
	return outcome{verdict: PermError, term: mod.Text, reason: reason, domain: domain}
}
