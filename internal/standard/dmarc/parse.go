package dmarc

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/budkavle/budkavle/internal/base/finding"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/standard/address"
)

const version = "DMARC1"

// maxRecord bounds what is read of a record: a TXT record has at most 65,535 octets.
const maxRecord = 64 << 10

// IsRecord reports whether a TXT record is a DMARC record at all: it begins with "v=DMARC1" (RFC 9989 4.7 and 4.8, where
// spaces may stand around the equals sign, and the value is case-sensitive).
func IsRecord(txt string) bool {
	first, _, _ := strings.Cut(txt, ";")
	name, value, ok := strings.Cut(first, "=")
	return ok && strings.EqualFold(trim(name), "v") && trim(value) == version && !strings.HasPrefix(name, " ")
}

// trim takes away WSP.
func trim(s string) string { return strings.Trim(s, " \t") }

// Parse reads a record. The record is nil if the text is none; else it says what receivers make of it, whatever the faults.
func Parse(text string) (*Record, Faults) {
	text = text[:min(len(text), maxRecord)]
	p := parser{record: &Record{Text: text, Policy: None, DKIM: Relaxed, SPF: Relaxed, PSD: SuffixOpen, Options: []string{"0"}}}
	if !IsRecord(text) {
		first, _, _ := strings.Cut(text, ";")
		p.fault(Span{first, 0}, finding.Error, "version", wording.Say("this is not a DMARC record"), wording.Say("begin it with %q", "v="+version+";"))
		return nil, p.faults
	}
	for at := 0; at < len(text); {
		end := len(text)
		if n := strings.IndexByte(text[at:], ';'); n >= 0 {
			end = at + n
		}
		p.tag(text[at:end], at)
		at = end + 1
	}
	p.whole()
	return p.record, p.faults
}

type parser struct {
	record *Record
	faults Faults
	broken bool // p, sp or np has a value that cannot be read
}

func (p *parser) fault(at Span, s finding.Severity, code string, problem, change wording.Text) {
	p.faults = append(p.faults, &Fault{at, s, code, problem, change})
}

// tag reads what stands between two semicolons.
func (p *parser) tag(text string, offset int) {
	at := Span{trim(text), offset + len(text) - len(strings.TrimLeft(text, " \t"))}
	if at.Text == "" {
		return // a closing semicolon, or two
	}
	name, value, ok := strings.Cut(at.Text, "=")
	name = strings.ToLower(trim(name))
	if !ok || name == "" || strings.ContainsFunc(name, func(r rune) bool { return r < 'a' || r > 'z' }) {
		p.fault(at, finding.Error, "tag", wording.Say("this is not a tag and a value; receivers pass it over"), wording.Say("write name=value, and a semicolon between two of them"))
		return
	}
	t := Tag{at, name, trim(value)}
	if _, twice := p.record.Tag(name); twice { // RFC 6376 3.2, from which the form comes
		p.fault(at, finding.Error, "twice", wording.Say("%s stands twice; receivers differ in which they take", name), wording.Say("keep one"))
		return
	}
	p.record.Tags = append(p.record.Tags, t)
	p.value(t)
}

func (p *parser) value(t Tag) {
	r := p.record
	switch t.Name {
	case "v":
	case "p":
		r.Policy = p.policy(t, None)
	case "sp":
		r.Subdomains = p.policy(t, "")
	case "np":
		r.NonExistent = p.policy(t, "")
	case "adkim":
		r.DKIM = Mode(p.choice(t, string(Relaxed), string(Strict)))
	case "aspf":
		r.SPF = Mode(p.choice(t, string(Relaxed), string(Strict)))
	case "t":
		r.Testing = p.choice(t, "n", "y") == "y"
	case "psd":
		r.PSD = PSD(p.choice(t, string(SuffixOpen), string(IsSuffix), string(NoSuffix)))
	case "rua":
		r.Aggregate = p.uris(t)
	case "ruf":
		r.Failure = p.uris(t)
	case "fo":
		p.options(t)
	case "pct", "rf", "ri": // RFC 9989 Appendix C.5.2
		p.historic(t)
	default:
		p.fault(t.Span, finding.Note, "unknown-tag", wording.Say("%s is a tag that DMARC does not have; receivers pass it over", t.Name), wording.Say("check the spelling"))
	}
}

func (p *parser) policy(t Tag, otherwise Policy) Policy {
	v := Policy(strings.ToLower(t.Value))
	if slices.Contains([]Policy{None, Quarantine, Reject}, v) {
		return v
	}
	p.broken = true
	p.fault(t.Span, finding.Error, "policy", wording.Say("%q is no policy, so that receivers act on none of the record's policies", t.Value), wording.Say("write none, quarantine or reject"))
	return otherwise
}

// choice is one of the allowed values, the first being the default.
func (p *parser) choice(t Tag, allowed ...string) string {
	if v := strings.ToLower(t.Value); slices.Contains(allowed, v) {
		return v
	}
	p.fault(t.Span, finding.Error, "value", wording.Say("%q is no value of %s; receivers take the default, %s", t.Value, t.Name, allowed[0]), wording.Say("write one of: %s", strings.Join(allowed, ", ")))
	return allowed[0]
}

// options reads fo: 0, 1, d and s, with colons between them.
func (p *parser) options(t Tag) {
	var list []string
	for _, o := range strings.Split(t.Value, ":") {
		o = strings.ToLower(trim(o))
		if !slices.Contains([]string{"0", "1", "d", "s"}, o) {
			p.fault(t.Span, finding.Warning, "value", wording.Say("%q is no value of %s; receivers take the default, %s", o, t.Name, "0"), wording.Say("write one of: %s", "0, 1, d, s, d:s"))
			return
		}
		list = append(list, o)
	}
	p.record.Options = list
}

func (p *parser) historic(t Tag) {
	if n, err := strconv.Atoi(t.Value); t.Name == "pct" && err == nil && n < 100 {
		p.fault(t.Span, finding.Warning, "historic-tag", wording.Say("%s is no longer part of DMARC: new receivers act on all mail, old ones on a part of it", t.Name), wording.Say("remove it; write t=y as well while you are testing"))
		return
	}
	p.fault(t.Span, finding.Note, "historic-tag", wording.Say("%s is no longer part of DMARC (RFC 9989); new receivers pass it over", t.Name), wording.Say("remove it"))
}

// uris reads a list of addresses for reports.
func (p *parser) uris(t Tag) []URI {
	var list []URI
	for part := range strings.SplitSeq(t.Value, ",") {
		if part = trim(part); part == "" {
			continue
		}
		if u, ok := p.uri(t, part); ok {
			list = append(list, u)
		}
	}
	if len(list) == 0 {
		p.fault(t.Span, finding.Error, "no-uri", wording.Say("%s has no address that can be used, so that no reports come", t.Name), wording.Say("write %s=mailto:postmaster@your domain", t.Name))
	}
	return list
}

func (p *parser) uri(t Tag, text string) (URI, bool) {
	u := URI{Text: text}
	at := Span{text, t.Offset + strings.Index(t.Text, text)}
	if before, size, ok := strings.Cut(text, "!"); ok {
		u.Text = before
		if u.MaxSize = octets(size); u.MaxSize == 0 {
			p.fault(at, finding.Warning, "size", wording.Say("%q is no size; an exclamation mark in an address is written %%21", size), wording.Say("remove it"))
		} else {
			p.fault(at, finding.Note, "size", wording.Say("a greatest size is no longer part of DMARC (RFC 9989); new receivers pass it over"), wording.Say("remove it"))
		}
	}
	parsed, err := url.Parse(u.Text)
	switch {
	case err == nil && parsed.Scheme == "" && strings.Contains(u.Text, "@"):
		p.fault(at, finding.Error, "uri", wording.Say("%s lacks its scheme; receivers pass it over", u.Text), wording.Say("write %s", "mailto:"+u.Text))
		return u, false
	case err != nil || parsed.Scheme == "":
		p.fault(at, finding.Error, "uri", wording.Say("%s is not a URI; receivers pass it over", u.Text), wording.Say("write it as mailto:postmaster@your domain"))
		return u, false
	case !strings.EqualFold(parsed.Scheme, "mailto"):
		p.fault(at, finding.Warning, "uri", wording.Say("hardly any receiver sends reports to %s", parsed.Scheme+":"), wording.Say("add an address of mailto:"))
		return u, true
	}
	to, err := url.PathUnescape(parsed.Opaque)
	if err == nil {
		_, err = address.Parse(to)
	}
	if err != nil {
		p.fault(at, finding.Error, "uri", wording.Say("%q is not a mail address; receivers pass it over", parsed.Opaque), wording.Say("write it as mailto:postmaster@your domain"))
		return u, false
	}
	u.Address = to
	return u, true
}

// octets reads a size of RFC 7489 6.4: a number, and a letter k, m, g or t for powers of 1,024; 0 if it is none.
func octets(s string) int64 {
	shift := 0
	if i := strings.IndexAny(s, "kKmMgGtT"); i >= 0 && i == len(s)-1 {
		shift = 10 * (1 + strings.IndexByte("kmgt", s[i]|0x20))
		s = s[:i]
	}
	n, err := strconv.ParseUint(s, 10, 20) // 2^20 times 2^40 still fits
	if err != nil {
		return 0
	}
	return int64(n) << shift
}

// whole looks at what no single tag shows.
func (p *parser) whole() {
	r := p.record
	v := r.Tags[0].Span
	_, hasP := r.Tag("p")
	if p.broken || !hasP { // RFC 9989 4.10.1
		r.Policy, r.Subdomains, r.NonExistent = None, "", ""
		r.Void = len(r.Aggregate) == 0
	}
	switch {
	case !hasP && r.Void:
		p.fault(v, finding.Error, "no-policy", wording.Say("p is missing, so that receivers pass the whole record over"), wording.Say("write p=none, p=quarantine or p=reject behind the version"))
	case !hasP:
		p.fault(v, finding.Error, "no-policy", wording.Say("p is missing; receivers take it for none, and older ones pass the record over"), wording.Say("write p=none, p=quarantine or p=reject behind the version"))
	case len(r.Tags) > 1 && r.Tags[1].Name != "p": // RFC 7489 6.4
		t, _ := r.Tag("p")
		p.fault(t.Span, finding.Note, "order", wording.Say("older receivers want p right behind the version"), wording.Say("move it there"))
	}
	if _, ok := r.Tag("rua"); !ok {
		p.fault(v, finding.Warning, "no-reports", wording.Say("rua is missing, so that nobody tells you who sends as you"), wording.Say("write rua=mailto: and an address that is read"))
	}
	if fo, ok := r.Tag("fo"); ok && len(r.Failure) == 0 {
		p.fault(fo.Span, finding.Note, "idle", wording.Say("fo says nothing without ruf"), wording.Say("remove it"))
	}
	if r.Testing && !p.broken && r.Policy != None {
		t, _ := r.Tag("t")
		p.fault(t.Span, finding.Note, "testing", wording.Say("t=y asks receivers not to apply the policy yet"), wording.Say("remove it when the reports show that all your mail passes"))
	}
}
