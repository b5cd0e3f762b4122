package proof

import (
	"slices"

	"github.com/budkavle/budkavle/internal/base/finding"
	"github.com/budkavle/budkavle/internal/base/wording"
)

// Verdict says whether a requirement is met.
type Verdict string

// Verdicts.
const (
	Met         Verdict = "met"
	NotMet      Verdict = "not met"
	CannotKnow  Verdict = "cannot be known here"
	NotDemanded Verdict = "not demanded"
)

// Requirement is one thing a mailbox provider demands of senders, and how the domain stands.
type Requirement struct {
	Provider string       `json:"provider"` // Gmail, Yahoo, Microsoft, Apple
	What     wording.Text `json:"what"`
	Small    Verdict      `json:"small"` // for senders of up to 5,000 a day
	Bulk     Verdict      `json:"bulk"`  // and above
	Why      wording.Text `json:"why"`
	Source   string       `json:"source"` // where the provider says so
	Dated    string       `json:"dated"`  // the source's date, 2026-03-21
}

// demand is what is asked for, whoever asks.
type demand string

const (
	demandEither    demand = "SPF or DKIM"
	demandBoth      demand = "SPF and DKIM"
	demandDMARC     demand = "DMARC"
	demandAligned   demand = "alignment"
	demandPTR       demand = "PTR"
	demandTLS       demand = "TLS"
	demandForm      demand = "form"
	demandOneClick  demand = "one-click"
	demandLink      demand = "link"
	demandSpam      demand = "spam rate"
	demandResolves  demand = "resolves"
	demandReplies   demand = "replies"
	demandConsent   demand = "consent"
	demandListening demand = "stop"
)

// rule is one demand of a provider. small, bulk: of whom.
type rule struct {
	demand      demand
	small, bulk bool
}

// provider is who demands, and where it says so. The text of each rule is in words.
type provider struct {
	name, source, dated string
	rules               []rule
}

// providers are the rules as they stood at the dates given. They change a few times a year: look at the sources again then.
func providers() []provider {
	return []provider{
		{"Gmail", "https://support.google.com/a/answer/81126", "2026-03-21", []rule{
			{demandEither, true, false},
			{demandBoth, false, true},
			{demandDMARC, false, true},
			{demandAligned, false, true},
			{demandPTR, true, true},
			{demandTLS, true, true},
			{demandForm, true, true},
			{demandSpam, true, true},
			{demandOneClick, false, true},
		}},
		{"Yahoo", "https://senders.yahooinc.com/best-practices/", "2025-04-10", []rule{
			{demandEither, true, false},
			{demandBoth, false, true},
			{demandDMARC, false, true},
			{demandAligned, false, true},
			{demandPTR, true, true},
			{demandResolves, true, true},
			{demandSpam, true, true},
			{demandOneClick, false, true},
		}},
		{"Microsoft", "https://techcommunity.microsoft.com/blog/microsoftdefenderforoffice365blog/4399730", "2025-04-29", []rule{
			{demandBoth, false, true}, {demandDMARC, false, true}, {demandAligned, false, true}, {demandReplies, false, true}, {demandLink, false, true},
		}},
		{"Microsoft", "https://sendersupport.olc.protection.outlook.com/pm/policies.aspx", "2026-06-15", []rule{{demandPTR, true, true}, {demandListening, true, true}}},
		{"Apple", "https://support.apple.com/102322", "2025-02-26", []rule{
			{demandBoth, true, true}, {demandDMARC, true, true}, {demandPTR, true, true}, {demandConsent, true, true}, {demandLink, true, true}, {demandListening, true, true},
		}},
	}
}

// requirements holds a report against what providers demand. ours: the mail goes out through this node, which sees to some.
func requirements(r *Report, e Expected, ours bool) []Requirement {
	j := &judge{report: r, ours: ours, spf: r.SPF, dkim: r.DKIM(e.Keys)}
	if ours && r.ReturnPath != "" { // the envelope's domain is what receivers check
		j.spf = r.ReturnPath
	}
	if !ours {
		j.dkim = anyKey(r)
		if j.spf == Proved && len(e.Sources) == 0 {
			j.spf = Unclear // a record in order, but nobody knows for which addresses
		}
	}
	var list []Requirement
	for _, p := range providers() {
		for _, rule := range p.rules {
			verdict, why := j.met(rule.demand)
			one := Requirement{Provider: p.name, What: what(rule.demand), Small: NotDemanded, Bulk: NotDemanded, Why: why, Source: p.source, Dated: p.dated}
			if rule.small {
				one.Small = verdict
			}
			if rule.bulk {
				one.Bulk = verdict
			}
			list = append(list, one)
		}
	}
	return list
}

// anyKey is the state of DKIM where no key is expected: one that is found proves that mail can be signed; that none was found
// proves nothing, unless there can be none.
func anyKey(r *Report) State {
	for _, s := range r.Keys {
		if s == Proved {
			return Proved
		}
	}
	if slices.ContainsFunc(r.Findings, func(f finding.Finding) bool { return f.Code == "no-keys" }) {
		return Missing
	}
	return Unclear
}

func what(d demand) wording.Text {
	switch d {
	case demandEither:
		return wording.Say("SPF or DKIM passes")
	case demandBoth:
		return wording.Say("SPF and DKIM pass")
	case demandDMARC:
		return wording.Say("a DMARC record, at least p=none")
	case demandAligned:
		return wording.Say("From agrees with the domain of SPF or DKIM")
	case demandPTR:
		return wording.Say("the sending address has a name that leads back to it")
	case demandTLS:
		return wording.Say("mail is sent over TLS")
	case demandForm:
		return wording.Say("messages follow RFC 5322")
	case demandOneClick:
		return wording.Say("newsletters are unsubscribed with one click (RFC 8058)")
	case demandLink:
		return wording.Say("newsletters have an unsubscribe link")
	case demandSpam:
		return wording.Say("under 0.3%% of the mail is reported as spam")
	case demandResolves:
		return wording.Say("the sender's domain exists in DNS")
	case demandReplies:
		return wording.Say("the sender's address takes replies")
	case demandConsent:
		return wording.Say("recipients have asked for the mail")
	case demandListening:
		return wording.Say("refused addresses are not sent to again")
	}
	return wording.Text{}
}
