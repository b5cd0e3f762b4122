package cli

import (
	"context"
	"fmt"
	"strconv"

	"github.com/budkavle/budkavle/internal/engine/stage"
	"github.com/budkavle/budkavle/internal/flow/reports"
	"github.com/budkavle/budkavle/internal/model"
)

type domainDMARC struct {
	nodeDNSFlag
	Domain string `arg:"" help:"Domain."`
}

func (c *domainDMARC) Run(a *app) error {
	return a.withReports(c.nodeDNSFlag, c.Domain, func(ctx context.Context, s *reports.Service, d model.Domain) error {
		t, err := s.Standing(ctx, d)
		switch {
		case err != nil:
			return err
		case a.json:
			return a.printJSON(t)
		}
		return a.tellStanding(&t)
	})
}

func (a *app) tellStanding(t *reports.Standing) error {
	if !t.Unread.IsZero() {
		a.say("%s", printable(a.text(t.Unread)))
		a.say("Nothing can be said of its stage until DNS answers.")
		return nil
	}
	a.tellRecord(t)
	v := &t.Verdict
	fmt.Fprintln(a.Out)
	switch {
	case v.Next == v.Policy:
		a.say("Stage: %s, the last one", string(v.Policy))
	case v.Move == stage.Back:
		a.say("Stage: %s; the one before: %s", string(v.Policy), string(v.Next))
	default:
		a.say("Stage: %s; the next one: %s", string(v.Policy), string(v.Next))
	}
	a.tellEvidence(t)
	if err := a.tellWould(v); err != nil {
		return err
	}
	a.tellMove(t)
	for _, advice := range t.Advice {
		fmt.Fprintln(a.Out)
		a.say("Advice: %s. With it the record is:", a.text(advice.Text))
		fmt.Fprintf(a.Out, "\n%s\n", printable(advice.Zone))
	}
	return nil
}

// tellRecord prints the record and what each tag of it means.
func (a *app) tellRecord(t *reports.Standing) {
	if t.At == "" {
		a.say("%s has no DMARC record, and there is none above it.", t.Domain)
		return
	}
	a.say("The record of %s: %s", printable("_dmarc."+t.At), printable(t.Record))
	if t.At != t.Domain {
		a.say("It stands above %s and speaks for it too, with sp.", t.Domain)
	}
	for _, e := range t.Explained {
		tag := e.Tag
		if e.Value != "" {
			tag += "=" + e.Value
		}
		if e.Default {
			tag = a.T("%s (not written)", tag)
		}
		fmt.Fprintf(a.Out, "  %s\n      %s\n", printable(tag), printable(a.text(e.Meaning)))
	}
	if !t.Reports {
		a.say("It does not ask for reports to us: without them nobody knows what the next stage would do.")
	}
}

// tellEvidence plots the days since something happened.
func (a *app) tellEvidence(t *reports.Standing) {
	days := t.Days
	for len(days) > 0 && days[0].Messages == 0 && days[0].Sent == 0 {
		days = days[1:]
	}
	if len(days) == 0 {
		a.say("No day has been reported, and nothing was sent, since the policy is as it is.")
		return
	}
	fmt.Fprintln(a.Out)
	p := plot{good: a.T("passes"), bad: a.T("fails")}
	marked := false
	for _, d := range days {
		marked = marked || unproved(&d)
		p.row(d.Day.String()+"  "+pad(sentWord(&d), 8, true), d.Passing, d.Messages-d.Passing)
	}
	p.print(a.Out, pad(a.T("day"), 10, false)+"  "+pad(a.T("sent"), 8, true), a.T("reported"))
	if marked {
		a.say("!: neither DKIM nor the return path of that mail was proved")
	}
	v := &t.Verdict
	a.say("Days with reports that count: %d of %d; on %d of them we sent aligned mail", v.ReportDays, v.Wanted, v.SentDays)
	if v.Messages > 0 {
		a.say("Of %d messages passed %d; of those that failed, %d are of senders of the domain, so that %s %% of its own mail passes", v.Messages, v.Passing, v.Own, a.text(stage.Percent(v.Share)))
	}
}

func unproved(d *stage.Day) bool { return d.Sent > 0 && !d.Aligned }

// sentWord is what we sent, with a mark that is explained below the plot.
func sentWord(d *stage.Day) string {
	n := strconv.FormatInt(d.Sent, 10)
	if unproved(d) {
		n += "!"
	}
	return n
}

// tellWould lists who fails.
func (a *app) tellWould(v *stage.Verdict) error {
	if len(v.Would) == 0 {
		return nil
	}
	fmt.Fprintln(a.Out)
	switch {
	case v.Move == stage.Back || v.Next == v.Policy:
		a.say("What failed on those days:")
	default:
		a.say("What failed on those days, and would be kept from its readers with %s:", string(v.Next))
	}
	t := a.newTable("messages", "days", "source", "who")
	for _, s := range v.Would[:min(len(v.Would), 2*maxNamed)] {
		source := a.T("(several)")
		if s.Source.IsValid() {
			source = s.Source.String()
		}
		var names []string
		if s.Name != "" {
			names = []string{s.Name}
		}
		t.row(strconv.FormatInt(s.Count, 10), strconv.Itoa(s.Days), source, a.who(s.Kind, names...))
	}
	if err := t.flush(); err != nil {
		return err
	}
	if left := len(v.Would) - 2*maxNamed; left > 0 {
		a.say("  and %d more", left)
	}
	return nil
}

// tellMove says what to do.
func (a *app) tellMove(t *reports.Standing) {
	v := &t.Verdict
	fmt.Fprintln(a.Out)
	switch {
	case t.At == "":
		a.say("Begin with this record, which changes nothing but has receivers report:")
	case v.Move == stage.Forward:
		a.say("The next stage is due: %s. Publish this in place of the record:", a.text(v.Why))
	case v.Move == stage.Back:
		a.say("Go back a stage until the fault is found: %s. Publish this in place of the record:", a.text(v.Why))
	case v.Next == v.Policy:
		a.say("There is no stricter stage. It is watched, and you are told if the domain's own mail begins to fail.")
		return
	default:
		a.say("The next stage is not due yet. It waits for:")
		for _, l := range v.Lacks {
			fmt.Fprintf(a.Out, "  %s\n", printable(a.text(l)))
		}
		return
	}
	fmt.Fprintf(a.Out, "\n%s\n", printable(t.Zone))
}
