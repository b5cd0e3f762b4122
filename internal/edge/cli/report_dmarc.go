package cli

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/budkavle/budkavle/internal/standard/dmarc"
)

// maxNamed is how many sources are named below a table.
const maxNamed = 10

// dmarcSource is all mail of one address that fared alike.
type dmarcSource struct {
	addr        netip.Addr
	spf, dkim   bool
	disposition string
	count       int64
}

func (c *reportRead) tellDMARC(a *app, r *dmarc.Aggregate) error {
	a.say("%s reports about mail From %s, %s to %s (report %s)",
		printable(r.Organisation), printable(r.Published.Domain), instant(r.Begin), instant(r.End), printable(r.ID))
	a.say("Record that it saw: %s", printable(published(r.Published)))
	for _, e := range r.Errors {
		a.say("It could not do everything: %s", printable(e))
	}
	fmt.Fprintln(a.Out)
	sources := bySource(r.Rows)
	t := a.newTable("source", "count", "SPF aligned", "DKIM aligned", "disposition")
	for _, s := range sources[:c.shown(len(sources))] {
		t.row(address(s.addr), strconv.FormatInt(s.count, 10), a.yesNo(s.spf), a.yesNo(s.dkim), orDash(printable(s.disposition)))
	}
	if err := t.flush(); err != nil {
		return err
	}
	c.more(a, len(sources))
	all, pass := r.Messages()
	a.say("Messages: %d, of them pass DMARC: %d (%s)", all, pass, share(pass, all-r.Omitted.Messages))
	if r.Omitted.Rows > 0 {
		a.say("The report is too long to be kept whole: of %d rows with %d messages only these sums are known.", r.Omitted.Rows, r.Omitted.Messages)
	}
	fmt.Fprintln(a.Out)
	a.tellMeaning(r, sources)
	return nil
}

// published writes a record as the receiver understood it.
func published(p dmarc.Published) string {
	testing := ""
	if p.Testing {
		testing = "y"
	}
	var tags []string
	for _, t := range [][2]string{
		{"p", string(p.Policy)},
		{"sp", string(p.Subdomains)},
		{"np", string(p.NonExistent)},
		{"t", testing},
		{"adkim", string(p.DKIM)},
		{"aspf", string(p.SPF)},
		{"fo", p.Options},
		{"pct", p.Percent},
	} {
		if t[1] != "" {
			tags = append(tags, t[0]+"="+t[1])
		}
	}
	return strings.Join(tags, "; ")
}

func address(addr netip.Addr) string {
	if !addr.IsValid() {
		return "?"
	}
	return addr.String()
}

// bySource joins rows that show alike, the largest first.
func bySource(rows []dmarc.Row) []dmarcSource {
	sums := map[dmarcSource]int64{} // no more than rows, which are bounded
	for _, r := range rows {
		sums[dmarcSource{r.Source, r.SPF == dmarc.Pass, r.DKIM == dmarc.Pass, r.Disposition, 0}] += r.Count
	}
	list := make([]dmarcSource, 0, len(sums))
	for s, n := range sums {
		s.count = n
		list = append(list, s)
	}
	slices.SortFunc(list, func(x, y dmarcSource) int {
		return cmp.Or(cmp.Compare(y.count, x.count), x.addr.Compare(y.addr), strings.Compare(x.disposition, y.disposition), strings.Compare(fmt.Sprint(x), fmt.Sprint(y)))
	})
	return list
}

// tellMeaning says what the owner of the domain makes of it.
func (a *app) tellMeaning(r *dmarc.Aggregate, sources []dmarcSource) {
	domain := printable(r.Published.Domain)
	var failing, refused, suspected int64
	addrs := map[netip.Addr]int64{}
	for _, s := range sources {
		if s.spf || s.dkim {
			continue
		}
		failing += s.count
		addrs[s.addr] += s.count
		switch s.disposition {
		case string(dmarc.Reject):
			refused += s.count
		case string(dmarc.Quarantine):
			suspected += s.count
		}
	}
	if failing == 0 {
		a.say("Whoever sends as %s there is set up right: all its mail passes.", domain)
		return
	}
	a.say("Messages that fail: %d, sent by addresses: %d. They are neither signed by %s nor sent by its servers.", failing, len(addrs), domain)
	a.say("What became of them: %d refused, %d put with the spam, %d treated as any mail", refused, suspected, failing-refused-suspected)
	a.say("Those that are yours need DKIM of %s, or a place in its SPF record; the others are forwarded mail or forgeries:", domain)
	order := make([]netip.Addr, 0, len(addrs))
	for addr := range addrs {
		order = append(order, addr)
	}
	slices.SortFunc(order, func(x, y netip.Addr) int { return cmp.Or(cmp.Compare(addrs[y], addrs[x]), x.Compare(y)) })
	for _, addr := range order[:min(len(order), maxNamed)] {
		if as := provenAs(r.Rows, addr); as != "" {
			a.say("  %s (%d): it proves to be %s", address(addr), addrs[addr], printable(as))
		} else {
			a.say("  %s (%d): it proves to be nobody", address(addr), addrs[addr])
		}
	}
	if left := len(order) - maxNamed; left > 0 {
		a.say("  and %d more", left)
	}
}

// provenAs lists the domains, at most three, whose SPF or DKIM a failing source passes: it is theirs, or forwards for them.
func provenAs(rows []dmarc.Row, addr netip.Addr) string {
	var list []string
	add := func(domain, result string) {
		if result == dmarc.Pass && domain != "" && !slices.Contains(list, domain) && len(list) < 3 {
			list = append(list, domain)
		}
	}
	for _, r := range rows {
		if r.Source != addr || r.Passes() {
			continue
		}
		for _, s := range r.Signatures {
			add(s.Domain, s.Result)
		}
		for _, s := range r.Senders {
			add(s.Domain, s.Result)
		}
	}
	return strings.Join(list, ", ")
}
