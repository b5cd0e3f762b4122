package proof

import (
	"slices"

	"github.com/budkavle/budkavle/internal/base/finding"
	"github.com/budkavle/budkavle/internal/base/wording"
)

// judge holds demands against a report.
type judge struct {
	report    *Report
	ours      bool
	spf, dkim State
}

// met says whether a demand is met, and why that is so.
func (j *judge) met(d demand) (Verdict, wording.Text) {
	both := wording.Say("SPF: %s, DKIM: %s", told(j.spf), told(j.dkim))
	switch d {
	case demandEither:
		return better(verdict(j.spf), verdict(j.dkim)), both
	case demandBoth:
		return worse(verdict(j.spf), verdict(j.dkim)), both
	case demandDMARC:
		return verdict(j.report.DMARC), wording.Say("DMARC: %s", told(j.report.DMARC))
	case demandAligned:
		return j.alignment()
	case demandPTR:
		return CannotKnow, wording.Say("ask for each address with: budkavle ip check")
	case demandTLS:
		return j.here(wording.Say("this node uses TLS wherever it is offered"))
	case demandForm:
		return j.here(wording.Say("this node completes headers, and refuses what is malformed"))
	case demandListening:
		return j.here(wording.Say("this node keeps a list of refused addresses"))
	case demandSpam:
		return CannotKnow, wording.Say("look at the provider's pages for senders")
	case demandOneClick, demandLink:
		return CannotKnow, wording.Say("it depends on the messages")
	case demandConsent:
		return CannotKnow, wording.Say("only the sender knows")
	}
	return j.answers(d == demandReplies)
}

// alignment: DKIM signs as the domain in From; SPF counts where the return path is the domain or below it.
func (j *judge) alignment() (Verdict, wording.Text) {
	if j.ours {
		return better(verdict(j.spf), verdict(j.dkim)), wording.Say("mail is signed as the domain in From, and its return path is below it")
	}
	if j.dkim == Proved {
		return Met, wording.Say("a key of the domain itself was found; what signs with it is aligned")
	}
	return CannotKnow, wording.Say("it depends on what signs the mail, and on its return path")
}

// here is a demand that this node sees to, and of which nothing is known elsewhere.
func (j *judge) here(why wording.Text) (Verdict, wording.Text) {
	if j.ours {
		return Met, why
	}
	return CannotKnow, wording.Say("it depends on the system that sends")
}

// answers: the domain exists, and with replies somebody can write back to it.
func (j *judge) answers(replies bool) (Verdict, wording.Text) {
	v := Met
	for _, f := range j.report.Findings {
		switch {
		case !slices.Contains([]string{SubjectMX, SubjectMailbox, SubjectNoReply}, f.Subject):
		case !replies && f.Code != "no-mx" && f.Code != "no-domain" && f.Code != "dns":
		case f.Code == "postmaster" || f.Code == "abuse":
		case f.Severity == finding.Error, f.Subject == SubjectNoReply:
			return NotMet, f.Found
		case f.Severity == finding.Unknown || f.Code == "not-asked":
			v = CannotKnow
		}
	}
	if v == CannotKnow {
		return v, wording.Say("the mail servers gave no clear answer, or were not asked")
	}
	return v, wording.Say("the domain has mail servers")
}

func verdict(s State) Verdict {
	switch s {
	case Proved:
		return Met
	case Missing, Wrong:
		return NotMet
	}
	return CannotKnow
}

// told is a state in words.
func told(s State) wording.Text {
	switch s {
	case Proved:
		return wording.Say("proved")
	case Missing:
		return wording.Say("missing")
	case Wrong:
		return wording.Say("wrong")
	}
	return wording.Say("cannot be told")
}

func better(a, b Verdict) Verdict {
	for _, v := range []Verdict{Met, CannotKnow} {
		if a == v || b == v {
			return v
		}
	}
	return NotMet
}

func worse(a, b Verdict) Verdict {
	for _, v := range []Verdict{NotMet, CannotKnow} {
		if a == v || b == v {
			return v
		}
	}
	return Met
}
