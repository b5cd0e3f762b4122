package spf

import (
	"slices"
	"strings"

	"github.com/budkavle/budkavle/internal/base/wording"
)

// join makes one record of several. The one that says most stays as it is, and takes from the others what it lacks.
func (d *draft) join(records []*Record) {
	records = slices.Clone(records)
	slices.SortFunc(records, func(a, b *Record) int { // DNS gives them in any order
		if n := len(b.Mechanisms) - len(a.Mechanisms); n != 0 {
			return n
		}
		return strings.Compare(a.Text, b.Text)
	})
	d.read(records[0].Text)
	for _, r := range records[1:] {
		d.take(r)
	}
	d.end(mildest(records))
	d.done = []wording.Text{wording.Say("the terms of %d records stand in one now; a domain has one SPF record (RFC 7208 4.5)", len(records))}
	if all := d.record.all(); all != nil && slices.ContainsFunc(records, func(r *Record) bool { return r.all() == nil || r.all().Verdict != all.Verdict }) {
		d.say(wording.Say("it ends in %s, the mildest of their ends but +all", all.Text))
	}
}

// take adds the terms of another record that say something.
func (d *draft) take(r *Record) {
	all := r.all()
	for i := range r.Mechanisms {
		if r.Mechanisms[i].Kind == All {
			break // what follows is never looked at
		}
		d.add(&r.Mechanisms[i])
	}
	var modifiers []Modifier
	if r.Redirect != nil && all == nil {
		if d.record.Redirect == nil && d.record.all() == nil {
			modifiers = append(modifiers, *r.Redirect)
		} else if d.record.all() != nil || d.target(d.record.Redirect.Value) != d.target(r.Redirect.Value) {
			d.add(inclusion(r.Redirect))
		}
	}
	if r.Exp != nil && d.record.Exp == nil {
		modifiers = append(modifiers, *r.Exp)
	}
	for _, m := range append(modifiers, r.Unknown...) {
		if !slices.ContainsFunc(d.record.Unknown, func(old Modifier) bool { return old.Text == m.Text }) {
			d.read(strings.TrimRight(d.record.Text, " ") + " " + m.Text)
		}
	}
}

// mildest is the mildest end that one of the records has, so that the join refuses no mail for an end it did not have; "+all"
// counts only where there is no other, and the verdict is empty where none has an end.
func mildest(records []*Record) Verdict {
	order := []Verdict{"", Pass, Fail, SoftFail, Neutral}
	best := 0
	for _, r := range records {
		if all := r.all(); all != nil {
			best = max(best, slices.Index(order, all.Verdict))
		}
	}
	return order[best]
}
