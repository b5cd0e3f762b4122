// Package stage decides when the DMARC policy of a domain may become stricter, and when it must become milder again: none,
// quarantine, reject.
//
// A step forward needs days on which both sides say that the domain's mail passes: what this node delivered itself, and what
// receivers report. Mail that fails counts against it only where it comes from somebody who sends for the domain: our
// addresses and keys, and senders that are known by their own SPF records. Of all others (forwarders, forgers) it is what the
// policy is for, and it is shown. A step back needs only some days on which the domain's own mail fails.
//
// It is a calculation without side effects that cannot fail: it asks nobody, keeps nothing and publishes nothing. Anybody can
// send a report, so that what comes of it is never more than a proposal to a person.
package stage

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dmarc"
)

// Bounds of the decision.
const (
	// leastPassing is the share, in thousandths, of the domain's own mail that has to pass before a step.
	leastPassing = 980
	// A sender of the domain's fails, whatever the share, when it does so on so many days with so many messages in all.
	failingDays, failingMessages = 2, 5
	// A step back is due when of the last days with reports less than so many thousandths passed, and at least so many
	// messages of the domain's own failed.
	backDays, backPassing, backMessages = 3, 950, 10
	// Stretch is over how many times the days that are wanted they may be spread: a school sends nothing in its holidays.
	Stretch = 3
)

// Kind says whose a source is.
type Kind string

// Kinds of sources. Ours and Known send for the domain.
const (
	Unknown   Kind = ""          // not looked up
	Ours      Kind = "ours"      // our address, or our signature
	Known     Kind = "known"     // of a known sender
	Forwarder Kind = "forwarder" // receivers say that it forwards, or sends to a list
	Stranger  Kind = "stranger"
)

// own reports whether what such a source sends counts as the domain's mail.
func (k Kind) own() bool { return k == Ours || k == Known }

// Day is what is known of one day.
type Day struct {
	Day       model.Day `json:"day"`
	Sent      int64     `json:"sent"`      // delivered by this node
	Aligned   bool      `json:"aligned"`   // DKIM or the return path was proved then
	Reporters int       `json:"reporters"` // who reported
	Messages  int64     `json:"messages"`  // that they saw
	Passing   int64     `json:"passing"`
	Failing   int64     `json:"own_failing"` // of the domain's own senders; Decide counts them
}

// Failing is mail of a source that failed on a day.
type Failing struct {
	Day    model.Day
	Source netip.Addr // the zero Addr: several that were summed up
	Kind   Kind
	Name   string // of a known sender
	Count  int64
}

// Evidence is what the decision is made by.
type Evidence struct {
	Record  *dmarc.Record // that applies to the domain; nil: none
	Policy  dmarc.Policy  // that it asks for the domain's mail
	Days    []Day         // that are over, the oldest first, since the policy is as it is
	Failing []Failing     // of the same days
}

// Move is what is proposed.
type Move string

// Moves.
const (
	Stay    Move = "stay"
	Forward Move = "forward"
	Back    Move = "back"
)

// Source is who failed, over all days that count.
type Source struct {
	Source netip.Addr `json:"source,omitzero"`
	Kind   Kind       `json:"kind"`
	Name   string     `json:"name,omitempty"`
	Days   int        `json:"days"`
	Count  int64      `json:"messages"`
}

// Verdict is the decision, and what led to it.
type Verdict struct {
	Policy dmarc.Policy   `json:"policy"` // that receivers apply now: none while it is tested
	Next   dmarc.Policy   `json:"next"`   // the stage after it, or before it for Back; as Policy at the last stage
	Move   Move           `json:"move"`
	Lacks  []wording.Text `json:"lacks"` // what a step forward waits for
	Why    wording.Text   `json:"why,omitzero"`

	Wanted     int   `json:"days_wanted"`
	ReportDays int   `json:"report_days"` // that count, at most Wanted
	SentDays   int   `json:"sent_days"`   // of them
	Messages   int64 `json:"messages"`    // on those days
	Passing    int64 `json:"passing"`
	Own        int64 `json:"own_failing"` // of the domain's senders
	Share      int   `json:"share"`       // thousandths of the domain's own mail that pass
	// Would is what the next stage would have kept from its readers on those days, the most messages first.
	Would []Source `json:"would"`
}

// moved is the stage so many steps from another.
func moved(p dmarc.Policy, steps int) dmarc.Policy {
	order := []dmarc.Policy{dmarc.None, dmarc.Quarantine, dmarc.Reject}
	return order[min(max(slices.Index(order, p)+steps, 0), len(order)-1)]
}

// Applied is the policy that receivers act by: of one under test, none.
func (e *Evidence) Applied() dmarc.Policy {
	if e.Record == nil || e.Record.Testing || e.Policy == "" {
		return dmarc.None
	}
	return e.Policy
}

// next is the stage that follows. What is under test is put in force before anything stricter is.
func (e *Evidence) next() dmarc.Policy {
	if e.Record != nil && e.Record.Testing && e.Policy != dmarc.None {
		return e.Policy
	}
	return moved(e.Applied(), 1)
}

// Decide says what to propose when so many days of passing mail are wanted before a step.
func Decide(e Evidence, wanted int) Verdict {
	days := e.counted()
	v := Verdict{Policy: e.Applied(), Next: e.next(), Move: Stay, Wanted: wanted, Lacks: []wording.Text{}, Share: 1000}
	if why, back := falls(days); back && v.Policy != dmarc.None {
		v.Move, v.Next, v.Why = Back, moved(v.Policy, -1), why
	}
	reported := slices.DeleteFunc(days, func(d Day) bool { return d.Messages == 0 })
	reported = reported[max(0, len(reported)-wanted):]
	for _, d := range reported {
		v.ReportDays++
		v.Messages, v.Passing, v.Own = v.Messages+d.Messages, v.Passing+d.Passing, v.Own+d.Failing
		if d.Sent > 0 && d.Aligned {
			v.SentDays++
		}
	}
	v.Share = share(v.Passing, v.Own)
	v.Would = would(e.Failing, reported)
	if v.Move == Back || v.Next == v.Policy {
		return v
	}
	v.lacks(&e)
	if len(v.Lacks) == 0 {
		v.Move = Forward
		v.Why = wording.Say("on %d days with reports %s %% of the domain's own mail passed, and we sent on %d of them", v.ReportDays, Percent(v.Share), v.SentDays)
	}
	return v
}

// Stays reports whether nothing is to be proposed, whoever the sources are that have not been looked up.
func Stays(e Evidence, wanted int) bool {
	as := func(k Kind) Move {
		alike := e
		alike.Failing = slices.Clone(e.Failing)
		for i := range alike.Failing {
			if alike.Failing[i].Kind == Unknown {
				alike.Failing[i].Kind = k
			}
		}
		return Decide(alike, wanted).Move
	}
	return as(Known) == Stay && as(Stranger) == Stay
}

// counted are the days with the failures of the domain's own senders.
func (e *Evidence) counted() []Day {
	days := slices.Clone(e.Days)
	at := make(map[model.Day]int, len(days))
	for i := range days {
		days[i].Failing = 0
		at[days[i].Day] = i
	}
	for _, f := range e.Failing {
		if i, ok := at[f.Day]; ok && f.Kind.own() {
			days[i].Failing += f.Count
		}
	}
	return days
}

// share is in thousandths; without mail nothing fails.
func share(passing, failing int64) int {
	if passing+failing == 0 {
		return 1000
	}
	return int(passing * 1000 / (passing + failing))
}

// Percent writes thousandths in per cent.
func Percent(thousandths int) wording.Text {
	if thousandths%10 == 0 {
		return wording.Say("%s", strconv.Itoa(thousandths/10))
	}
	return wording.Say("%d.%d", thousandths/10, thousandths%10)
}

// falls looks at the last days with reports.
func falls(days []Day) (why wording.Text, back bool) {
	var passing, failing int64
	n := 0
	for i := len(days) - 1; i >= 0 && n < backDays; i-- {
		if d := days[i]; d.Messages > 0 {
			n++
			passing, failing = passing+d.Passing, failing+d.Failing
		}
	}
	s := share(passing, failing)
	if failing < backMessages || s >= backPassing {
		return wording.Text{}, false
	}
	return wording.Say("on the last %d days with reports only %s %% of the domain's own mail passed", n, Percent(s)), true
}

// lacks lists what is in the way of a step.
func (v *Verdict) lacks(e *Evidence) {
	if e.Record == nil {
		v.Lacks = append(v.Lacks, wording.Say("a DMARC record with our address for reports"))
		return
	}
	if v.ReportDays < v.Wanted {
		v.Lacks = append(v.Lacks, wording.Say("reports of %d days; there are %d", v.Wanted, v.ReportDays))
	}
	if most := v.Wanted/2 + 1; v.SentDays < most {
		v.Lacks = append(v.Lacks, wording.Say("mail of our own, signed or with an aligned return path, on most of those days (%d); there was some on %d", most, v.SentDays))
	}
	if v.Share < leastPassing {
		v.Lacks = append(v.Lacks, wording.Say("%s %% of the domain's own mail to pass; %s %% does", Percent(leastPassing), Percent(v.Share)))
	}
	for _, s := range v.Would {
		if s.Kind.own() && s.Days >= failingDays && s.Count >= failingMessages {
			v.Lacks = append(v.Lacks, wording.Say("mail of %s to pass, which sends for the domain: %d messages failed on %d days", s.label(), s.Count, s.Days))
		}
	}
}

func (s *Source) label() wording.Text {
	switch {
	case s.Name != "" && s.Source.IsValid():
		return wording.Say("%s (%s)", s.Source.String(), s.Name)
	case s.Source.IsValid():
		return wording.Say("%s", s.Source.String())
	}
	return wording.Say("several addresses")
}

// would sums up who failed on these days.
func would(failing []Failing, days []Day) []Source {
	counts := make(map[model.Day]bool, len(days))
	for _, d := range days {
		counts[d.Day] = true
	}
	type key struct {
		addr netip.Addr
		kind Kind
	}
	type on struct {
		key
		day model.Day
	}
	at, seen := map[key]int{}, map[on]bool{} // no more than there are failures, which the caller bounds
	list := []Source{}
	for _, f := range failing {
		if !counts[f.Day] {
			continue
		}
		k := key{f.Source, f.Kind}
		i, ok := at[k]
		if !ok {
			i = len(list)
			at[k] = i
			list = append(list, Source{Source: f.Source, Kind: f.Kind, Name: f.Name})
		}
		list[i].Count += f.Count
		if !seen[on{k, f.Day}] {
			seen[on{k, f.Day}] = true
			list[i].Days++
		}
	}
	slices.SortStableFunc(list, func(a, b Source) int { return cmp.Or(cmp.Compare(b.Count, a.Count), a.Source.Compare(b.Source)) })
	return list
}
