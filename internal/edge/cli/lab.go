package cli

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/lab"
)

type labCommand struct {
	DNS  string `name:"dns" help:"Loopback address and port of the DNS server." default:"127.0.0.1:5353" placeholder:"ADDR"`
	SMTP string `name:"smtp" help:"Its port is the one that every receiving server listens on." default:"127.0.1.1:2526" placeholder:"ADDR"`
	Zone string `help:"Zone file with providers and domains (default: the built-in one)." placeholder:"FILE"`
}

// labStopTime is how long the lab may take to cut its sessions.
const labStopTime = 10 * time.Second

func (c *labCommand) Run(a *app) error {
	port, err := loopbackPort(c.SMTP)
	if err != nil {
		return &usageError{wording.Errorf("--smtp: %w", err)}
	}
	if _, err := loopbackPort(c.DNS); err != nil {
		return &usageError{wording.Errorf("--dns: %w", err)}
	}
	zone := lab.BuiltinZone()
	var file *zoneFile
	if c.Zone != "" {
		file = &zoneFile{path: c.Zone, clock: clock.System{}, told: a.tellZone, wrong: a.complain}
		if err := file.read(); err != nil {
			return err
		}
		zone = file.zone
	}
	l, err := lab.Start(a.ctx, lab.Config{Zone: zone, DNS: c.DNS, Port: port})
	if err != nil {
		return err
	}
	if !a.json {
		a.tellLab(l, zone, file != nil)
	}
	if file != nil {
		hup := make(chan os.Signal, 1)
		signal.Notify(hup, syscall.SIGHUP)
		defer signal.Stop(hup)
		file.take, file.now = l.Replace, hup
		file.watch(a.ctx)
	}
	<-a.ctx.Done()
	ctx, cancel := context.WithTimeout(context.Background(), labStopTime)
	defer cancel()
	err = l.Stop(ctx)
	if perr := a.printTally(l.Report()); err == nil {
		err = perr
	}
	return err
}

// loopbackPort reads ADDRESS:PORT and gives the port.
func loopbackPort(text string) (uint16, error) {
	host, port, err := net.SplitHostPort(text)
	n, perr := strconv.ParseUint(port, 10, 16)
	addr, aerr := netip.ParseAddr(host)
	switch {
	case err != nil || perr != nil || aerr != nil:
		return 0, wording.Errorf("%q is not ADDRESS:PORT, such as 127.0.0.1:5353", text)
	case !addr.IsLoopback():
		return 0, wording.Errorf("%s is not loopback (127.0.0.0/8 or ::1), and the lab is never for others", text)
	}
	return uint16(n), nil
}

// tellLab says where the lab listens, and how a node is made to send to it.
func (a *app) tellLab(l *lab.Lab, z *lab.Zone, zoneFile bool) {
	servers := l.Servers()
	a.say("DNS on %s, %d mail servers on port %d:", l.DNSAddr(), len(servers), l.Port())
	for _, addr := range slices.SortedFunc(maps.Keys(servers), byAddress) {
		host, _, _ := net.SplitHostPort(addr)
		fmt.Fprintf(a.Out, "  %-12s %s\n", host, servers[addr])
	}
	var domains []string
	for _, p := range z.Providers {
		domains = append(domains, p.Domains...)
	}
	a.say("Domains: %s", strings.Join(domains, " "))
	a.say("A node sends here with: BUDKAVLE_DNS_SERVERS=%s BUDKAVLE_DELIVERY_PORT=%d budkavle serve", l.DNSAddr(), l.Port())
	if anchor := l.TrustAnchor(); anchor != "" {
		a.say("DNSSEC trust anchor: %s", anchor)
	}
	if zoneFile {
		a.say("Records that change in the zone file are taken at once.")
	}
	a.say("Stop with Ctrl-C to see what was received.")
}

// tellZone says what became of a changed zone file, beside the output.
func (a *app) tellZone(records bool) {
	text := a.T("zone file: its records are published now")
	if !records {
		text = a.T("zone file: more than its records changed; that takes a new start of the lab")
	}
	fmt.Fprintln(a.Err, text)
}

func byAddress(a, b string) int {
	x, _ := netip.ParseAddrPort(a)
	y, _ := netip.ParseAddrPort(b)
	return x.Compare(y)
}

// printTally shows what the lab received.
func (a *app) printTally(r lab.Report) error {
	if a.json {
		return a.printJSON(r)
	}
	g := grid{head: []string{
		a.T("provider"), a.T("sessions"), "421", a.T("messages"), "TLS", a.T("recipients"), a.T("doubled"), a.T("deferred"), a.T("refused"),
		a.T("cut off"), a.T("returned"), a.T("good"), a.T("bad"), a.T("none"),
		a.T("good"), a.T("other"), a.T("good"), a.T("bad"), a.T("none"),
	}, groups: []group{{"DKIM", 11, 13}, {"SPF", 14, 15}, {"DMARC", 16, 18}}}
	for _, c := range r.Providers {
		g.rows = append(g.rows, tallyRow(c.Provider, c))
	}
	g.foot = tallyRow(a.T("all"), r.Total())
	g.print(a.Out, newTerminal(a.Out, a.environ).strong)
	for _, list := range []struct {
		title string
		cases []lab.Delivery
	}{
		{a.T("Received more than once:"), r.Doubled},
		{a.T("Signatures that are missing or bad:"), r.Unsigned},
		{a.T("SPF or DMARC that does not pass:"), r.Failed},
		{a.T("Sent to the wrong server:"), r.Strays},
	} {
		for i, d := range list.cases {
			if i == 0 {
				fmt.Fprintln(a.Out, list.title)
			}
			fmt.Fprintf(a.Out, "  %s %s %s\n", d.Recipient, d.MessageID, d.Why)
		}
	}
	if r.Untracked > 0 {
		a.say("%d more recipients than the lab can remember; doubled ones among them are not seen", r.Untracked)
	}
	return nil
}

func tallyRow(name string, c lab.Count) []string {
	cells := []string{name}
	for _, n := range []int{
		c.Connections, c.Refused, c.Messages, c.Encrypted, c.Received, c.Doubled, c.Deferred, c.Rejected, c.Dropped, c.Returned, c.DKIMPass, c.DKIMFail, c.DKIMNone,
		c.SPFPass, c.SPFOther, c.DMARCPass, c.DMARCFail, c.DMARCNone,
	} {
		cells = append(cells, number(n))
	}
	return cells
}
