package spf

import (
	"strings"

	"github.com/budkavle/budkavle/internal/base/wording"
)

// Want is what a record is to say.
type Want struct {
	Domain string   // whose record it is, so that "a" and "a:DOMAIN" are known as one; may be empty
	Terms  []string // mechanisms that are to pass: "include:_spf.host.example", "ip4:192.0.2.1", "a:mail.school.example", "mx"
	All    Verdict  // for everybody else: fail, softfail or neutral; empty: as it is, in a new record softfail, and fail where nobody sends
}

// Edited is a record after the smallest change that makes it say what is wanted.
type Edited struct {
	Record  string         `json:"record"`
	Changed bool           `json:"changed"` // DNS has something else now
	Present []string       `json:"present"` // SPF records that are there now; Record takes the place of them all
	Done    []wording.Text `json:"done"`    // what was changed and why, at least one
	// Warnings are about what was kept and should not be there: "+all" and ptr. Lint finds more.
	Warnings []wording.Text `json:"warnings"`
}

// Edit makes the smallest change to what the TXT records of a domain say now: what stands there keeps its place, spelling and
// spacing. Of several SPF records it makes one (RFC 7208 4.5); of none, a new one. A record that cannot be read gives its
// Faults and is left alone; a term that cannot stand in a record gives an error of wording.
func Edit(txt []string, want Want) (Edited, error) {
	terms, err := parseTerms(want.Terms)
	if err != nil {
		return Edited{}, err
	}
	var records []*Record
	for _, text := range txt {
		if !IsRecord(text) {
			continue
		}
		r, err := Parse(text)
		if err != nil {
			return Edited{}, err
		}
		records = append(records, r)
	}
	e := Edited{Present: make([]string, len(records))}
	for i, r := range records {
		e.Present[i] = r.Text
	}
	d := &draft{domain: want.Domain}
	switch len(records) {
	case 0:
		d.read(version)
		if want.All == "" {
			want.All = firstEnd(len(terms))
		}
	case 1:
		d.read(records[0].Text)
	default:
		d.join(records)
	}
	for _, m := range terms {
		d.add(m)
	}
	d.end(want.All)
	e.Record, e.Changed = d.record.Text, len(records) != 1 || d.record.Text != records[0].Text
	e.Done, e.Warnings = d.done, warnings(d.record)
	switch {
	case len(records) == 0:
		e.Done = []wording.Text{wording.Say("the domain has no SPF record; this is its first")}
	case len(e.Done) == 0:
		e.Done = []wording.Text{wording.Say("nothing was asked for that the record does not say")}
	}
	return e, nil
}

// firstEnd is the end of a first record: softfail while senders may be missing, and fail where there are none.
func firstEnd(senders int) Verdict {
	if senders == 0 {
		return Fail
	}
	return SoftFail
}

func warnings(r *Record) []wording.Text {
	list := []wording.Text{}
	for i := range r.Mechanisms {
		switch m := &r.Mechanisms[i]; {
		case m.Kind == All && m.Verdict == Pass:
			list = append(list, wording.Say("%s lets anybody send for the domain", m.Text))
		case m.Kind == PTR:
			list = append(list, wording.Say("ptr is slow, and many receivers do not look at it"))
		}
	}
	return list
}

func parseTerms(list []string) ([]*Mechanism, error) {
	terms := make([]*Mechanism, 0, len(list))
	for _, text := range list {
		r, err := Parse(version + " " + text)
		if faults, bad := err.(Faults); bad {
			return nil, wording.Errorf("%q cannot stand in an SPF record: %s; %s", text, faults[0].Problem, faults[0].Change)
		}
		if len(r.Mechanisms) != 1 || r.Mechanisms[0].Text != text || r.Mechanisms[0].Kind == All || r.Mechanisms[0].Verdict != Pass {
			return nil, wording.Errorf("%q is not one mechanism that lets somebody send, such as include:_spf.host.example or ip4:192.0.2.1", text)
		}
		terms = append(terms, &r.Mechanisms[0])
	}
	return terms, nil
}

// draft is a record that is being changed. Its text can be parsed at all times: only terms that were parsed go in.
type draft struct {
	domain string
	record *Record
	done   []wording.Text
}

func (d *draft) read(text string) { d.record, _ = Parse(text) }

func (d *draft) say(t wording.Text) { d.done = append(d.done, t) }

// replace puts text in the place of n octets.
func (d *draft) replace(at, n int, text string) {
	d.read(d.record.Text[:at] + text + d.record.Text[at+n:])
}

// add puts a mechanism behind those that are there and in front of what decides about everybody else: "all", or a redirect,
// which is followed when no mechanism matches (RFC 7208 6.1). What is there already is not put in twice.
func (d *draft) add(m *Mechanism) {
	for i := range d.record.Mechanisms {
		old := &d.record.Mechanisms[i]
		if old.Kind == All {
			d.put(old.Offset, m, wording.Say("%s was added in front of %s, which says what becomes of all other mail", m.Text, old.Text))
			return
		}
		if !d.covers(old, m) {
			continue
		}
		switch same := d.covers(m, old); {
		case old.Verdict == m.Verdict && same:
			d.say(wording.Say("%s is there already", old.Text))
		case old.Verdict == m.Verdict:
			d.say(wording.Say("%s is there already, as part of %s", m.Text, old.Text))
		case same && m.Verdict == Pass: // what does not pass has a qualifier of one octet
			d.say(wording.Say("%s became %s, so that its mail passes", old.Text, old.Text[1:]))
			d.replace(old.Offset, 1, "")
		case !same: // what comes first decides
			d.put(old.Offset, m, wording.Say("%s was added in front of %s, which would hide it", m.Text, old.Text))
		}
		return
	}
	done := wording.Say("%s was added behind what is there", m.Text)
	if r := d.record.Redirect; r != nil {
		done = wording.Say("%s was added; all other mail is decided by %s as before", m.Text, r.Text)
	}
	d.say(done)
	d.replace(d.tail(), 0, " "+m.Text)
}

func (d *draft) put(at int, m *Mechanism, done wording.Text) {
	d.say(done)
	d.replace(at, 0, m.Text+" ")
}

// tail is the end of the last mechanism, or of the version.
func (d *draft) tail() int {
	if n := len(d.record.Mechanisms); n > 0 {
		last := d.record.Mechanisms[n-1]
		return last.Offset + len(last.Text)
	}
	return len(version)
}

// covers reports whether all that b matches, a matches too.
func (d *draft) covers(a, b *Mechanism) bool {
	if a.Kind != b.Kind {
		return false
	}
	if a.Network.IsValid() {
		return a.Network.Bits() <= b.Network.Bits() && a.Network.Contains(b.Network.Addr())
	}
	return a.Bits4 <= b.Bits4 && a.Bits6 <= b.Bits6 && d.target(a.Domain) == d.target(b.Domain)
}

// target is a domain-spec in one spelling. Case counts in macros (RFC 7208 7.3).
func (d *draft) target(m *Macro) string {
	switch {
	case m == nil:
		return strings.ToLower(strings.TrimSuffix(d.domain, "."))
	case strings.Contains(m.Text, "%"):
		return m.Text
	}
	return strings.ToLower(strings.TrimSuffix(m.Text, "."))
}

// end has the record say v of everybody who is not named.
func (d *draft) end(v Verdict) {
	all := d.record.all()
	switch {
	case v == "" || all != nil && all.Verdict == v:
		return
	case all != nil:
		text := qualifier(v) + strings.TrimLeft(all.Text, "+-~?")
		d.say(wording.Say("%s became %s", all.Text, text))
		d.replace(all.Offset, len(all.Text), text)
		return
	case d.record.Redirect != nil:
		d.unredirect()
	}
	d.say(wording.Say("%s was added at the end, for all other mail", qualifier(v)+"all"))
	d.replace(d.tail(), 0, " "+qualifier(v)+"all")
}

// unredirect has the record include what it redirects to: it gets an "all", beside which no redirect is followed (RFC 7208 6.1).
func (d *draft) unredirect() {
	r := *d.record.Redirect
	include := inclusion(&r)
	d.replace(r.Offset-1, 1+len(r.Text), "") // a space stands in front of every term
	n := len(d.done)
	d.add(include)
	d.done = append(d.done[:n], wording.Say("%s became %s, since a redirect is not followed beside \"all\"", r.Text, include.Text))
}

// inclusion is the include that lets in all that a redirect does.
func inclusion(redirect *Modifier) *Mechanism {
	return &Mechanism{Span: Span{Text: "include:" + redirect.Value.Text}, Kind: Include, Verdict: Pass, Domain: redirect.Value, Bits4: 32, Bits6: 128}
}

// qualifier writes a verdict in front of a mechanism (RFC 7208 4.6.2).
func qualifier(v Verdict) string {
	switch v {
	case Fail:
		return "-"
	case SoftFail:
		return "~"
	case Neutral:
		return "?"
	}
	return "+"
}
