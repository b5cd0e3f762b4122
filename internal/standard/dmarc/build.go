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

// Change writes a record anew with another policy and with mailbox among those for aggregate reports; what else its owner wrote
// stays, but for what tests the policy (t, pct), which ends with a change. mailbox may be empty.
func Change(r *Record, p Policy, mailbox string) string {
	w := Want{Policy: p, Subdomains: r.Subdomains, NonExistent: r.NonExistent, DKIM: r.DKIM, SPF: r.SPF}
	return finish(r, w, mailbox)
}

// Protect is Change with the policy as it is and np=reject: mail From names that do not exist is nobody's.
func Protect(r *Record, mailbox string) string {
	w := Want{Policy: r.Policy, Subdomains: r.Subdomains, NonExistent: Reject, DKIM: r.DKIM, SPF: r.SPF, Testing: r.Testing}
	return finish(r, w, mailbox)
}

// finish builds a record with the addresses of r, of any scheme, and behind them the tags that this program does not know.
func finish(r *Record, w Want, mailbox string) string {
	tags := []string{Build(w)}
	rua, has := texts(r.Aggregate), false
	for _, u := range r.Aggregate {
		has = has || strings.EqualFold(u.Address, mailbox)
	}
	if mailbox != "" && !has {
		rua = append(rua, mailtos([]string{mailbox}))
	}
	if len(rua) > 0 {
		tags = append(tags, "rua="+strings.Join(rua, ","))
	}
	if ruf := texts(r.Failure); len(ruf) > 0 {
		tags = append(tags, "ruf="+strings.Join(ruf, ","))
	}
	for _, t := range r.Tags {
		switch t.Name {
		case "v", "p", "sp", "np", "t", "pct", "adkim", "aspf", "rua", "ruf", "rf", "ri":
		default: // fo, psd, and what is not known
			tags = append(tags, t.Name+"="+t.Value)
		}
	}
	return strings.Join(tags, "; ")
}

func texts(list []URI) []string {
	texts := make([]string, len(list))
	for i, u := range list {
		texts[i] = u.Text
	}
	return texts
}

func mailtos(addresses []string) string {
	list := make([]string, len(addresses))
	encode := strings.NewReplacer(",", "%2C", "!", "%21", ";", "%3B")
	for i, a := range addresses {
		list[i] = "mailto:" + encode.Replace((&url.URL{Path: a}).EscapedPath())
	}
	return strings.Join(list, ",")
}
