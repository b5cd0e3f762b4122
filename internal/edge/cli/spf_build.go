package cli

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/flow/reports"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/spf"
)

// spfBuild asks the guide's questions as flags. Commas may stand in names and keys hold none, so values are not split.
type spfBuild struct {
	dnsFlag
	Domain      string   `help:"Domain whose record it is." placeholder:"D"`
	Host        []string `help:"Who hosts its mail: a key of --list; may be given several times, as those below." placeholder:"KEY" sep:"none"`
	Newsletter  []string `help:"Who sends its newsletters." placeholder:"KEY" sep:"none"`
	Tickets     []string `help:"Its ticket system." placeholder:"KEY" sep:"none"`
	Shop        []string `help:"Its web shop." placeholder:"KEY" sep:"none"`
	Other       []string `help:"Whatever else sends for it." placeholder:"KEY" sep:"none"`
	Server      []string `help:"Its own server: an address, a network, a host name, or mx for those that take its mail." placeholder:"ADDRESS|HOST" sep:"none"`
	Include     []string `help:"Domain to include of a sender that is not in the list." placeholder:"DOMAIN" sep:"none"`
	Nothing     bool     `help:"The domain sends no mail."`
	All         string   `help:"What becomes of all other mail: soft while senders may be missing, hard when all are named, or neutral (default: as it is now)." placeholder:"soft|hard|neutral"`
	Seen        []string `help:"Address that has sent for the domain, as DMARC reports tell: would it pass?" placeholder:"IP[=NAME]" sep:"none"`
	SeenReports bool     `help:"As --seen, of all that reports in the node's store have seen in 60 days and that are not ours."`
	Fresh       bool     `help:"Write the record anew, without regard to the present one."`
	List        bool     `help:"List the known senders."`
}

func (c *spfBuild) Run(a *app) error {
	if c.List {
		return a.listSenders()
	}
	answers, err := c.answers()
	if err != nil {
		return err
	}
	if c.SeenReports {
		if answers.Seen, err = c.reported(a, answers.Seen); err != nil {
			return err
		}
	}
	resolver, err := c.resolver()
	if err != nil {
		return err
	}
	p, err := spf.Build(a.ctx, resolver, answers)
	if err != nil {
		return &usageError{err}
	}
	if a.json {
		p.Findings, p.Present = orEmpty(p.Findings), orEmpty(p.Present)
		err = a.printJSON(p)
	} else {
		a.tellProposal(p)
	}
	if err == nil && p.Faulty() {
		err = errFaults
	}
	return err
}

func (c *spfBuild) answers() (spf.Answers, error) {
	answers := spf.Answers{Domain: c.Domain, Includes: c.Include, Servers: c.Server, Nothing: c.Nothing, Fresh: c.Fresh}
	if c.Domain == "" {
		return answers, &usageError{wording.Errorf("name the domain with --domain, or see the known senders with --list")}
	}
	for _, keys := range [][]string{c.Host, c.Newsletter, c.Tickets, c.Shop, c.Other} {
		answers.Senders = append(answers.Senders, keys...)
	}
	switch c.All {
	case "":
	case "soft":
		answers.All = spf.SoftFail
	case "hard":
		answers.All = spf.Fail
	case "neutral":
		answers.All = spf.Neutral
	default:
		return answers, &usageError{wording.Errorf("--all: %q is none of soft, hard and neutral", c.All)}
	}
	for _, s := range c.Seen {
		text, name, _ := strings.Cut(s, "=")
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return answers, &usageError{wording.Errorf("--seen: %q is not an IP address", text)}
		}
		answers.Seen = append(answers.Seen, spf.Source{Address: addr, Name: name})
	}
	return answers, nil
}

// reported adds those whom reports have seen.
func (c *spfBuild) reported(a *app, seen []spf.Source) ([]spf.Source, error) {
	err := a.withReports(nodeDNSFlag(c.dnsFlag), c.Domain, func(ctx context.Context, s *reports.Service, d model.Domain) error {
		list, err := s.Sources(ctx, d)
		seen = append(seen, list...)
		return err
	})
	return seen, err
}

func (a *app) tellProposal(p spf.Proposal) {
	for i, text := range p.Present {
		if i == 0 {
			a.say("Present record:")
		}
		fmt.Fprintf(a.Out, "  %s\n", printable(text))
	}
	if p.Record == "" {
		a.say("No record is given until this is mended; to write one anew, use --fresh.")
		a.tellSPFFindings(p.Findings)
		return
	}
	switch {
	case !p.Changed:
		a.say("It says all that was asked for; nothing is to be published.")
	case len(p.Present) > 1:
		a.say("Delete all of them, and publish this one:")
	case len(p.Present) == 1:
		a.say("Publish this one in its place:")
	default:
		a.say("Publish this record:")
	}
	fmt.Fprintf(a.Out, "\n%s\n\n", printable(p.Zone))
	a.say("  name:  %s", printable(p.Domain))
	a.say("  type:  %s", "TXT")
	a.say("  value: %s", printable(p.Record))
	fmt.Fprintln(a.Out)
	a.say("What was done:")
	for _, done := range p.Done {
		fmt.Fprintf(a.Out, "  %s\n", a.text(done))
	}
	a.tellNotes(p.Senders)
	a.say("With all that it includes:")
	a.tellTree(p.Tree, 1)
	a.say("Look-ups: %d of %d, of them without an answer: %d of %d", p.Tree.Lookups, spf.MaxLookups, p.Tree.Voids, spf.MaxVoids)
	if len(p.Findings) == 0 {
		a.say("Nothing is wrong with it.")
	}
	a.tellSPFFindings(p.Findings)
}

// tellNotes says what the customer of a sender should know. The list has it in both languages.
func (a *app) tellNotes(senders []spf.Sender) {
	first := true
	for _, s := range senders {
		note := s.Note
		if a.swedish != nil {
			note = s.NoteSwedish
		}
		if note == "" {
			continue
		}
		if first {
			a.say("About the senders:")
		}
		first = false
		fmt.Fprintf(a.Out, "  %s: %s\n", s.Name, note)
	}
}

func (a *app) listSenders() error {
	t := a.listing("key", "sender", "asked as", "include", "checked")
	for _, s := range spf.Senders() {
		include := strings.Join(s.Include, " ")
		if include == "" {
			include = a.T("none, it has its own return path")
		}
		if err := t.item(s, s.Key, s.Name, "--"+string(s.Category), include, s.Checked); err != nil {
			return err
		}
	}
	return t.end()
}
