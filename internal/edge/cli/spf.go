package cli

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/budkavle/budkavle/internal/base/config"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/standard/spf"
)

type spfCommand struct {
	Check spfCheck `cmd:"" help:"Say whether an address may send for a domain, and why. Exit status 0 only for pass."`
	Lint  spfLint  `cmd:"" help:"Look for faults in a domain's SPF record and in all it includes. Exit status 1 if mail suffers."`
	Build spfBuild `cmd:"" help:"Give the SPF record for a domain, as the smallest change to the present one. Exit status 1 if it would not work."`
}

// dnsFlag names the server to ask. These commands need no node, and so no configuration.
type dnsFlag struct {
	DNS string `name:"dns" help:"DNS server to ask (default: the system's)." placeholder:"ADDR"`
}

func (f dnsFlag) resolver() (*dns.Client, error) {
	if f.DNS == "" {
		return dns.New(dns.Config{})
	}
	_, perr := netip.ParseAddrPort(f.DNS)
	if _, err := netip.ParseAddr(f.DNS); err != nil && perr != nil {
		return nil, &usageError{wording.Errorf("--dns: %q is not an address such as 192.0.2.53, or with a port 192.0.2.53:5353", f.DNS)}
	}
	return dns.New(dns.Config{Servers: []string{f.DNS}})
}

// nodeDNSFlag is a dnsFlag for commands that look at the configuration, if there is one.
type nodeDNSFlag struct {
	DNS string `name:"dns" help:"DNS server to ask (default: dns.servers, else the system's)." placeholder:"ADDR"`
}

func (f nodeDNSFlag) resolver(c config.Config) (*dns.Client, error) {
	if f.DNS == "" && len(c.DNS.Servers) > 0 {
		return dns.New(dns.Config{Servers: c.DNS.Servers})
	}
	return dnsFlag(f).resolver()
}

type spfCheck struct {
	dnsFlag
	IP     string `name:"ip" help:"Address of the server that sends." required:"" placeholder:"IP"`
	Sender string `help:"Envelope sender, or its domain; <> for none, which needs --helo." required:"" placeholder:"A"`
	Helo   string `help:"Name the server gives with EHLO." placeholder:"H"`
}

func (c *spfCheck) Run(a *app) error {
	ip, err := netip.ParseAddr(c.IP)
	if err != nil {
		return &usageError{wording.Errorf("--ip: %q is not an IP address", c.IP)}
	}
	sender := strings.TrimSuffix(strings.TrimPrefix(c.Sender, "<"), ">")
	if sender == "" && c.Helo == "" {
		return &usageError{wording.Errorf("--sender is empty, so the name given with EHLO is checked; give it with --helo")}
	}
	resolver, err := c.resolver()
	if err != nil {
		return err
	}
	r := spf.Check(a.ctx, resolver, spf.Query{IP: ip, Sender: sender, Helo: c.Helo, Now: time.Now()})
	if a.json {
		r.Steps = orEmpty(r.Steps)
		err = a.printJSON(r)
	} else {
		a.tellCheck(r)
	}
	if err == nil && r.Verdict != spf.Pass {
		err = errFaults
	}
	return err
}

func (a *app) tellCheck(r spf.Result) {
	a.say("SPF result for %s: %s", printable(r.Domain), string(r.Verdict))
	a.say("Reason: %s", a.text(r.Reason))
	if r.Explanation != "" {
		a.say("The domain's owner says: %s", r.Explanation)
	}
	a.say("Look-ups: %d of %d, of them without an answer: %d of %d", r.Lookups, spf.MaxLookups, r.Voids, spf.MaxVoids)
	if len(r.Steps) > 0 {
		a.say("How it came about:")
	}
	for _, s := range r.Steps {
		subject := printable(s.Term)
		if subject == "" {
			subject = printable(s.Domain)
		} else {
			subject = "  " + subject
		}
		fmt.Fprintf(a.Out, "  %s%s: %s\n", strings.Repeat("    ", s.Depth), subject, a.text(s.What))
	}
	if r.Omitted > 0 {
		a.say("  and %d more", r.Omitted)
	}
}

type spfLint struct {
	dnsFlag
	Domain string `arg:"" help:"Domain."`
}

func (c *spfLint) Run(a *app) error {
	resolver, err := c.resolver()
	if err != nil {
		return err
	}
	r := spf.Lint(a.ctx, resolver, c.Domain)
	if a.json {
		r.Findings = orEmpty(r.Findings)
		err = a.printJSON(r)
	} else {
		a.tellLint(r)
	}
	if err == nil && r.Faulty() {
		err = errFaults
	}
	return err
}

func (a *app) tellLint(r spf.Report) {
	a.tellTree(r.Tree, 0)
	a.say("Look-ups: %d of %d, of them without an answer: %d of %d", r.Tree.Lookups, spf.MaxLookups, r.Tree.Voids, spf.MaxVoids)
	if len(r.Findings) == 0 {
		a.say("Nothing is wrong with it.")
	}
	a.tellSPFFindings(r.Findings)
}

func (a *app) tellSPFFindings(list []spf.Finding) {
	for _, f := range list {
		where := printable(f.Domain)
		if f.Term != "" {
			where = a.T("%s, octet %d, %s", where, f.Offset, printable(f.Term))
		}
		fmt.Fprintf(a.Out, "\n%s: %s (%s)\n", a.severity(f.Severity), where, f.Code)
		a.say("  found:    %s", a.text(f.Found))
		a.say("  expected: %s", a.text(f.Expected))
		a.say("  change:   %s", a.text(f.Change))
	}
}

func (a *app) tellTree(n *spf.Node, depth int) {
	name := printable(n.Domain)
	if n.Term != "" {
		name = printable(n.Term)
	}
	fmt.Fprint(a.Out, strings.Repeat("  ", depth))
	switch {
	case n.Repeated:
		a.say("%s (look-ups: %d, shown above)", name, n.Lookups)
	case n.Record == "":
		a.say("%s (no record that counts)", name)
	default:
		a.say("%s (look-ups: %d)", name, n.Lookups)
		fmt.Fprintf(a.Out, "%s  %s\n", strings.Repeat("  ", depth), printable(n.Record))
	}
	for _, below := range n.Below {
		a.tellTree(below, depth+1)
	}
}

// printable keeps what others publish from steering the reader's terminal.
func printable(s string) string {
	var b strings.Builder
	for i, r := range s {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			fmt.Fprintf(&b, `\x%02x`, s[i])
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// text words what an engine says in the reader's language.
func (a *app) text(t wording.Text) string {
	return printable(t.Tell(func(english string) string { return a.T(english) }))
}
