package reports

import (
	"fmt"
	"strings"

	"github.com/budkavle/budkavle/internal/engine/stage"
)

// maxListed is how many sources a letter names.
const maxListed = 10

// letter words a proposal. Swedish stands first: the operators are Swedish; who does not read it finds English below.
func letter(t *Standing) (subject, text string) {
	v := &t.Verdict
	sv, en := "kan skydda sin e-post bättre (DMARC)", "can protect its mail better (DMARC)"
	svWhy := fmt.Sprintf("På %d dagar med rapporter från mottagare har %s %% av domänens egen e-post passerat, och vi\nhar sänt på %d av dem. DMARC-policyn kan därför skärpas från %s till %s.",
		v.ReportDays, stage.Percent(v.Share).Tell(comma), v.SentDays, v.Policy, v.Next)
	enWhy := fmt.Sprintf("On %d days with reports of receivers %s %% of the domain's own mail passed, and we sent\non %d of them. The DMARC policy can therefore go from %s to %s.",
		v.ReportDays, stage.Percent(v.Share), v.SentDays, v.Policy, v.Next)
	if v.Move == stage.Back {
		sv, en = "får sin egen e-post avvisad (DMARC)", "has its own mail fail (DMARC)"
		svWhy = fmt.Sprintf("De senaste dagarna har mycket av domänens egen e-post inte passerat hos mottagare. Så länge policyn\när %s når den inte fram. Gå tillbaka till %s tills felet är funnet.", v.Policy, v.Next)
		enWhy = fmt.Sprintf("In the last days much of the domain's own mail failed at receivers. While the policy is %s\nit does not arrive. Go back to %s until the fault is found.", v.Policy, v.Next)
	}
	list := failed(v.Would)
	return t.Domain + " " + sv + " / " + en, svWhy + "\n\nÄndra DMARC-posten till:\n  " + t.Zone + "\n\nDetta passerade inte (antal brev, adress):\n" + list +
		"\nMer visar:\n  budkavle domain dmarc " + t.Domain + "\n  budkavle domain reports " + t.Domain +
		"\n\n--\n\n" + enWhy + "\n\nChange the DMARC record to:\n  " + t.Zone + "\n\nThis failed (messages, address):\n" + list +
		"\nMore is shown by:\n  budkavle domain dmarc " + t.Domain + "\n  budkavle domain reports " + t.Domain + "\n"
}

// comma is Percent with a decimal comma.
func comma(pattern string) string { return strings.ReplaceAll(pattern, ".", ",") }

func failed(list []stage.Source) string {
	var b strings.Builder
	for _, s := range list[:min(len(list), maxListed)] {
		addr := "…"
		if s.Source.IsValid() {
			addr = s.Source.String()
		}
		fmt.Fprintf(&b, "  %6d  %s\n", s.Count, strings.TrimSpace(addr+" "+s.Name))
	}
	if len(list) == 0 {
		return "  -\n"
	}
	return b.String()
}
