package dmarc

import (
	"strings"

	"github.com/budkavle/budkavle/internal/base/wording"
)

// Explanation says what one tag of a record brings about.
type Explanation struct {
	Tag     string       `json:"tag"`
	Value   string       `json:"value"`
	Default bool         `json:"default"` // it is not written
	Meaning wording.Text `json:"meaning"`
}

// Explain goes through all that a record says, and what it leaves to the defaults.
func Explain(r *Record) []Explanation {
	var list []Explanation
	add := func(tag, value string, meaning wording.Text) {
		_, written := r.Tag(tag)
		list = append(list, Explanation{tag, value, !written, meaning})
	}
	add("p", string(r.Policy), policyMeaning(r.Policy))
	sp := r.PolicyFor(true, true)
	add("sp", string(sp), wording.Say("for names below the domain: %s", policyMeaning(sp)))
	np := r.PolicyFor(true, false)
	add("np", string(np), wording.Say("for names below the domain that do not exist: %s", policyMeaning(np)))
	add("adkim", string(r.DKIM), modeMeaning("DKIM", r.DKIM))
	add("aspf", string(r.SPF), modeMeaning("SPF", r.SPF))
	if r.Testing {
		add("t", "y", wording.Say("the policy is being tested: receivers report what it would do, and do not do it"))
	} else {
		add("t", "n", wording.Say("the policy is in force"))
	}
	add("rua", addresses(r.Aggregate), reportMeaning(r.Aggregate, wording.Say("receivers report once a day there who sends as the domain and what passes")))
	add("ruf", addresses(r.Failure), reportMeaning(r.Failure, wording.Say("the few receivers that do so report single messages that failed there")))
	if len(r.Failure) > 0 {
		add("fo", strings.Join(r.Options, ":"), optionMeaning(r.Options))
	}
	switch r.PSD {
	case IsSuffix:
		add("psd", "y", wording.Say("the domain is a public suffix: organisations have the names one label below"))
	case NoSuffix:
		add("psd", "n", wording.Say("the domain is an organisation of its own, whatever is published above it"))
	default:
		add("psd", "u", wording.Say("the organisation is the uppermost domain with a record"))
	}
	return list
}

func policyMeaning(p Policy) wording.Text {
	switch p {
	case Quarantine:
		return wording.Say("mail that fails is suspicious and goes to the spam folder")
	case Reject:
		return wording.Say("mail that fails is refused")
	}
	return wording.Say("mail that fails is treated as any other")
}

func modeMeaning(what string, m Mode) wording.Text {
	if m == Strict {
		return wording.Say("%s must stand for the very domain of From", what)
	}
	return wording.Say("%s may stand for any domain of the same organisation", what)
}

func addresses(list []URI) string {
	texts := make([]string, len(list))
	for i, u := range list {
		texts[i] = u.Text
	}
	return strings.Join(texts, ",")
}

func reportMeaning(list []URI, some wording.Text) wording.Text {
	if len(list) == 0 {
		return wording.Say("no such reports are asked for")
	}
	return some
}

func optionMeaning(options []string) wording.Text {
	meanings := map[string]wording.Text{
		"0": wording.Say("a report if neither SPF nor DKIM passes and is aligned"),
		"1": wording.Say("a report if either SPF or DKIM does not pass or is not aligned"),
		"d": wording.Say("a report if a DKIM signature fails"),
		"s": wording.Say("a report if SPF fails"),
	}
	text := meanings[options[0]]
	for _, o := range options[1:] {
		text = wording.Say("%s; %s", text, meanings[o])
	}
	return text
}
