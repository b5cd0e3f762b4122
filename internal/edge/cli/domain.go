package cli

import (
	"context"
	"strings"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/engine/proof"
	"github.com/budkavle/budkavle/internal/flow/onboard"
	"github.com/budkavle/budkavle/internal/model"
)

type domainCommand struct {
	Add     domainAdd     `cmd:"" help:"Add a sender domain and make its DKIM keys."`
	List    domainList    `cmd:"" help:"List sender domains."`
	Check   domainCheck   `cmd:"" help:"Check what DNS says of any domain, its mail servers, and what large providers demand; needs no node. Exit status 1 if mail suffers."`
	Show    domainShow    `cmd:"" help:"Show a sender domain and the DNS records to publish."`
	Verify  domainVerify  `cmd:"" help:"Look up now what a sender domain has published, and let it send if all is there. Exit status 1 if it is not live."`
	Reports domainReports `cmd:"" help:"Show what receivers report about a sender domain: who sends as it, what passes, what fails and why."`
	DMARC   domainDMARC   `cmd:"" name:"dmarc" help:"Show the DMARC record of a sender domain, what its tags mean, and when the next stage is due."`
	Change  domainChange  `cmd:"" help:"Change how a sender domain is set up, whether others may add its subdomains, or the operator's waiver."`
	Rotate  domainRotate  `cmd:"" help:"Make new DKIM keys for a sender domain; they sign when DNS shows them everywhere."`
	Zone    domainZone    `cmd:"" help:"Print the operator's own DNS records as lines of a BIND zone: addresses, bounce domain, customers' keys."`
	Remove  domainRemove  `cmd:"" help:"Remove a sender domain, its keys and its SMTP users."`
}

type domainAdd struct {
	nodeDNSFlag
	Domain         string `arg:"" help:"Domain, such as school.example."`
	Account        string `help:"Account that sends from it." required:""`
	Setup          string `help:"How our DKIM keys are published: txt, or cname, which points to the operator's zone once and for all." enum:"txt,cname" default:"txt"`
	OpenSubdomains bool   `help:"Other accounts may add its subdomains."`
	Waive          string `help:"The operator's reason to let it send before DNS is proved; recorded." placeholder:"REASON"`
}

func (c *domainAdd) Run(a *app) error {
	return a.withOfficeAsking(c.nodeDNSFlag, func(ctx context.Context, o *office) error {
		d, err := o.onboard.AddDomain(ctx, c.Account, c.Domain, c.Waive, onboard.WithSetup(model.Setup(c.Setup)), onboard.WithOpenSubdomains(c.OpenSubdomains))
		if err != nil {
			return a.explain(err, "domain %q for account %q", c.Domain, c.Account)
		}
		if !a.json {
			a.say("Domain %s added: %s", d.Name, a.T(string(d.State)))
		}
		return a.showDomain(ctx, o, d, false)
	})
}

type domainList struct {
	Account string `help:"Only this account."`
}

func (c *domainList) Run(a *app) error {
	return a.withOffice(func(ctx context.Context, o *office) error {
		id, err := a.accountID(ctx, o, c.Account)
		if err != nil {
			return err
		}
		t := a.listing("domain", "account", "state", "added", "lacks", "waiver")
		for after := ""; ; {
			page, err := o.store.ListDomains(ctx, id, after, pageSize)
			if err != nil {
				return err
			}
			for _, d := range page {
				err := t.item(d, d.Name, o.accountName(ctx, d.Account), a.T(string(d.State)), when(d.CreatedAt), orDash(a.lacks(d.Lacks)), orDash(d.Waiver))
				if err != nil {
					return err
				}
				after = d.Name
			}
			if len(page) < pageSize {
				return t.end()
			}
		}
	})
}

// lacks names in words what keeps a domain shut.
func (a *app) lacks(subjects []string) string {
	words := make([]string, len(subjects))
	for i, s := range subjects {
		words[i] = a.subject(s)
	}
	return strings.Join(words, ", ")
}

// subject is what a record is for, in a word.
func (a *app) subject(s string) string {
	switch s {
	case proof.SubjectOwnership:
		return a.T("proof of ownership")
	case proof.SubjectReturnPath:
		return a.T("return path")
	case proof.SubjectSPF, proof.SubjectDKIM, proof.SubjectDMARC, proof.SubjectMX:
		return strings.ToUpper(s)
	}
	return s
}

type domainChange struct {
	Domain         string  `arg:"" help:"Domain."`
	Setup          string  `help:"How our DKIM keys are published: txt, or cname, which points to the operator's zone once and for all." placeholder:"SETUP"`
	OpenSubdomains *bool   `help:"Other accounts may add its subdomains, or with --no-open-subdomains no more." negatable:""`
	Waive          *string `help:"The operator's reason to let it send before DNS is proved; recorded. Empty: the waiver is taken back." placeholder:"REASON"`
}

func (c *domainChange) Run(a *app) error {
	if c.Setup == "" && c.OpenSubdomains == nil && c.Waive == nil {
		return &usageError{wording.Errorf("nothing to change: give --setup, --open-subdomains or --waive")}
	}
	return a.withOffice(func(ctx context.Context, o *office) error {
		var d model.Domain
		var err error
		if c.OpenSubdomains != nil {
			d, err = o.onboard.Open(ctx, c.Domain, *c.OpenSubdomains)
		}
		if err == nil && c.Waive != nil {
			d, err = o.onboard.Waive(ctx, c.Domain, *c.Waive)
		}
		if err == nil && c.Setup != "" {
			d, err = o.onboard.SetUp(ctx, c.Domain, model.Setup(c.Setup))
		}
		if err != nil {
			return a.explain(err, "domain %q", c.Domain)
		}
		return a.done(d, "Domain %s changed. What to publish now: budkavle domain show %s", d.Name, d.Name)
	})
}

type domainRotate struct {
	Domain string `arg:"" help:"Domain."`
}

func (c *domainRotate) Run(a *app) error {
	return a.withOffice(func(ctx context.Context, o *office) error {
		d, err := o.onboard.Rotate(ctx, c.Domain)
		if err != nil {
			return a.explain(err, "domain %q", c.Domain)
		}
		if a.json {
			return a.printJSON(d)
		}
		if d.Setup == model.SetupCNAME {
			a.say("New keys are made. Publish them in the operator's zone: budkavle domain zone")
		} else {
			a.say("New keys are made. The domain's owner publishes them: budkavle domain show %s", d.Name)
		}
		a.say("The old keys sign until the new ones are in DNS everywhere, and stay published until no mail can need them.")
		return nil
	})
}

type domainRemove struct {
	Domain string `arg:"" help:"Domain."`
}

func (c *domainRemove) Run(a *app) error {
	return a.withOffice(func(ctx context.Context, o *office) error {
		if err := o.onboard.RemoveDomain(ctx, c.Domain); err != nil {
			return a.explain(err, "domain %q", c.Domain)
		}
		return a.done(map[string]string{"removed": c.Domain}, "Domain %s removed. Its messages and events stay until they expire.", c.Domain)
	})
}
