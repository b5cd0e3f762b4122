package cli

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/flow/reports"
	"github.com/budkavle/budkavle/internal/standard/arf"
	"github.com/budkavle/budkavle/internal/standard/message"
	"github.com/budkavle/budkavle/internal/standard/report"
)

type reportCommand struct {
	Read reportRead `cmd:"" help:"Read DMARC, TLS and feedback reports: plain, by gzip or zip, or in the mail they came with. Exit status 1 if one cannot be read."`
}

type reportRead struct {
	Rows  int      `help:"Rows of a table to print; 0 for all." default:"50" placeholder:"N"`
	Store bool     `help:"Keep them in the node's store too, for the sender domains they are about; each counts once."`
	Files []string `arg:"" name:"file" help:"Files; - for standard input."`
}

// reportJSON is what --json prints for each file.
type reportJSON struct {
	File   string      `json:"file"`
	Kind   report.Kind `json:"kind"`
	Report any         `json:"report"`
	// Kept is what became of it in the store, one entry a domain.
	Kept []reports.Kept `json:"kept,omitempty"`
}

func (c *reportRead) Run(a *app) error {
	if c.Rows < 0 {
		return &usageError{wording.Errorf("--rows: %d is less than 0", c.Rows)}
	}
	if c.Store {
		return a.withOffice(func(ctx context.Context, o *office) error {
			s, err := o.reports()
			if err != nil {
				return err
			}
			return c.each(a, func(r report.Report) ([]reports.Kept, error) { return s.Keep(ctx, r) })
		})
	}
	return c.each(a, nil)
}

// each reads every file, and hands what it read to keep unless that is nil.
func (c *reportRead) each(a *app, keep func(report.Report) ([]reports.Kept, error)) error {
	var failed error
	told := 0
	for _, path := range c.Files {
		r, err := a.readReport(path)
		if err != nil {
			a.complain(wording.Errorf("%s: %w", path, err))
			failed = errFaults
			continue
		}
		var kept []reports.Kept
		if keep != nil {
			if kept, err = keep(r); err != nil {
				a.complain(wording.Errorf("%s: %w", path, err))
				failed = errFaults
				continue
			}
		}
		if a.json {
			if err := a.printJSON(reportJSON{path, r.Kind, content(r), kept}); err != nil {
				return err
			}
			continue
		}
		if told++; told > 1 {
			fmt.Fprintln(a.Out)
		}
		if len(c.Files) > 1 {
			fmt.Fprintf(a.Out, "%s\n", printable(path))
		}
		if err := c.tell(a, r); err != nil {
			return err
		}
		a.tellKept(kept)
	}
	return failed
}

func (a *app) tellKept(list []reports.Kept) {
	for _, k := range list {
		if k.New {
			a.say("Kept for %s, %s: %d lines", k.Domain, k.Day.String(), k.Lines)
		} else {
			a.say("Kept for %s, %s, already", k.Domain, k.Day.String())
		}
	}
}

func (a *app) readReport(path string) (report.Report, error) {
	if path == "-" {
		return report.Read(a.In)
	}
	f, err := os.Open(path)
	if err != nil {
		return report.Report{}, unwrapped(err)
	}
	defer f.Close()
	return report.Read(f)
}

// unwrapped leaves out the path, which the error is told with.
func unwrapped(err error) error {
	if inner, ok := err.(*os.PathError); ok {
		return inner.Err
	}
	return err
}

func content(r report.Report) any {
	switch r.Kind {
	case report.DMARC:
		r.DMARC.Rows = orEmpty(r.DMARC.Rows)
		return r.DMARC
	case report.TLS:
		r.TLS.Policies = orEmpty(r.TLS.Policies)
		return r.TLS
	}
	return r.Feedback
}

func (c *reportRead) tell(a *app, r report.Report) error {
	switch r.Kind {
	case report.DMARC:
		return c.tellDMARC(a, r.DMARC)
	case report.TLS:
		return c.tellTLS(a, r.TLS)
	}
	a.tellFeedback(r.Feedback)
	return nil
}

// instant prints a moment of a report in UTC, by whose days they are made.
func instant(t time.Time) string {
	if t.IsZero() {
		return "?"
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// share words a part of a sum in per cent.
func share(part, all int64) string {
	if all == 0 {
		return "0 %"
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", 100*float64(part)/float64(all)), ".0") + " %"
}

// shown is how many of n rows are printed.
func (c *reportRead) shown(n int) int {
	if c.Rows == 0 {
		return n
	}
	return min(n, c.Rows)
}

// more says that not all rows were printed.
func (c *reportRead) more(a *app, n int) {
	if left := n - c.shown(n); left > 0 {
		a.say("and %d rows more; --rows 0 prints all", left)
	}
}

func (a *app) tellFeedback(r *arf.Report) {
	a.say("%s", a.text(feedbackMeaning(r)))
	h := r.Returned.Header
	recipient := r.Recipient()
	if recipient == "" && len(r.Recipients) > 0 {
		recipient = a.T("%s (made unreadable by the reporter)", strings.Join(r.Recipients, ", "))
	}
	arrival := ""
	if !r.Arrival.IsZero() {
		arrival = instant(r.Arrival)
	}
	source := ""
	if r.Source.IsValid() {
		source = r.Source.String()
	}
	for _, line := range []struct{ name, value string }{
		{a.T("recipient"), recipient},
		{a.T("envelope sender"), r.MailFrom},
		{a.T("From"), message.Decode(h.Get("from"))},
		{a.T("subject"), message.Decode(h.Get("subject"))},
		{a.T("Message-ID"), h.Get("message-id")},
		{a.T("arrived"), arrival},
		{a.T("sent from"), source},
		{a.T("reported domains"), strings.Join(r.Domains, ", ")},
		{a.T("reported addresses"), strings.Join(r.URIs, ", ")},
		{a.T("reported by"), strings.TrimSpace(r.ReportingMTA + " " + r.UserAgent)},
	} {
		if line.value != "" {
			fmt.Fprintf(a.Out, "  %s: %s\n", line.name, printable(line.value))
		}
	}
	if r.Incidents > 1 {
		a.say("  It stands for %d messages that were alike.", r.Incidents)
	}
	if len(h) == 0 {
		a.say("  The message itself was not sent back.")
	}
}

// feedbackMeaning is what a report says, in a sentence.
func feedbackMeaning(r *arf.Report) wording.Text {
	switch r.Type {
	case "abuse":
		return wording.Say("A reader calls the message spam: send nothing more to them.")
	case "fraud":
		return wording.Say("A reader calls the message a fraud: see who sent it.")
	case "virus":
		return wording.Say("The message is said to carry a virus: see who sent it.")
	case "opt-out", "opt-out-list":
		return wording.Say("A reader wants no more of this mail: send nothing more to them.")
	case "not-spam":
		return wording.Say("A reader says that the message is no spam.")
	case "auth-failure":
		kind := "?"
		if r.Failure != nil && r.Failure.Type != "" {
			kind = r.Failure.Type
		}
		return wording.Say("The message failed authentication (%s): find out whether it is yours.", kind)
	}
	return wording.Say("A report of the type %q.", r.Type)
}
