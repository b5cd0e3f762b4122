package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/standard/tlsrpt"
)

func (c *reportRead) tellTLS(a *app, r *tlsrpt.Report) error {
	a.say("%s reports about TLS on the way to %s, %s to %s (report %s)",
		printable(r.Organisation), orDash(printable(r.Domain())), instant(r.Range.Start), instant(r.Range.End), printable(r.ID))
	fmt.Fprintln(a.Out)
	t := a.newTable("domain", "policy", "sessions in order", "failed")
	for _, p := range r.Policies[:c.shown(len(r.Policies))] {
		t.row(orDash(printable(p.Policy.Domain)), orDash(printable(p.Policy.Type)), strconv.FormatInt(p.Summary.Successful, 10), strconv.FormatInt(p.Summary.Failed, 10))
	}
	if err := t.flush(); err != nil {
		return err
	}
	c.more(a, len(r.Policies))
	if err := c.tellFailures(a, r); err != nil {
		return err
	}
	fmt.Fprintln(a.Out)
	if n := r.OmittedPolicies + r.OmittedFailures; n > 0 {
		a.say("The report is too long to be kept whole: %d policies and failures are left out.", n)
	}
	good, failed := r.Sessions()
	if failed == 0 {
		a.say("All %d sessions were in order.", good)
		return nil
	}
	a.say("%d of %d sessions failed (%s): that mail came late, went without TLS, or did not come at all.", failed, good+failed, share(failed, good+failed))
	return nil
}

// tellFailures prints what failed, the most frequent first.
func (c *reportRead) tellFailures(a *app, r *tlsrpt.Report) error {
	var all []tlsrpt.Failure
	for _, p := range r.Policies {
		all = append(all, p.Failures...)
	}
	if len(all) == 0 {
		return nil
	}
	slices.SortStableFunc(all, func(x, y tlsrpt.Failure) int { return cmp.Compare(y.Sessions, x.Sessions) })
	fmt.Fprintln(a.Out)
	t := a.newTable("failed", "server", "sender", "what failed")
	for _, f := range all[:c.shown(len(all))] {
		server := cmp.Or(f.ReceivingMX, f.ReceivingHelo, f.ReceivingIP)
		what := a.text(failureMeaning(f.Type))
		if f.Reason != "" {
			what += " (" + printable(f.Reason) + ")"
		}
		t.row(strconv.FormatInt(f.Sessions, 10), orDash(printable(server)), orDash(printable(f.SendingIP)), what)
	}
	if err := t.flush(); err != nil {
		return err
	}
	c.more(a, len(all))
	return nil
}

// failureMeaning words the result types of RFC 8460 4.3.
func failureMeaning(kind string) wording.Text {
	switch kind {
	case "starttls-not-supported":
		return wording.Say("the server offers no STARTTLS")
	case "certificate-host-mismatch":
		return wording.Say("the certificate is for another name")
	case "certificate-expired":
		return wording.Say("the certificate has expired")
	case "certificate-not-trusted":
		return wording.Say("the certificate is not from an authority that senders trust")
	case "validation-failure":
		return wording.Say("the certificate or handshake failed for another reason")
	case "tlsa-invalid":
		return wording.Say("no TLSA record matches the certificate")
	case "dnssec-invalid":
		return wording.Say("DNSSEC of the server's name is broken")
	case "dane-required":
		return wording.Say("the sender wants DANE, and the server has none")
	case "sts-policy-fetch-error":
		return wording.Say("the MTA-STS policy could not be fetched")
	case "sts-policy-invalid":
		return wording.Say("the MTA-STS policy cannot be read")
	case "sts-webpki-invalid":
		return wording.Say("the certificate of the MTA-STS policy's server is wrong")
	}
	return wording.Say("%s", kind)
}
