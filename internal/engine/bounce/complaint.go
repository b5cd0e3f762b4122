package bounce

import (
	"strings"

	"github.com/budkavle/budkavle/internal/standard/parts"
)

// Feedback is the head of a complaint (RFC 5965 3).
type Feedback struct {
	Type       string // "abuse", "opt-out", "fraud", "auth-failure", "not-spam", ...
	UserAgent  string
	SourceIP   string
	MailFrom   string // envelope sender of the mail complained of: our return path, whose key tells whether it is ours
	MessageID  string // of the mail complained of, without angle brackets
	FeedbackID string // its Feedback-ID, which is ours
	Redacted   bool   // no recipient is named, or only a made-up one
}

// complaint reads a feedback part. RFC 5965 3.2: a report may name several recipients, or none.
func (l *letter) complaint() Reading {
	f := &Feedback{
		Type: strings.ToLower(parts.FirstWord(l.feedback.Get("feedback-type"))), UserAgent: l.feedback.Get("user-agent"),
		SourceIP: parts.FirstWord(l.feedback.Get("source-ip")), MailFrom: l.feedback.Get("original-mail-from"),
	}
	var names []string
	for _, field := range [...]string{"original-rcpt-to", "removal-recipient"} {
		for i := range l.feedback {
			if l.feedback[i].Name == field && len(names) < maxNames {
				names = append(names, l.feedback[i].Value)
			}
		}
		if len(names) > 0 {
			break
		}
	}
	return l.complain(f, names, "feedback-report")
}

// plainComplaint is one that has no feedback part and is known by a rule. A mail program that asks to unsubscribe does so in
// its reader's name.
func (l *letter) plainComplaint(rule *mailRule) Reading {
	var names []string
	if l.original == nil {
		names = mailbox.FindAllString(l.header.Get("from"), 1)
	}
	return l.complain(&Feedback{Type: first(rule.feedback, "abuse")}, names, rule.name)
}

// complain adds what the message that came back says: Microsoft's reports have all in it.
func (l *letter) complain(f *Feedback, names []string, rule string) Reading {
	f.MessageID = strings.Trim(l.original.Get("message-id"), "<> ")
	f.FeedbackID = l.original.Get("feedback-id")
	f.MailFrom = strings.Trim(first(f.MailFrom, l.original.Get("return-path")), "<> ")
	for _, field := range [...]string{"x-hmxmroriginalrecipient", "x-original-to", "delivered-to", "to"} {
		if len(names) == 0 {
			names = mailbox.FindAllString(l.original.Get(field), maxNames)
		}
	}
	verdict := Verdict{Kind: KindComplaint, Action: Suppress, Rule: rule}
	switch f.Type {
	case "not-spam", "other":
		verdict.Action = NoAction
	case "auth-failure", "dmarc": // RFC 6591: what a receiver checked, no reader's wish
		verdict.Class, verdict.Action = Authentication, TellPostmaster
	}
	found := Reading{Kind: KindComplaint, Rule: rule, Feedback: f, Recipients: []Report{}}
	for _, name := range names {
		name = strings.Trim(name, "<> ")
		if strings.Contains(strings.ToLower(name), "redacted") || !strings.Contains(name, "@") {
			continue
		}
		found.Recipients = append(found.Recipients, Report{Verdict: verdict, Recipient: name})
	}
	if f.Redacted = len(found.Recipients) == 0; f.Redacted {
		found.Recipients = append(found.Recipients, Report{Verdict: verdict})
	}
	return found
}
