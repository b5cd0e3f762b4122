package dmarc

import (
	"net/url"
	"strings"
)

// Want is what a record is to say. Empty values are left out, and so are defaults: what is not written cannot be wrong.
type Want struct {
	Policy      Policy // empty: none
	Subdomains  Policy
	NonExistent Policy
	DKIM, SPF   Mode
	Aggregate   []string // addresses for aggregate reports
	Failure     []string // addresses for failure reports
	Options     []string // fo; of use with Failure only
	Testing     bool     // the policy is not to be applied yet
}

// Build writes a record that readers of RFC 9989 and of RFC 7489 understand alike. p stands right behind the version, where the
// old syntax wants it; np and t are new, and old readers pass them over as unknown tags (RFC 7489 6.3); rf and ri are never
// written, since new readers pass them over and their defaults suffice. What t=y says to new readers, pct=0 says to old
// ones, and each passes the other's tag over. Addresses have no size behind them, and commas and exclamation marks in them
// are percent-encoded, which both want.
func Build(w Want) string {
	if w.Policy == "" {
		w.Policy = None
	}
	tags := []string{"v=" + version, "p=" + string(w.Policy)}
	add := func(name, value, standard string) {
		if value != "" && value != standard {
			tags = append(tags, name+"="+value)
		}
	}
	add("sp", string(w.Subdomains), string(w.Policy))
	inherited := w.Subdomains
	if inherited == "" {
		inherited = w.Policy
	}
	add("np", string(w.NonExistent), string(inherited))
	if w.Testing {
		tags = append(tags, "t=y", "pct=0")
	}
	add("adkim", string(w.DKIM), string(Relaxed))
	add("aspf", string(w.SPF), string(Relaxed))
	add("rua", mailtos(w.Aggregate), "")
	if len(w.Failure) > 0 {
		add("ruf", mailtos(w.Failure), "")
		add("fo", strings.Join(w.Options, ":"), "0")
	}
	return strings.Join(tags, "; ")
}

func mailtos(addresses []string) string {
	list := make([]string, len(addresses))
	encode := strings.NewReplacer(",", "%2C", "!", "%21", ";", "%3B")
	for i, a := range addresses {
		list[i] = "mailto:" + encode.Replace((&url.URL{Path: a}).EscapedPath())
	}
	return strings.Join(list, ",")
}
