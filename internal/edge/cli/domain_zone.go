package cli

import (
	"bufio"
	"context"
	"fmt"

	"github.com/budkavle/budkavle/internal/engine/proof"
	"github.com/budkavle/budkavle/internal/flow/onboard"
)

type domainZone struct{}

// Run prints record by record: there may be tens of thousands.
func (c *domainZone) Run(a *app) error {
	return a.withOffice(func(ctx context.Context, o *office) error {
		addresses, err := o.onboard.Addresses(ctx)
		if err != nil {
			return err
		}
		out := bufio.NewWriter(a.Out)
		a.Out = out
		if !a.json {
			a.remark("DNS records of the operator, to be pasted as they are into the zones they belong to, and again after keys were changed.")
			if len(addresses) == 0 {
				a.remark("No addresses are listed: add them with: budkavle ip add ADDRESS")
			}
			if o.onboard.KeyZone == "" {
				a.remark("Keys of customers are not among them: domains.key_zone names no zone, so each publishes its own.")
			}
		}
		err = o.onboard.OperatorZone(ctx, o.config.Node.Hostname, func(r onboard.Record) error {
			if a.json {
				return a.printJSON(r)
			}
			if text := a.operatorPurpose(&r); text != "" {
				fmt.Fprintln(out, ";")
				a.remark("%s", text)
			}
			_, err := fmt.Fprintln(out, r.Zone())
			return err
		})
		if err != nil {
			return err
		}
		return out.Flush()
	})
}

// operatorPurpose explains a record; of the many keys, which follow one another, none.
func (a *app) operatorPurpose(r *onboard.Record) string {
	switch {
	case r.Subject == proof.SubjectSPF:
		return a.T("The addresses we send from. The SPF records of customers include this name, so change addresses here and nowhere else.")
	case r.Subject == proof.SubjectReturnPath && r.Type == "MX":
		return a.T("Failure reports come back to this node.")
	case r.Subject == proof.SubjectReturnPath:
		return a.T("The bounce domain is the envelope sender's: it lists who may send.")
	case r.Subject == proof.SubjectDMARC:
		return a.T("Agrees to take the DMARC reports of customers' domains; without it they are not sent.")
	}
	return ""
}
