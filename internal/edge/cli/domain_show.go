package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/budkavle/budkavle/internal/engine/proof"
	"github.com/budkavle/budkavle/internal/flow/onboard"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dkim"
)

type domainShow struct {
	nodeDNSFlag
	Domain string `arg:"" help:"Domain."`
	Bind   bool   `help:"Only the lines for a BIND zone."`
}

func (c *domainShow) Run(a *app) error {
	return a.withOfficeAsking(c.nodeDNSFlag, func(ctx context.Context, o *office) error {
		d, err := o.onboard.Domain(ctx, c.Domain)
		if err != nil {
			return a.explain(err, "domain %q", c.Domain)
		}
		return a.showDomain(ctx, o, d, c.Bind)
	})
}

// showDomain prints a domain and what to publish: as lines to paste into a BIND zone, then as a table for those who type
// into a provider's form.
func (a *app) showDomain(ctx context.Context, o *office, d model.Domain, bindOnly bool) error {
	sheet, err := o.onboard.Sheet(ctx, d)
	if err != nil {
		return err
	}
	if a.json {
		sheet.Records = orEmpty(sheet.Records)
		return a.printJSON(sheet)
	}
	if bindOnly {
		a.bindLines(&sheet)
		return nil
	}
	d = sheet.Domain
	a.say("Domain %s of account %s: %s, since %s", d.Name, o.accountName(ctx, d.Account), a.T(string(d.State)), when(d.ChangedAt))
	if d.Reason != "" {
		a.say("Reason: %s", a.T(d.Reason))
	}
	if len(d.Lacks) > 0 {
		a.say("It lacks: %s", a.lacks(d.Lacks))
	}
	if d.Waiver != "" {
		a.say("May send by the operator's word: %s", d.Waiver)
	}
	if d.Open {
		a.say("Other accounts may add its subdomains.")
	}
	fmt.Fprintln(a.Out)
	a.say("Publish these records. Lines for a BIND zone, to be pasted as they are:")
	fmt.Fprintln(a.Out)
	a.bindLines(&sheet)
	a.say("The same for a form on the web. Write names and values as they stand; if the form adds the domain itself, leave it out of the name:")
	fmt.Fprintln(a.Out)
	if err := a.recordTable(&sheet); err != nil {
		return err
	}
	fmt.Fprintln(a.Out)
	a.say("When they are published: budkavle domain verify %s", d.Name)
	return nil
}

// bindLines prints the records with a word on each.
func (a *app) bindLines(sheet *onboard.Sheet) {
	a.remark("A name that ends in a dot is complete. Without the dot BIND puts the zone's own name behind it, and the record is at a name where nobody looks: keep every dot.")
	if sheet.Unread {
		a.remark("DNS did not tell which SPF and DMARC records the domain has now. If it has any, do not add those shown here beside them: ask again later.")
	}
	if sheet.NeedsSPF {
		a.remark("The SPF record that the domain has now cannot be read, so no change to it can be shown. Mend it first: budkavle spf lint %s", sheet.Domain.Name)
	}
	for _, r := range sheet.Records {
		fmt.Fprintln(a.Out, ";")
		a.remark("%s: %s", a.subject(r.Subject), a.purpose(&r))
		a.remark("At the last look: %s", a.lookedUp(r.State))
		fmt.Fprintln(a.Out, r.Zone())
		if r.Subject == proof.SubjectReturnPath && len(sheet.Otherwise) > 0 {
			a.remark("An alias stands alone. Where other records are at the name, publish these instead:")
			for _, other := range sheet.Otherwise {
				fmt.Fprintln(a.Out, "; "+onboard.Record{Record: other}.Zone())
			}
		}
	}
	for _, r := range sheet.Removable {
		fmt.Fprintln(a.Out, ";")
		a.remark("May be removed, no mail is signed with it any more: %s %s", r.Name, r.Type)
	}
	fmt.Fprintln(a.Out)
}

// remark prints a comment of a zone file. What is set into it comes from DNS or a person: it must not end the line.
func (a *app) remark(english string, args ...any) {
	_, _ = io.WriteString(a.Out, "; "+printable(a.T(english, args...))+"\n")
}

func (a *app) recordTable(sheet *onboard.Sheet) error {
	t := a.newTable("name", "type", "at the last look", "value")
	for _, r := range sheet.Records {
		t.row(r.Name, r.Type, a.lookedUp(r.State), r.Value)
	}
	return t.flush()
}

func (a *app) lookedUp(s proof.State) string {
	if s == "" {
		return a.T("not looked up yet")
	}
	return a.proofState(s)
}

// purpose explains a record to somebody who has never seen DNS.
func (a *app) purpose(r *onboard.Record) string {
	switch r.Subject {
	case proof.SubjectOwnership:
		return a.T("shows that the domain is yours, since nobody else can write into its DNS.")
	case proof.SubjectReturnPath:
		return a.T("failure reports come back by this name. It also makes SPF count for your own domain.")
	case proof.SubjectSPF:
		return a.T("lists who may send for the domain. There may be only one such record: put this in the place of the one you have.")
	case proof.SubjectDMARC:
		return a.T("tells receivers what to do with mail that proves neither SPF nor DKIM, and where to report. p=none changes nothing yet.")
	}
	return a.keyPurpose(r)
}

func (a *app) keyPurpose(r *onboard.Record) string {
	switch {
	case r.Key == "" && r.Type == "CNAME":
		return a.T("the place of the next key. Published once, it spares you the work when keys are changed.")
	case r.Key == model.KeyComing:
		return a.T("the next key. Mail is signed with it as soon as all your name servers have it.")
	case r.Key == model.KeyRetired:
		return a.T("the key before. Leave it: mail on its way is signed with it.")
	case r.Type == "CNAME":
		return a.T("points to the key that the operator keeps. Receivers check with it that mail is from you and unchanged.")
	case r.Optional:
		return a.T("a second key of a newer kind (%s), for receivers that know it. May be left out.", dkim.Ed25519)
	}
	return a.T("the key with which receivers check that mail is from you and unchanged. The parts in quotes count as one text.")
}
