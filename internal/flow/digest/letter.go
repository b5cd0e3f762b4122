package digest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/budkavle/budkavle/internal/engine/bounce"
)

// Letter words a day in both languages. Swedish stands first: the operators are Swedish; who does not read it finds English below.
func (d *Digest) Letter() (subject, text string) {
	sv, en := d.in(swedish()), d.in(english())
	return fmt.Sprintf("%s: e-posten den %s / mail of %s", d.Account, d.Day, d.Day), sv + "\n--\n\n" + en
}

// in words a day in one language: the figures, then what there is to do, each with what it is about.
func (d *Digest) in(w *words) string {
	var b strings.Builder
	line := func(pattern string, args ...any) { fmt.Fprintf(&b, pattern+"\n", args...) }
	line(w.title, d.Account, d.Day)
	line("")
	for _, f := range []struct {
		name string
		n    int64
	}{
		{w.sent, d.Sent},
		{w.delivered, d.Delivered},
		{w.failed, d.failures()},
		{w.stopped, d.Stopped},
		{w.complained, d.Complained},
		{w.unsubscribed, d.Unsubscribed},
		{w.answered, d.Answered},
	} {
		if f.n > 0 {
			line("%8d  %s", f.n, f.name)
		}
	}
	if len(d.Failed) > 0 {
		line("\n%s", w.why)
		for _, class := range d.classes() {
			line("%8d  %s", d.Failed[class], cmp.Or(w.classes[bounce.Class(class)], w.classes[bounce.Unclassified]))
		}
	}
	for _, task := range d.tasks(w) {
		line("\n%s", task)
	}
	return b.String()
}

func (d *Digest) failures() (n int64) {
	for _, k := range d.Failed {
		n += k
	}
	return n
}

// classes are those that there were, the most frequent first.
func (d *Digest) classes() []string {
	return slices.SortedFunc(maps.Keys(d.Failed), func(a, b string) int { return cmp.Or(cmp.Compare(d.Failed[b], d.Failed[a]), cmp.Compare(a, b)) })
}

// tasks are what there is to do.
func (d *Digest) tasks(w *words) []string {
	var list []string
	for _, f := range d.Domains {
		list = append(list, fmt.Sprintf(w.domain, f.Domain, w.states[string(f.State)], f.Domain))
	}
	if d.Complained > 0 {
		list = append(list, w.doComplaints)
	}
	if d.Listed > 0 {
		text := fmt.Sprintf(w.doListed, d.Listed) + "\n  " + strings.Join(d.Addresses, "\n  ")
		if more := d.Listed - int64(len(d.Addresses)); more > 0 {
			text += "\n  " + fmt.Sprintf(w.more, more)
		}
		list = append(list, text)
	}
	for _, group := range []struct {
		classes []bounce.Class
		text    string
	}{
		{[]bounce.Class{bounce.SpamContent, bounce.Malware}, w.doContent},
		{[]bounce.Class{bounce.Authentication, bounce.SenderRejected}, w.doDNS},
		{[]bounce.Class{bounce.Reputation, bounce.ReverseDNS, bounce.Policy}, w.doOperator},
		{[]bounce.Class{bounce.TooLarge, bounce.Content}, w.doMessage},
	} {
		if slices.ContainsFunc(group.classes, func(c bounce.Class) bool { return d.Failed[string(c)] > 0 }) {
			list = append(list, group.text)
		}
	}
	return list
}
