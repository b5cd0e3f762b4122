package proof

import (
	"errors"
	"slices"
	"strings"

	"github.com/budkavle/budkavle/internal/base/finding"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/standard/dkim"
)

// maxKeys bounds the selectors of one check: four in a rotation, and as many as anybody names.
const maxKeys = 32

// keys checks what is expected of each.
func (p *part) keys(states map[string]State) {
	for _, k := range p.e.Keys[:min(len(p.e.Keys), maxKeys)] {
		s := p.key(k)
		if s == Proved && k.Coming {
			s = p.everywhere(k)
		}
		states[k.Selector] = s
	}
}

// key looks for one of our keys.
func (p *part) key(k Key) State {
	want := keyRecord(p.e, k)
	name := trimmed(want.Name)
	holds := func(list []string) bool {
		keys := slices.DeleteFunc(slices.Clone(list), func(t string) bool { return !dkim.LooksLikeKey(t) })
		if len(keys) != 1 {
			return false
		}
		r, err := dkim.ParseRecord(keys[0])
		return err == nil && r.Holds(k.Algorithm, k.Public)
	}
	texts, err := p.txt(SubjectDKIM, name, holds)
	if faulty(err) {
		state := p.fault(SubjectDKIM, "TXT "+name, err)
		p.answered(want, state)
		return state
	}
	before := len(p.findings)
	state := Wrong
	switch {
	case k.Target != "" && !holds(texts) && p.wrongAlias(k, name):
	case err != nil:
		state = p.noKey(k, name)
	default:
		state = p.judgeKey(name, texts, &k)
	}
	if k.Target != "" && state == Proved {
		p.fixed(k, name)
	}
	if k.Algorithm != dkim.RSA { // mail is signed with the RSA key as well
		for i := range p.findings[before:] {
			if f := &p.findings[before+i]; f.Severity == finding.Error {
				f.Severity = finding.Warning
			}
		}
	}
	p.answered(want, state, texts...)
	return state
}

// wrongAlias finds what is wrong with the alias of a key that the operator keeps.
func (p *part) wrongAlias(k Key, name string) bool {
	alias, target := p.alias(p.last(), name), trimmed(k.Target)
	if alias == "" || alias == target {
		return false
	}
	f := finding.Finding{
		Severity: finding.Error, Subject: SubjectDKIM, Code: "other-target", Name: name, Found: wording.Say("a CNAME to %s", fqdn(alias)),
		Expected: wording.Say("a CNAME to %s", fqdn(target)), Change: wording.Say("publish it as it stands here"),
	}
	if isDotless(alias, target) {
		f.Code, f.Change = "missing-dot", wording.Say("write the target with a closing dot: %s", fqdn(target))
	}
	p.add(f)
	return true
}

// fixed tells of a key that is right, but stands where it cannot be changed for the owner.
func (p *part) fixed(k Key, name string) {
	if answer, err := p.c.Resolver.LookupTXT(p.ctx, name); err != nil || answer.Name != name {
		return
	}
	p.add(finding.Finding{
		Severity: finding.Warning, Subject: SubjectDKIM, Code: "not-alias", Name: name, Found: wording.Say("the key as a TXT record"),
		Expected: wording.Say("a CNAME to %s", fqdn(k.Target)), Change: wording.Say("put the CNAME in its place, so that keys can be changed without you"),
	})
}

// noKey says why there is nothing at a selector's name.
func (p *part) noKey(k Key, name string) State {
	if p.misplaced(SubjectDKIM, name) {
		return Wrong
	}
	want := keyRecord(p.e, k)
	f := finding.Finding{
		Severity: finding.Error, Subject: SubjectDKIM, Code: "missing", Name: name, Found: wording.Say("no such record"),
		Expected: wording.Say("a %s record: %s", want.Type, shorten(want.Value)), Change: wording.Say("publish it as it stands here"),
	}
	if alias := p.alias(p.last(), name); alias != "" && alias == trimmed(k.Target) {
		f.Code, f.Found = "operator-zone", wording.Say("the CNAME is right, but %s has no key", alias)
		f.Change = wording.Say("nothing in this domain: the operator must publish the key")
	}
	p.add(f)
	return Missing
}

// judgeKey reads what stands at a selector's name; ours is the key that it should be, nil: any.
func (p *part) judgeKey(name string, texts []string, ours *Key) State {
	say := func(s finding.Severity, code string, found, expected, change wording.Text) {
		p.add(finding.Finding{Severity: s, Subject: SubjectDKIM, Code: code, Name: name, Found: found, Expected: expected, Change: change})
	}
	keys := slices.DeleteFunc(slices.Clone(texts), func(t string) bool { return !dkim.LooksLikeKey(t) })
	switch {
	case len(keys) == 0:
		say(finding.Error, "not-key", wording.Say("another text: %s", shorten(texts[0])), wording.Say("a DKIM key"), wording.Say("publish the key; a wildcard record does not do"))
		return Missing
	case len(keys) > 1: // RFC 6376 3.6.2.2
		say(finding.Error, "several-keys", wording.Say("%d keys at one name: which of them receivers take is left to chance", len(keys)), wording.Say("one record"), wording.Say("leave the right one"))
		return Wrong
	}
	r, err := dkim.ParseRecord(keys[0])
	var fault *dkim.RecordError
	if errors.As(err, &fault) {
		expected := wording.Say("a record such as v=DKIM1; k=rsa; p=…")
		switch {
		case torn(keys[0], texts):
			say(finding.Error, "split-records", wording.Say("the key lies in two TXT records"), wording.Say("one record of two strings"), wording.Say("join them: one record, the parts in quotes with a space between"))
		case len(keys[0]) == 255: // RFC 1035 3.3: the most that one string holds
			say(finding.Error, "cut", wording.Say("the record ends after 255 octets, and the key with it"), wording.Say("one record of two strings"), wording.Say("write it in parts of at most 255, each in quotes"))
		default:
			say(finding.Error, fault.Code, fault.Problem, expected, fault.Change)
		}
		return Wrong
	}
	return p.judgeRecord(r, ours, say)
}

type sayer func(s finding.Severity, code string, found, expected, change wording.Text)

// judgeRecord looks at a key that can be read.
func (p *part) judgeRecord(r dkim.KeyRecord, ours *Key, say sayer) State {
	hash, email := r.For()
	switch {
	case r.Revoked():
		say(finding.Error, "revoked", wording.Say("an empty p=: the key is withdrawn, and its signatures fail"), wording.Say("a key"), wording.Say("publish the key again, or stop signing with it"))
		return Wrong
	case ours != nil && !r.Holds(ours.Algorithm, ours.Public):
		say(finding.Error, "other-key", wording.Say("another key than the one that signs"), wording.Say("the key that is shown"), wording.Say("put the record that is shown in its place"))
		return Wrong
	case r.Algorithm == dkim.RSA && r.Bits < dkim.MinBits: // RFC 8301 3.2
		say(finding.Error, "key-short", wording.Say("an RSA key of %d bits, which receivers do not look at", r.Bits), wording.Say("%d bits", dkim.GoodBits), wording.Say("make a new key"))
		return Wrong
	case !hash:
		say(finding.Error, "key-hash", wording.Say("h= does not allow sha256, and receivers do not look at sha1"), wording.Say("h=sha256, or no h="), wording.Say("remove h="))
		return Wrong
	case !email:
		say(finding.Error, "key-service", wording.Say("s= does not allow e-mail"), wording.Say("s=email, or no s="), wording.Say("remove s="))
		return Wrong
	}
	if r.Algorithm == dkim.RSA && r.Bits < dkim.GoodBits {
		say(finding.Warning, "key-weak", wording.Say("an RSA key of %d bits", r.Bits), wording.Say("%d bits", dkim.GoodBits), wording.Say("make a new key"))
	}
	if r.Testing {
		say(finding.Warning, "testing", wording.Say("t=y: receivers may treat the mail as if it were not signed"), wording.Say("no t=y"), wording.Say("remove t=y when the tests are over"))
	}
	below := func(a string) bool { return strings.HasSuffix(domainOf(a), "."+p.e.Domain) }
	if i := slices.IndexFunc(p.e.Senders, below); r.Strict && i >= 0 {
		say(finding.Warning, "strict-key", wording.Say("t=s, and mail comes from %s too", domainOf(p.e.Senders[i])), wording.Say("no t=s where subdomains send"), wording.Say("remove t=s"))
	}
	return Proved
}

// torn reports a key that was put into two records instead of two strings of one.
func torn(key string, texts []string) bool {
	return slices.ContainsFunc(texts, func(rest string) bool {
		r, err := dkim.ParseRecord(key + rest)
		return rest != key && err == nil && r.Public != nil
	})
}
