package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/engine/stage"
	"github.com/budkavle/budkavle/internal/flow/reports"
	"github.com/budkavle/budkavle/internal/model"
)

type domainReports struct {
	nodeDNSFlag
	Domain string `arg:"" help:"Domain."`
	Days   int    `help:"Days to look back." default:"30" placeholder:"N"`
	Rows   int    `help:"Senders to print; 0 for all." default:"30" placeholder:"N"`
}

func (c *domainReports) Run(a *app) error {
	if c.Days < 1 || c.Days > reports.MaxDays {
		return &usageError{wording.Errorf("--days: %d is not between 1 and %d", c.Days, reports.MaxDays)}
	}
	if c.Rows < 0 {
		return &usageError{wording.Errorf("--rows: %d is less than 0", c.Rows)}
	}
	return a.withReports(c.nodeDNSFlag, c.Domain, func(ctx context.Context, s *reports.Service, d model.Domain) error {
		o, err := s.Overview(ctx, d, c.Days)
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(o)
		}
		return a.tellReports(&o, c.Rows)
	})
}

// withReports opens the store for what is reported about one domain.
func (a *app) withReports(flag nodeDNSFlag, domain string, f func(ctx context.Context, s *reports.Service, d model.Domain) error) error {
	return a.withOfficeAsking(flag, func(ctx context.Context, o *office) error {
		d, err := o.store.Domain(ctx, strings.ToLower(domain))
		if err != nil {
			return a.explain(err, "domain %q", domain)
		}
		s, err := o.reports()
		if err != nil {
			return err
		}
		return f(ctx, s, d)
	})
}

func (a *app) tellReports(o *reports.Overview, rows int) error {
	a.say("What receivers report about mail From %s, %s to %s", o.Domain, o.First.String(), o.Last.String())
	fmt.Fprintln(a.Out)
	if len(o.Reporters) == 0 {
		a.say("There are no reports. They come once a day from receivers that got mail, when the DMARC record asks for them: budkavle domain dmarc %s", o.Domain)
		return nil
	}
	if len(o.Days) > 0 {
		a.tellSeenDays(o)
		a.tellReporters(o)
		if err := a.tellSenders(o, rows); err != nil {
			return err
		}
		a.tellWhy(o)
	}
	a.tellSessions(o)
	return nil
}

// tellSeenDays plots the days.
func (a *app) tellSeenDays(o *reports.Overview) {
	p := plot{good: a.T("passes"), bad: a.T("fails")}
	for _, d := range o.Days {
		p.row(d.Day.String(), d.Passing, d.Messages-d.Passing)
	}
	p.print(a.Out, a.T("day"), a.T("messages"))
	a.say("Messages: %d, of them pass DMARC: %d (%s)", o.Messages, o.Passing, share(o.Passing, o.Messages))
}

func (a *app) tellReporters(o *reports.Overview) {
	var names []string
	for _, r := range o.Reporters {
		if r.Kind == model.ReportDMARC && len(names) < maxNamed {
			names = append(names, fmt.Sprintf("%s (%d)", printable(r.Name), r.Reports))
		}
	}
	a.say("Reported by (reports): %s", strings.Join(names, ", "))
}

func (a *app) tellSenders(o *reports.Overview, rows int) error {
	fmt.Fprintln(a.Out)
	a.say("Who sends as %s:", o.Domain)
	shown := o.Senders
	if rows > 0 {
		shown = shown[:min(len(shown), rows)]
	}
	t := a.newTable("source", "who", "count", "passing", "SPF aligned", "DKIM aligned", "refused", "spam")
	count := func(n int64) string { return strconv.FormatInt(n, 10) }
	for i := range shown {
		s := &shown[i]
		t.row(a.sourceName(s), a.who(s.Kind, s.Names...), count(s.Messages), count(s.Passing), count(s.SPF), count(s.DKIM), count(s.Refused), count(s.Suspected))
	}
	if err := t.flush(); err != nil {
		return err
	}
	if left := len(o.Senders) - len(shown); left > 0 {
		a.say("and %d rows more; --rows 0 prints all", left)
	}
	if !o.Complete {
		a.say("There are more senders than are read; those with the fewest messages are left out.")
	}
	return nil
}

func (a *app) sourceName(s *reports.Sender) string {
	if !s.Source.IsValid() {
		return a.T("(several)")
	}
	return s.Source.String()
}

// who words whose a source is.
func (a *app) who(k stage.Kind, names ...string) string {
	word := ""
	switch k {
	case stage.Ours:
		word = a.T("ours")
	case stage.Known:
		return printable(strings.Join(names, ", "))
	case stage.Forwarder:
		word = a.T("forwarder")
	default:
		word = a.T("not known")
	}
	if len(names) > 0 {
		word += " (" + printable(strings.Join(names, ", ")) + ")"
	}
	return word
}

// tellWhy says of those who fail most why they do.
func (a *app) tellWhy(o *reports.Overview) {
	failing := slices.DeleteFunc(slices.Clone(o.Senders), func(s reports.Sender) bool { return s.Messages == s.Passing || len(s.Why) == 0 })
	slices.SortStableFunc(failing, func(x, y reports.Sender) int { return cmp.Compare(y.Messages-y.Passing, x.Messages-x.Passing) })
	fmt.Fprintln(a.Out)
	if len(failing) == 0 {
		a.say("All their mail passes.")
		return
	}
	a.say("What fails, and why:")
	for i := range failing[:min(len(failing), maxNamed)] {
		s := &failing[i]
		a.say("  %s, %s: %d messages", a.sourceName(s), a.who(s.Kind, s.Names...), s.Messages-s.Passing)
		for _, why := range s.Why {
			fmt.Fprintf(a.Out, "    %s\n", printable(a.text(why)))
		}
	}
	if left := len(failing) - maxNamed; left > 0 {
		a.say("  and %d more", left)
	}
	a.say("Those that are yours need DKIM of %s, or a place in its SPF record; the others are forwarded mail or forgeries.", o.Domain)
}

// tellSessions sums up reports about TLS.
func (a *app) tellSessions(o *reports.Overview) {
	if len(o.TLS) == 0 {
		return
	}
	var good, bad int64
	failures := map[model.Sessions]int64{} // no more than lines, which are bounded
	for _, s := range o.TLS {
		if s.Failure == "" {
			good += s.Count
			continue
		}
		bad += s.Count
		failures[model.Sessions{Policy: s.Policy, Failure: s.Failure}] += s.Count
	}
	fmt.Fprintln(a.Out)
	a.say("TLS on the way to %s: %d sessions in order, %d failed (%s)", o.Domain, good, bad, share(bad, good+bad))
	order := make([]model.Sessions, 0, len(failures))
	for f := range failures {
		order = append(order, f)
	}
	slices.SortFunc(order, func(x, y model.Sessions) int {
		return cmp.Or(cmp.Compare(failures[y], failures[x]), cmp.Compare(x.Failure, y.Failure), cmp.Compare(x.Policy, y.Policy))
	})
	for _, f := range order[:min(len(order), maxNamed)] {
		fmt.Fprintf(a.Out, "  %d  %s (%s)\n", failures[f], printable(a.text(failureMeaning(f.Failure))), printable(f.Policy))
	}
}
