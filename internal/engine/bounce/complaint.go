package bounce

import (
	"github.com/budkavle/budkavle/internal/standard/arf"
)

// feedbackRule is named where a complaint is known by its feedback part.
const feedbackRule = "feedback-report"

// plainComplaint is one that has no feedback part and is known by a rule. A mail program that asks to unsubscribe does so in
// its reader's name.
func (l *letter) plainComplaint(rule *mailRule) Reading {
	f := &arf.Report{Type: first(rule.feedback, "abuse"), Incidents: 1, Returned: arf.Returned{Header: l.original}}
	if l.original == nil {
		f.Recipients = mailbox.FindAllString(l.header.Get("from"), 1)
	}
	return complaint(f, rule.name)
}

// complaint says what follows from a feedback report. It may name several recipients (RFC 5965 3.2); where it names none,
// the message that came back was to one. One entry without an address stands for those that are redacted.
func complaint(f *arf.Report, rule string) Reading {
	names := f.Recipients
	if len(names) == 0 {
		names = mailbox.FindAllString(f.Returned.Header.Get("to"), maxNames)
	}
	verdict := Verdict{Kind: KindComplaint, Action: Suppress, Rule: rule}
	switch {
	case f.Type == "auth-failure": // RFC 6591: what a receiver checked, no reader's wish
		verdict.Class, verdict.Action = Authentication, TellPostmaster
	case f.Type == "other" || !f.Complaint():
		verdict.Action = NoAction
	}
	found := Reading{Kind: KindComplaint, Rule: rule, Feedback: f}
	for _, name := range names {
		if !arf.Redacted(name) {
			found.Recipients = append(found.Recipients, Report{Verdict: verdict, Recipient: name})
		}
	}
	if len(found.Recipients) == 0 {
		found.Recipients = []Report{{Verdict: verdict}}
	}
	return found
}
