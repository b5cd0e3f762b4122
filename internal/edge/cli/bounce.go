package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/engine/bounce"
)

type bounceCommand struct {
	Explain bounceExplain `cmd:"" help:"Say what mails that came back, or replies of servers, mean and what follows. Exit status 1 if a file cannot be read."`
}

type bounceExplain struct {
	Files []string `arg:"" optional:"" name:"file" help:"Mails, or texts such as 550 5.1.1 user unknown; - is the standard input."`
	Reply string   `help:"Explain this reply of a server." placeholder:"TEXT"`
	Host  string   `help:"The server that gave the reply: some have words of their own." placeholder:"MX"`
}

// maxReturned bounds a file. No server returns more than it takes, and few take more.
const maxReturned = 64 << 20

// explanation is one file's answer. What stands outside recipients is the first one's.
type explanation struct {
	File string `json:"file"`
	told
	Recipients []told           `json:"recipients,omitempty"` // all, if there are several
	Feedback   *feedbackSummary `json:"feedback,omitempty"`
}

type told struct {
	Kind       bounce.Kind   `json:"kind"`
	Class      bounce.Class  `json:"class"`
	Hard       bool          `json:"hard"`
	Action     bounce.Action `json:"action"`
	Recipient  string        `json:"recipient"`
	Status     string        `json:"status"`     // RFC 3463
	Reply      string        `json:"reply"`      // the reply code
	Diagnostic string        `json:"diagnostic"` // in the server's words
	Rule       string        `json:"rule"`
}

// feedbackSummary is what ties a complaint to a message; budkavle report read tells the rest.
type feedbackSummary struct {
	Type       string `json:"type"`
	UserAgent  string `json:"user_agent"`
	MailFrom   string `json:"mail_from"` // envelope sender of the mail complained of
	MessageID  string `json:"message_id"`
	FeedbackID string `json:"feedback_id"`
	Redacted   bool   `json:"redacted"` // the recipient is hidden
}

func (c *bounceExplain) Run(a *app) error {
	if c.Host != "" && c.Reply == "" {
		return &usageError{wording.Errorf("--host belongs to a reply; give one with --reply")}
	}
	if len(c.Files) == 0 && c.Reply == "" {
		return &usageError{wording.Errorf("nothing to explain; name a file, - for the standard input, or give --reply TEXT")}
	}
	cfg, err := a.loadConfig()
	if err != nil {
		return err
	}
	rules, err := bounce.Load(cfg.Bounce.Rules)
	if err != nil {
		return err
	}
	if c.Reply != "" {
		if err := a.tellExplanation(explainReply(rules, "--reply", c.Reply, c.Host)); err != nil {
			return err
		}
	}
	var unread error
	for _, file := range c.Files {
		raw, err := a.readReturned(file)
		if err != nil {
			a.complain(err)
			unread = errFaults
			continue
		}
		if err := a.tellExplanation(explainFile(rules, file, raw)); err != nil {
			return err
		}
	}
	return unread
}

func (a *app) readReturned(file string) ([]byte, error) {
	var from io.Reader = a.In
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, wording.Errorf("%s cannot be read: %w", file, errors.Unwrap(err))
		}
		defer f.Close()
		from = f
	}
	raw, err := io.ReadAll(io.LimitReader(from, maxReturned+1))
	if err != nil {
		return nil, wording.Errorf("%s cannot be read: %w", file, err)
	}
	if len(raw) > maxReturned {
		return nil, wording.Errorf("%s has more than %d octets; no mail that came back is as large", file, maxReturned)
	}
	return raw, nil
}

// explainFile reads a mail, or a reply if the file begins with a reply code.
func explainFile(rules *bounce.Rules, file string, raw []byte) explanation {
	if text := strings.TrimSpace(string(raw[:min(len(raw), 64)])); bounce.IsReply(text) {
		return explainReply(rules, file, string(raw), "")
	}
	read := rules.Mail(raw)
	e := explanation{File: file, told: told{Kind: read.Kind, Action: bounce.NoAction, Rule: read.Rule}}
	for i := range read.Recipients {
		e.Recipients = append(e.Recipients, tellReport(&read.Recipients[i]))
	}
	if len(e.Recipients) > 0 {
		e.told = e.Recipients[0]
	}
	if len(e.Recipients) == 1 {
		e.Recipients = nil
	}
	if f := read.Feedback; f != nil {
		mail := f.Returned.Header
		e.Feedback = &feedbackSummary{
			f.Type, f.UserAgent, f.MailFrom, strings.Trim(mail.Get("message-id"), "<> "), mail.Get("feedback-id"), e.Recipient == "",
		}
	}
	return e
}

func tellReport(r *bounce.Report) told {
	return told{r.Kind, r.Class, r.Hard, r.Action, r.Recipient, r.Status, replyCode(r.Code), r.Diagnostic, r.Rule}
}

func explainReply(rules *bounce.Rules, name, text, host string) explanation {
	said := bounce.ParseReply(text)
	said.Host = host
	v := rules.Reply(said)
	return explanation{File: name, told: told{
		v.Kind, v.Class, v.Hard, v.Action, "", said.Enhanced, replyCode(said.Code), strings.Join(strings.Fields(said.Text), " "), v.Rule,
	}}
}

func replyCode(code int) string {
	if code == 0 {
		return ""
	}
	return strconv.Itoa(code)
}

func (a *app) tellExplanation(e explanation) error {
	if a.json {
		return a.printJSON(e)
	}
	a.say("%s: %s", printable(e.File), a.kindWords(e.Kind))
	list := e.Recipients
	if len(list) == 0 {
		list = []told{e.told}
	}
	if e.Feedback != nil {
		a.say("  complaint:  %s, from %s", printable(e.Feedback.Type), orDash(printable(e.Feedback.UserAgent)))
	}
	for i := range list {
		if i > 0 {
			fmt.Fprintln(a.Out)
		}
		a.tellRecipient(&list[i])
	}
	return nil
}

func (a *app) tellRecipient(t *told) {
	if t.Recipient != "" {
		a.say("  recipient:  %s", printable(t.Recipient))
	}
	if t.Class != bounce.NoClass {
		a.say("  reason:     %s (%s)", a.classWords(t.Class), string(t.Class))
		if t.Hard {
			a.say("  hard:       yes, the address or its domain is dead")
		} else {
			a.say("  hard:       no, the address may well be alive")
		}
	}
	a.say("  what now:   %s", a.actionWords(t.Action, t.Kind))
	if t.Rule != "" {
		a.say("  rule:       %s", printable(t.Rule))
	}
	if codes := strings.TrimSpace(t.Reply + " " + t.Status); codes != "" {
		a.say("  codes:      %s", printable(codes))
	}
	if t.Diagnostic != "" {
		a.say("  said:       %s", printable(t.Diagnostic))
	}
}
